"""The styles of the graph, tree and gantt, laid over a widget's own once for each theme."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from tui.layout.highlighted_edges import Mark
from tui.look.theme import inks_of


@dataclass(frozen=True, slots=True)
class CanvasStyles:
    """Every style a canvas draws with; `signs` and `names` by the value of a state."""

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
    """Return the styles for a widget as it is now: its background, its theme, its focus."""
    base = widget.rich_style
    inks = inks_of(widget.app)
    theme = widget.app.current_theme
    if theme.ansi:
        near = Style(color="bright_blue", bold=True)
    else:
        near = Style(color=Color.parse(theme.primary).hex6, bold=True)
    names = dict.fromkeys(inks.states, base + inks.text)
    names |= dict.fromkeys(("PENDING", "READY", "SKIPPED", "CANCELLED"), base + inks.muted)
    names |= dict.fromkeys(("RUNNING", "WAITING"), base + inks.strong)
    names["FAILED"] = base + inks.states["FAILED"]
    return CanvasStyles(
        base=base,
        muted=base + inks.muted,
        faint=base + inks.faint,
        accent=base + inks.accent,
        frame=base + (near if widget.has_focus else inks.text),
        cursor=inks.cursor if widget.has_focus else inks.cursor_blurred,
        signs={name: base + style for name, style in inks.states.items()},
        names=names,
        marks={
            Mark.NONE: base + inks.faint,
            Mark.CRITICAL: base + inks.accent,
            Mark.UPSTREAM: base + near,
            Mark.DOWNSTREAM: base + near,
        },
    )
