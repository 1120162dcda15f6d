"""The themes, and the styles that the widgets draw with, derived from the active theme."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from core.domain.states import State
from tui.look.contrast import legible, toned
from tui.look.output_palette import OutputPalette
from tui.words.state_glyphs import APPEARANCES

DARK = Theme(
    name="deck-dark",
    primary="#56b4e9",
    secondary="#7aa2c8",
    accent="#e6a700",
    warning="#e6a700",
    error="#f0632b",
    success="#2ab58a",
    foreground="#d5dae2",
    background="#0f1318",
    surface="#151a21",
    panel="#1e2630",
    dark=True,
    variables={"footer-key-foreground": "#e6a700", "block-cursor-text-style": "none"},
)
LIGHT = Theme(
    name="deck-light",
    primary="#0b62a3",
    secondary="#3d6485",
    accent="#9a5b00",
    warning="#9a5b00",
    error="#a3152b",
    success="#0b7a55",
    foreground="#1d232b",
    background="#fbfbf9",
    surface="#f3f4f1",
    panel="#e4e8ea",
    dark=False,
    variables={
        "footer-key-foreground": "#9a5b00",
        "block-cursor-text-style": "none",
        "state-pending": "#6b7380",
        "state-queued": "#3d6fa5",
        "state-running": "#0b62a3",
        "state-waiting": "#8a5a00",
        "state-paused": "#8a5a00",
        "state-done": "#0b7a55",
        "state-failed": "#a3152b",
        "state-skipped": "#767d87",
        "state-cancelled": "#7d2459",
        "state-lost": "#a3152b",
    },
)
CONTRAST = Theme(
    name="deck-contrast",
    primary="#6fd3ff",
    secondary="#b9dcff",
    accent="#ffe14d",
    warning="#ffd000",
    error="#ff8a5c",
    success="#4dffc3",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#2a2a2a",
    dark=True,
    variables={
        "footer-key-foreground": "#ffe14d",
        "block-cursor-text-style": "none",
        "state-pending": "#c4c4c4",
        "state-queued": "#b9dcff",
        "state-running": "#6fd3ff",
        "state-waiting": "#ffd000",
        "state-paused": "#ffd000",
        "state-done": "#4dffc3",
        "state-failed": "#ff8a5c",
        "state-skipped": "#b4b4b4",
        "state-cancelled": "#ff9fe0",
        "state-lost": "#ff8a5c",
    },
)
THEMES = (DARK, LIGHT, CONTRAST)
"""Our own themes, the default first. Colour-blind people can distinguish their colours."""

THEME_CYCLE = (*(theme.name for theme in THEMES), "ansi-dark", "ansi-light")
"""The themes that the theme key cycles through; the last two use the terminal's 16 colours."""


@dataclass(frozen=True, slots=True, eq=False)
class ThemeStyles:
    """Styles of a theme, to be added to a widget's own style; `states` by the value of a state."""

    text: Style
    strong: Style
    muted: Style
    faint: Style
    """The least visible text."""
    line: Style
    """Rules and guides, which say nothing by themselves."""
    accent: Style
    good: Style
    warn: Style
    bad: Style
    cursor: Style
    cursor_blurred: Style
    bar: Style
    bar_focused: Style
    match: Style
    match_current: Style
    states: Mapping[str, Style]
    output: OutputPalette
    """The colours that output of a step asks for."""

    def state(self, state: State) -> Style:
        """Return the style of a state."""
        return self.states[state.value]

    def named(self, name: str) -> Style:
        """Return a style by name: a field, `state:NAME`, or for an empty name the null style."""
        if not name:
            return Style.null()
        if name.startswith("state:"):
            return self.states.get(name[6:], self.muted)
        style: Style = getattr(self, name)
        return style


def theme_styles(app: App[object]) -> ThemeStyles:
    """Return the styles of the active theme."""
    styles = styles_of(app.current_theme)
    return _without_colours(styles) if app.no_color else styles


def styles_of(theme: Theme) -> ThemeStyles:
    """Return the styles of a theme."""
    return _styles_for(_Key(theme))


