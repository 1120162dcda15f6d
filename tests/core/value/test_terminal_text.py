"""What a terminal would act on or hide, and how many cells a text takes."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.value.terminal_text import UNSAFE, end_within, ends_within, printable, width_of

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "character",
    [
        *"\x00\x07\x1b\x7f\x85\x9b",
        *"\u061c\u200e\u200f\u202a\u202e\u2066\u2069",
        *"\u00ad\u180e\u200b\u2028\u2029\u2060\u2064\ufeff\ufff9",
        "\ud800",
        "\U000e0001",
        "\U000e0041",
    ],
)
def test_what_is_unsafe_becomes_a_stand_in_of_the_same_length(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text", ["plain", "👩\u200d🚀 بناء ok", "می\u200cخواهم", "e\u0301", "❤\ufe0f"]
)
def test_emoji_and_every_script_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_tabs_and_line_breaks_become_blanks() -> None:
    assert printable("a\tb\nc\rd") == "a b c d"


@given(ANY_TEXT)
def test_a_printable_text_can_be_encoded_and_keeps_offsets(raw: str) -> None:
    shown = printable(raw)
    shown.encode()
    assert len(shown) == len(raw)
    assert not re.search(f"[\x00-\x1f{UNSAFE}]", shown)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("日本", 4),
        ("ｶﾅ", 2),
        ("e\u0301", 1),
        ("कि", 1),
        ("👍", 2),
        ("👍\U0001f3fd", 2),
        ("❤", 1),
        ("❤\ufe0f", 2),
        ("1\ufe0f\u20e3", 2),
        ("a\ufe0f", 1),
        ("👩\u200d🚀", 2),
        ("👩\u200d🚀 go", 5),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),
    ],
)
def test_width_is_counted_in_cells(text: str, cells: int) -> None:
    assert width_of(text) == cells


def test_every_character_has_the_width_by_which_textual_lays_out() -> None:
    safe = re.compile(f"[^\x00-\x1f{UNSAFE}]")
    other = [
        hex(code)
        for code in range(0x110000)
        if safe.match(chr(code))
        and unicodedata.category(chr(code)) != "Cn"
        and width_of(chr(code)) != cell_len(chr(code))
    ]
    assert other == []


TRICKY_TEXT = st.text(
    st.sampled_from("a1#é漢字ｶ한☁❤👩🚀👍 \u0301\u200d\ufe0f\u1160\U0001f3fd"), max_size=30
)
"""Wide, narrow and zero-width characters, and those that change the width of their neighbours."""


@given(st.text(max_size=40) | TRICKY_TEXT, st.integers(0, 20))
def test_the_part_that_fits_is_the_longest(raw: str, width: int) -> None:
    text = printable(raw)
    end = end_within(text, width)
    assert width_of(text[:end]) <= width
    assert end == len(text) or width_of(text[: end + 1]) > width


def test_the_part_that_fits_is_found_behind_many_characters_without_a_width() -> None:
    text = "e" + "\u0301" * 5_000 + "漢字"
    assert [end_within(text, width) for width in (0, 1, 2, 3)] == [0, 5_001, 5_001, 5_002]


@given(st.text(max_size=40) | TRICKY_TEXT, st.integers(2, 20))
def test_a_text_is_divided_into_parts_that_fit(raw: str, width: int) -> None:
    text = printable(raw)
    ends = ends_within(text, width)
    parts = [text[start:end] for start, end in pairwise((0, *ends))]
    assert "".join(parts) == text
    assert all(width_of(part) <= width for part in parts)
    if text:
        assert all(parts)


@given(TRICKY_TEXT)
def test_a_text_is_as_wide_as_its_characters_are_one_after_the_other(text: str) -> None:
    base, is_joined, cells = "", False, 0
    for character in text:
        if is_joined and not character.isascii():
            is_joined = False
            continue
        is_joined = character == "\u200d"
        if character == "\ufe0f":
            cells += width_of(f"{base}\ufe0f") - width_of(base)
            base = ""
        elif width_of(character):
            base = character
            cells += width_of(character)
    assert width_of(text) == cells
