"""How times, shares and counts are written."""

import pytest

from tui.format import (
    ago,
    bar,
    clock,
    count,
    elapsed,
    long_clock,
    percent,
    remaining,
    rough,
    share_done,
    size,
    sparkline,
)

S = 1_000_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00s"),
        (0.42, "0.42s"),
        (7.31, "7.3s"),
        (41, "00:41"),
        (130, "02:10"),
        (3730, "1:02:10"),
        (273_600 + 90_000, "4d 05h"),
        (-3, "0.00s"),
    ],
)
def test_a_duration_shows_its_size(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_the_long_clock_counts_days() -> None:
    assert long_clock(728) == "00:12:08"
    assert long_clock(86_400 + 61) == "1d 00:01:01"


def test_rough_durations_have_one_unit() -> None:
    assert [rough(s) for s in (8, 1140, 7200, 259_200)] == ["8s", "19m", "2h", "3d"]
    assert ago(5 * S, 5 * S) == "now"
    assert ago(0, 90 * S) == "2m ago"


def test_only_all_is_a_hundred_percent_and_only_nothing_is_zero() -> None:
    assert [percent(s) for s in (0, 0.0001, 0.5, 0.9999, 1)] == ["0%", "1%", "50%", "99%", "100%"]


def test_a_bar_always_has_its_width() -> None:
    for share in (-1, 0, 0.01, 0.33, 0.5, 0.999, 1, 2):
        assert sum(map(len, bar(share, 11))) == 11
    assert bar(0.5, 4) == ("━━", "──")


def test_a_sparkline_has_a_bar_a_value() -> None:
    assert sparkline([0, 1, 2, 4]) == "▁▂▄█"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"


def test_the_estimate_prefers_history_then_the_runs_own_pace() -> None:
    assert remaining(60, 0.5, [100, 120, 140]) == 60
    assert remaining(200, 0.5, [100, 120, 140]) == 200
    assert remaining(10, 0.25, []) == 30
    assert remaining(1, 0.5, []) is None
    assert remaining(10, 0.0, []) is None


def test_numbers_come_with_their_noun() -> None:
    assert count(1, "step") == "1 step"
    assert count(1738, "step") == "1,738 steps"
    assert size(812) == "812 B"
    assert size(1_468_006) == "1.4 MiB"
    assert elapsed(None, None, 5) is None
    assert elapsed(0, None, 5 * S) == 5


def test_the_share_done_counts_every_end() -> None:
    assert share_done({}) == 0
    assert (
        share_done({"SUCCESS": 1, "FAILED": 1, "SKIPPED": 1, "CANCELLED": 1, "RUNNING": 4}) == 0.5
    )
