"""The tabs that draw: graph, tree and Gantt chart, each created on first use."""

from core.ports.clock import Clock
from tui.widgets.steps.drawn_tab import Canvas
from tui.widgets.steps.gantt_tab import GanttCanvas
from tui.widgets.steps.structure_tabs import GraphCanvas, TreeCanvas

CANVAS_TABS = ("graph", "tree", "gantt")
_MAKERS = {"graph": GraphCanvas, "tree": TreeCanvas, "gantt": GanttCanvas}


def make_canvas(tab: str, clock: Clock) -> Canvas:
    """Return the canvas of a tab; its modules are imported on first use."""
    return _MAKERS[tab](tab, clock)
