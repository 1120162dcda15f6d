import pytest

from core.value.duration import MAX_SECONDS, duration_text, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("500ms", 0.5),
        ("90s", 90.0),
        ("1h30m", 5400.0),
        ("2d", 172_800.0),
        (" 1h 30m 5s ", 5405.0),
        ("0.5h", 1800.0),
        ("3650d", MAX_SECONDS),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_text(written: float | str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (-1, "negative"),
        ("-5s", "negative"),
        ("3651d", "ten years"),
        (float("inf"), "ten years"),
        (float("nan"), "ten years"),
        (10**400, "ten years"),
        ("", "must be"),
        ("soon", "must be"),
        ("1h30", "must be"),
        ("1 fortnight", "must be"),
        ("٣s", "must be"),
        ("1e3", "must be"),
        ("9" * 100, "must be"),
        (True, "must be"),
        (None, "must be"),
        ([1], "must be"),
    ],
)
def test_anything_else_is_no_duration(written: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "<1ms"),
        (0.0002, "<1ms"),
        (0.34, "340ms"),
        (0.9999, "999ms"),
        (1.0, "1s"),
        (4.2, "4.2s"),
        (9.99, "9.9s"),
        (43.7, "43s"),
        (59.99, "59s"),
        (77, "1m17s"),
        (7_500, "2h05m"),
        (273_600, "3d04h"),
        (-72, "-1m12s"),
    ],
)
def test_a_duration_is_written_in_one_form_and_never_ahead_of_what_has_passed(
    seconds: float, text: str
) -> None:
    assert duration_text(seconds) == text
