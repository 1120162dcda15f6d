"""The screen in characters that every terminal has."""

from hypothesis import given
from hypothesis import strategies as st

from core.value.terminal_text import width_of
from tui.words.safe_text import clean
from tui.words.state_glyphs import APPEARANCES
from tui.words.transliterate import to_ascii


def test_every_state_keeps_its_own_sign() -> None:
    assert [to_ascii(appearance.sign, width_of) for appearance in APPEARANCES.values()] == [
        appearance.ascii for appearance in APPEARANCES.values()
    ]


@given(st.text())
def test_any_line_becomes_ascii_of_the_same_width(raw: str) -> None:
    line = clean(raw)
    drawn = to_ascii(line, width_of)
    assert drawn.isascii()
    assert len(drawn) == sum(width_of(character) for character in line)


def test_what_has_no_likeness_keeps_its_cells() -> None:
    assert to_ascii("世界 é …", width_of) == "???? e ~"
