"""Pictures of the screen as they are put into documents."""

import re
from io import StringIO

from rich.console import Console

from tui.look.svg_picture import CELL_PIXELS, tidy


def a_picture(text: str) -> str:
    console = Console(record=True, width=40, file=StringIO())
    console.print(text, markup=False, highlight=False)
    return console.export_svg(title="deck", unique_id="deck")


def pieces(svg: str) -> list[tuple[float, str]]:
    found = re.findall(r'<tspan x="([^"]*)"[^>]*>([^<]*)</tspan>', svg)
    return [(round(float(x) / CELL_PIXELS, 3), text) for x, text in found if text.strip()]


def test_a_picture_loads_nothing() -> None:
    assert "https://cdn" in a_picture("x")
    assert "https://cdn" not in tidy(a_picture("x"))


def test_words_are_placed_and_blanks_are_not_drawn() -> None:
    found = pieces(tidy(a_picture("   two  words <b>")))
    assert found == [(3, "two"), (8, "words"), (14, "&lt;b&gt;")]


def test_signs_are_placed_a_few_at_a_time() -> None:
    found = pieces(tidy(a_picture("────────世世│─│─│─")))
    assert found == [(0, "──────"), (6, "──世世│─"), (14, "│─│─")]
