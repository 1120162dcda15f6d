"""The styles of the graph canvases, computed from theme, background and focus of a widget."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from tui.layout.highlighted_edges import Mark
from tui.look.theme import theme_styles


@dataclass(frozen=True, slots=True)
class CanvasStyles:
    """All styles of a canvas; `signs` and `names` by the value of a state."""

    base: Style
    muted: Style
    faint: Style
    accent: Style
    cursor: Style
    frame: Style
    signs: Mapping[str, Style]
    names: Mapping[str, Style]
    marks: Mapping[Mark, Style]


def styles_of(widget: Widget) -> CanvasStyles:
    """Return the styles for the current background, theme and focus of a widget."""
    base = widget.rich_style
    styles = theme_styles(widget.app)
    theme = widget.app.current_theme
    if theme.ansi:
        near = Style(color="bright_blue", bold=True)
    else:
        near = Style(color=Color.parse(theme.primary).hex6, bold=True)
    names = dict.fromkeys(styles.states, base + styles.text)
    names |= dict.fromkeys(("PENDING", "READY", "SKIPPED", "CANCELLED"), base + styles.muted)
    names |= dict.fromkeys(("RUNNING", "WAITING"), base + styles.strong)
    names["FAILED"] = base + styles.states["FAILED"]
    return CanvasStyles(
        base=base,
        muted=base + styles.muted,
        faint=base + styles.faint,
        accent=base + styles.accent,
        frame=base + (near if widget.has_focus else styles.text),
        cursor=styles.cursor if widget.has_focus else styles.cursor_blurred,
        signs={name: base + style for name, style in styles.states.items()},
        names=names,
        marks={
            Mark.NONE: base + styles.line,
            Mark.CRITICAL: base + styles.accent,
            Mark.UPSTREAM: base + near,
            Mark.DOWNSTREAM: base + near,
        },
    )
