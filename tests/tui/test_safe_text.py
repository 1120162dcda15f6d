"""Text from outside: what reaches the terminal, and how wide it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.value.terminal_text import width_of
from tui.words.safe_text import clean, clean_line, clean_lines, fit, fit_right, fold, wrap

ANY = st.text(st.characters(codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("[red]markup[/] [@click=app.quit]x[/]", "[red]markup[/] [@click=app.quit]x[/]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]52;c;c3RvbGVu\x07copied", "copied"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title", ""),
        ("\x9b31mred", "red"),
        ("\x9d52;c;x\x9cy", "y"),
        ("\x1bP1$r\x1b\\after", "after"),
        ("\x1b[2J\x1b[Hhome", "home"),
        ("\x1bcreset", "reset"),
        ("a\x1b", "a␛"),
        ("10%\r50%\r100%", "100%"),
        ("done\r", "done"),
        ("a\tb", "a       b"),
        ("bell\x07null\x00", "bell␇null␀"),
        ("\u202eevil\u202c", "evil"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("tag \U000e0041, \u180e\u2064", "tag , "),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("שלום עולם 🚀 e\u0301", "שלום עולם 🚀 e\u0301"),
        ("next\x85line\u2028sep", "next\ufffdline sep"),
    ],
)
def test_what_could_move_the_cursor_or_hide_is_taken_out(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(ANY)
def test_a_safe_line_holds_nothing_a_terminal_would_act_on(raw: str) -> None:
    shown = clean(raw)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert not any(c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200e\u200f" for c in shown)
    assert clean(shown) == shown


@given(ANY, st.integers(0, 40))
def test_a_fitted_text_has_exactly_the_width_asked_for(raw: str, width: int) -> None:
    assert width_of(fit(clean(raw), width)) == width
    assert width_of(fit_right(clean(raw), width)) == width


@given(ANY, st.integers(2, 30))
def test_folding_loses_nothing_and_keeps_to_the_width(raw: str, width: int) -> None:
    text = clean(raw)
    pieces = fold(text, width)
    assert "".join(pieces) == text
    assert all(width_of(piece) <= width for piece in pieces)


@given(ANY, st.integers(2, 30))
def test_wrapping_keeps_to_the_width_and_drops_only_blanks(raw: str, width: int) -> None:
    text = clean(raw)
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_text_is_wrapped_between_words() -> None:
    assert wrap("waits for a slot", 9) == ["waits for", "a slot"]


def test_lines_are_split_at_line_feeds_only() -> None:
    assert clean_lines("a\r\nb\x0bc\nd") == ["a", "b␋c", "d"]
    assert clean_line("a\nb\n") == "a ⏎ b"


def test_what_is_cut_says_so() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("日本語", 4) == "日… "
    assert fit("x", 0) == ""


def test_a_text_of_blanks_is_wrapped_at_once() -> None:
    began = time.monotonic()
    assert wrap("word" + " " * 50_000, 80)[0].startswith("word")
    assert wrap(" " * 50_000, 80)
    assert time.monotonic() - began < 2
