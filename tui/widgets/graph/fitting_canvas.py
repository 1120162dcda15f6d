"""Chooses the zoom level of a drawing, and whether its layers are wrapped, by the window."""

from functools import partial

from tui.layout.cell_scale import Zoom
from tui.widgets.graph.graph_model import MAX_WHOLE_NODES, Drawing, GraphModel
from tui.widgets.graph.layered_canvas import Canvas


def fitting_canvas(
    model: GraphModel,
    drawing: Drawing,
    window: tuple[int, int],
    zoom: Zoom | None,
    *,
    ascii_only: bool,
) -> Canvas:
    """Return the canvas of the chosen zoom; without one, of the largest that shows it whole.

    What does not fit the window is drawn in boxes up to `MAX_WHOLE_NODES` nodes, else in labels.
    """
    width, height = window
    make = partial(Canvas, model, drawing, ascii_only=ascii_only)
    if zoom is not None and zoom is not Zoom.LABEL:
        return make(zoom)
    if zoom is not None or len(drawing.nodes) > MAX_WHOLE_NODES:
        return make(Zoom.LABEL, pitch=2 if 2 * drawing.plane.rows <= height else 1)
    boxes = make(Zoom.BOX, wrap_at=width)
    if not _fits(boxes, window):
        for pitch in (2, 1):
            labels = make(Zoom.LABEL, wrap_at=width, pitch=pitch)
            if _fits(labels, window):
                return labels
    return boxes


def _fits(canvas: Canvas, window: tuple[int, int]) -> bool:
    return canvas.size[0] <= window[0] and canvas.size[1] <= window[1]
