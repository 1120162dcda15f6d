"""Colours of output: SGR alone has an effect, and what is shown is always the safe text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from tui.look.contrast import MIN_CONTRAST, contrast
from tui.look.output_palette import OutputPalette
from tui.words.safe_text import clean
from tui.words.sgr_text import PLAIN, Sgr, applied, coloured

PARTS = st.sampled_from(
    (
        "\x1b[31m",
        "\x1b[1;38;5;208m",
        "\x1b[0m",
        "\x9b32m",
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\t",
        "\r",
        "\x1b[999999999999m",
        "\x1b[38;2;1m",
        "\x1b[m",
        "\x1b",
        "\u202e",
        "\x00",
        "é日本",
        "plain",
        " ",
    )
)


@given(st.lists(PARTS | st.text(max_size=6), max_size=12))
def test_the_texts_together_are_the_safe_text_whatever_comes(parts: list[str]) -> None:
    line = "".join(parts).replace("\n", "")
    assert "".join(text for text, _sgr in coloured(line)) == clean(line)


def test_colours_belong_to_what_follows_them_until_the_next() -> None:
    line = "a\x1b[1;31mb\x1b[22;39mc\x1b[38;5;208md\x1b[48;2;9;8;7me\x1b[0mf"
    assert coloured(line) == (
        ("a", PLAIN),
        ("b", Sgr(colour=1, bold=True)),
        ("c", PLAIN),
        ("d", Sgr(colour=208)),
        ("e", Sgr(colour=208, background=(9, 8, 7))),
        ("f", PLAIN),
    )
    assert coloured("\x1b[31mold\rnew\tx") == (("new     x", Sgr(colour=1)),)
    assert coloured("10 %\r\x1b[32m20 %\r") == (("20 %", Sgr(colour=2)),)
    assert coloured("\x1b[31m" + "x" * 30_000)[0][1] is PLAIN, "too long to be parsed each frame"


@pytest.mark.parametrize("parameters", ["", "0", "1;0", "38", "38;5", "38;2;1;2", "77", "38;9;1"])
def test_what_is_incomplete_or_unknown_has_no_effect(parameters: str) -> None:
    assert applied(PLAIN, parameters) == PLAIN


@pytest.mark.parametrize("background", ["#0f1318", "#fbfbf9", "#000000"])
def test_every_colour_is_legible_in_every_theme(background: str) -> None:
    basic = ("#333333", "#f0632b", "#2ab58a", "#e6a700", "#56b4e9", "#cc79a7", "#00aaaa", "#777777")
    palette = OutputPalette(Color.parse(background), basic)
    behind = Color.parse(background)
    for colour in (*range(0, 256, 5), (0, 0, 0), (255, 255, 255), (90, 90, 90), (0, 0, 255)):
        assert contrast(Color.parse(palette.text_of(colour, None)), behind) >= MIN_CONTRAST
        on = palette.background_of(colour)
        assert contrast(Color.parse(palette.text_of(7, on)), Color.parse(on)) >= MIN_CONTRAST


def test_a_terminal_of_sixteen_colours_gets_those_alone() -> None:
    palette = OutputPalette()
    assert palette.text_of(9, None) == "bright_red"
    assert palette.text_of((250, 10, 10), None) in ("red", "bright_red")
    assert palette.style(Sgr(colour=2, underline=True)).underline
