"""How instants, sizes and shares are written."""

from core.domain.state_word import counted
from tui.words.numbers import ago, bar, elapsed, percent, remaining, rough, size, sparkline

S = 1_000_000_000


def test_rough_durations_have_one_unit() -> None:
    assert [rough(s) for s in (8, 1140, 7200, 259_200)] == ["8s", "19m", "2h", "3d"]
    assert ago(5 * S, 5 * S) == "just now"
    assert ago(0, 90 * S) == "1m ago"


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
    assert counted(1, "step") == "1 step"
    assert counted(1738, "step") == "1,738 steps"
    assert size(812) == "812 B"
    assert size(1_468_006) == "1.4 MiB"
    assert elapsed(None, None, 5) is None
    assert elapsed(0, None, 5 * S) == 5
