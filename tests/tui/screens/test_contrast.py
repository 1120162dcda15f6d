"""Every text can be read in every theme: WCAG 2.2 asks for a contrast of 4.5 to its background."""

import math
from collections.abc import Iterator
from itertools import combinations
from operator import mul

import pytest
from rich.color import Color as RichColour
from rich.color import ColorType
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.screen import ModalScreen
from textual.theme import Theme

from tests.support.tui import (
    FakeBackend,
    busy_world,
    nightly,
    running,
    wait_for_text,
    wait_until,
)
from tests.tools.log_world import a_colourful_import
from tui.app import MissionDeckApp
from tui.look.contrast import MIN_CONTRAST, contrast, legible
from tui.look.theme import THEMES, ThemeStyles, styles_of, theme_styles

MIN_DIFFERENCE = 11
"""Between the colours of two states, in CIELAB; of 2 a difference can just be seen."""
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)


def texts_of(styles: ThemeStyles) -> Iterator[tuple[str, Style]]:
    for name in ("text", "strong", "muted", "faint", "accent", "good", "warn", "bad"):
        yield name, styles.named(name)
    yield from styles.states.items()


def ratio(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_style_and_state_is_legible_on_every_background(theme: Theme) -> None:
    styles = styles_of(theme)
    plain = [Style(bgcolor=colour) for colour in (theme.background, theme.surface)]
    lit = [styles.cursor, styles.cursor_blurred, styles.bar, styles.bar_focused]
    for name, text in texts_of(styles):
        for behind in plain:
            assert ratio(behind + text) >= MIN_CONTRAST, (name, behind)
        for behind in lit:
            assert ratio(legible(behind + text)) >= MIN_CONTRAST, (name, behind)
    for style in (styles.match, styles.match_current, styles.bar, styles.bar_focused):
        assert ratio(style) >= MIN_CONTRAST


def test_reversed_text_has_no_colour_whose_contrast_is_not_known() -> None:
    shown = legible(Style(color="yellow", reverse=True, dim=True, bold=True))
    assert (shown.color, shown.reverse, shown.dim, shown.bold) == (
        RichColour.default(),
        True,
        False,
        True,
    )


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_states_differ_for_those_who_see_no_green(theme: Theme) -> None:
    styles = styles_of(theme)
    states = ("SUCCESS", "FAILED", "RUNNING", "WAITING", "CANCELLED", "PENDING")
    seen = {state: seen_without_green(styles.states[state]) for state in states}
    for one, other in combinations(states, 2):
        assert math.dist(seen[one], seen[other]) >= MIN_DIFFERENCE, (one, other)


def seen_without_green(style: Style) -> tuple[float, float, float]:
    """Return a colour as deuteranopes see it, in CIELAB.

    The simulation is that of Machado, Oliveira and Fernandes (2009), of the greatest severity.
    """
    assert style.color is not None
    parts = Color.from_rich_color(style.color).normalized
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    red, green, blue = (max(0.0, sum(map(mul, row, linear))) for row in DEUTERANOPIA)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def unreadable(app: App[None]) -> set[tuple[str, float]]:
    """Return the words on the screen whose colours contrast too little, with their ratios.

    What is behind a dialog is dimmed on purpose.
    """
    found = set()
    region = app.screen.region
    if isinstance(app.screen, ModalScreen):
        region = next(iter(app.screen.children)).region
    strips = app.screen._compositor.render_strips()
    for strip in strips[region.y : region.bottom]:
        for segment in strip.crop(region.x, region.right):
            style = segment.style
            if style is None or not any(c.isalnum() for c in segment.text):
                continue
            if style.color is None or style.bgcolor is None:
                continue
            if {style.color.type, style.bgcolor.type} == {ColorType.TRUECOLOR}:
                at = ratio(style)
                if at < MIN_CONTRAST:
                    found.add((segment.text.strip(), round(at, 2)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_screen_is_legible(theme: str) -> None:
    world, run = busy_world()
    found = {}
    async with running(FakeBackend(world, nightly()), size=(140, 45)) as pilot:
        await wait_for_text(pilot, "nightly")
        pilot.app.theme = theme
        await pilot.pause(0.2)

        def look(name: str) -> None:
            found[name] = unreadable(pilot.app)

        for key in ("down", "tab", "question_mark", "escape", "ctrl+p", "escape", "slash"):
            await pilot.press(key)
            await pilot.pause(0.1)
            look(f"home {key}")
        await pilot.press("escape", "escape")
        assert isinstance(pilot.app, MissionDeckApp)
        pilot.app.open_execution(run)
        await wait_for_text(pilot, "promote-7", "Logs")
        keys = (
            "2",
            "3",
            "4",
            "5",
            "1",
            "l",
            "L",
            "L",
            "g",
            "X",
            "escape",
            "R",
            "escape",
            "p",
            "enter",
        )
        for key in (*keys, "escape", "enter", "2", "3", "4", "5", "6", "7", "escape"):
            await pilot.press(key)
            await pilot.pause(0.1)
            look(f"execution {key}")
    backend, run = a_colourful_import()
    async with running(backend, size=(120, 40), start=run) as pilot:
        await wait_for_text(pilot, "slow query")
        pilot.app.theme = theme
        await pilot.press("l", "slash", *"orders", "enter")
        await wait_until(pilot, lambda: theme_styles(pilot.app).match is not None)
        await wait_for_text(pilot, "/orders ")
        found["log"] = unreadable(pilot.app)
    assert {name: words for name, words in found.items() if words} == {}