class _Key:
    """A theme as a cache key, since `Theme` itself is not hashable."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme

    def __hash__(self) -> int:
        return hash(self.theme.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.theme is other.theme


@lru_cache(maxsize=16)
def _styles_for(key: _Key) -> ThemeStyles:
    theme = key.theme
    return _ansi_styles() if theme.ansi else _colour_styles(theme)


def _colour_styles(theme: Theme) -> ThemeStyles:
    variables = theme.variables
    background = Color.parse(theme.background or ("#111111" if theme.dark else "#f5f5f5"))
    foreground = Color.parse(theme.foreground or background.get_contrast_text().hex)
    panel = Color.parse(theme.panel or background.blend(foreground, 0.12).hex)
    primary = Color.parse(theme.primary)
    accent = Color.parse(theme.accent or theme.primary)
    warn = Color.parse(theme.warning or theme.primary)
    bad = Color.parse(theme.error or theme.primary)
    good = Color.parse(theme.success or theme.primary)

    surface = Color.parse(theme.surface or background.hex6)

    def over(colour: Color, share: float) -> str:
        return background.blend(colour, share).hex6

    def text(colour: Color | str) -> str:
        """Return a colour that can be read on lists and in dialogs."""
        found = Color.parse(colour) if isinstance(colour, str) else colour
        return toned(toned(found, surface), background).hex6

    states = {
        name: Style(
            color=text(variables.get(f"state-{appearance.word}", appearance.colour)),
            bold=appearance.bold or None,
        )
        for name, appearance in APPEARANCES.items()
    }
    return ThemeStyles(
        text=Style(color=foreground.hex6),
        strong=Style(color=foreground.hex6, bold=True),
        muted=Style(color=text(over(foreground, 0.68))),
        faint=Style(color=text(over(foreground, 0.5))),
        line=Style(color=over(foreground, 0.34)),
        accent=Style(color=text(accent)),
        good=Style(color=text(good)),
        warn=Style(color=text(warn)),
        bad=Style(color=text(bad), bold=True),
        cursor=Style(bgcolor=over(primary, 0.28)),
        cursor_blurred=Style(bgcolor=over(primary, 0.13)),
        bar=Style(color=over(foreground, 0.75), bgcolor=panel.hex6),
        bar_focused=Style(color=foreground.hex6, bgcolor=over(primary, 0.36)),
        match=Style(color=foreground.hex6, bgcolor=over(accent, 0.3)),
        match_current=legible(Style(color=background.hex6, bgcolor=accent.hex6, bold=True)),
        states=states,
        output=OutputPalette(
            background,
            (
                over(foreground, 0.34),
                bad.hex6,
                good.hex6,
                warn.hex6,
                primary.hex6,
                variables.get("state-cancelled", APPEARANCES["CANCELLED"].colour),
                variables.get("state-running", APPEARANCES["RUNNING"].colour),
                foreground.hex6,
            ),
        ),
    )


def _ansi_styles() -> ThemeStyles:
    return ThemeStyles(
        text=Style(),
        strong=Style(bold=True),
        muted=Style(dim=True),
        faint=Style(color="bright_black"),
        line=Style(color="bright_black"),
        accent=Style(color="yellow"),
        good=Style(color="green"),
        warn=Style(color="yellow"),
        bad=Style(color="red", bold=True),
        cursor=Style(reverse=True),
        cursor_blurred=Style(underline=True),
        bar=Style(underline=True),
        bar_focused=Style(reverse=True, bold=True),
        match=Style(underline=True, bold=True),
        match_current=Style(reverse=True, bold=True),
        states={
            name: Style(color=appearance.ansi, bold=appearance.bold or None)
            for name, appearance in APPEARANCES.items()
        },
        output=OutputPalette(),
    )


@lru_cache(maxsize=16)
def _without_colours(styles: ThemeStyles) -> ThemeStyles:
    """Return styles for a screen without colours, on which grey must not hide what matters."""
    loud = {name for name, appearance in APPEARANCES.items() if appearance.bold}
    return replace(
        styles,
        accent=styles.text,
        good=styles.text,
        warn=styles.strong,
        bad=styles.strong,
        states={name: styles.strong if name in loud else styles.muted for name in styles.states},
    )
