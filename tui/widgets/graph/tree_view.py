"""The steps as an indented tree: each below its first dependency, the others named beside it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from core.domain.state_word import counted
from core.domain.states import TaskState
from tui.keys.textual_bindings import bindings
from tui.layout.dag import dag_of
from tui.layout.tree_layout import TreeRow, guides, lay_tree
from tui.live.node_status import NodeStatus, as_status
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import LineView, Span
from tui.widgets.base.step_canvas import MAX_STEPS_INLINE, StepCanvas
from tui.widgets.graph.graph_model import GraphModel, model_of
from tui.widgets.graph.node_labels import detail
from tui.words.safe_text import shorten
from tui.words.state_glyphs import APPEARANCES

_MAX_LEVELS = 12
"""How many levels of indentation are drawn; an ellipsis stands for the others."""
PLACEHOLDER = "no steps"
_MAX_NAMED_PARENTS = 2
_MAX_NAME_CELLS = 40


class TreeView(LineView, StepCanvas):
    """Steps with guides. The selection is a step id; a folded step hides what is below it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("tree")

    placeholder = PLACEHOLDER

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        ascii_only: bool | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(id=id)
        self.equip(ascii_only, now)
        self._model: GraphModel | None = None
        self._rows: list[TreeRow] = []
        self._row_of: dict[int, int] = {}
        self._folded: set[int] = set()

    def set_graph(
        self,
        ids: Sequence[str],
        upstream: Sequence[Sequence[int]],
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Replace the graph; `upstream` holds indices into `ids`.

        Raises ValueError when an index does not exist or there is a cycle.
        """
        self.show_model(model_of(ids, dag_of(upstream), names))

    def show_model(self, model: GraphModel) -> None:
        """Replace the graph, with the states in its model."""
        self._model = model
        self._folded = set()
        self._take_rows([])
        self.set_reactive(StepCanvas.selection, None)
        self._rebuild()

    def say(self, text: str) -> None:
        """Show a notice in place of the rows until the next graph."""
        self.placeholder = text
        self.refresh()

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> None:
        """Apply newer states; only visible rows are redrawn."""
        model = self._model
        if model is None:
            return
        rows = []
        for step_id, value in changes.items():
            step = model.index.get(step_id)
            if step is not None:
                model.statuses[step] = as_status(value)
                rows.append(self._row_of.get(step, -1))
        self.refresh_rows(rows)

    def tick(self) -> None:
        """Repaint the visible rows with a running time."""
        model = self._model
        if model is None:
            return
        moving = (TaskState.RUNNING, TaskState.WAITING)
        self.refresh_rows(
            index
            for index in self.visible_rows
            if model.statuses[self._rows[index].node].state in moving
        )

    def _rebuild(self) -> None:
        model = self._model
        if model is None:
            return
        if len(model.ids) <= MAX_STEPS_INLINE:
            self._take_rows(lay_tree(model.dag, self._folded))
            return
        if not self._rows:
            self.placeholder = f"laying out {counted(len(model.ids), 'step')}…"
            self.refresh()
        self._rebuild_aside(model)

    @work(exclusive=True, group="layout")
    async def _rebuild_aside(self, model: GraphModel) -> None:
        rows = await asyncio.to_thread(lay_tree, model.dag, frozenset(self._folded))
        if model is self._model:
            self._take_rows(rows)

    def _take_rows(self, rows: list[TreeRow]) -> None:
        self._rows = rows
        self._row_of = {row.node: number for number, row in enumerate(rows)}
        self.placeholder = PLACEHOLDER
        self.rows_changed()
        if rows:
            self.follow_selection()

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> list[Span]:  # noqa: ARG002 - what is too long is cut
        """Return guides, sign, name, time and further parents of a step."""
        model = self._model
        if model is None:
            return []
        row = self._rows[index]
        status = model.statuses[row.node]
        appearance = APPEARANCES[status.state.value]
        spans: list[Span] = [
            (self._guides(row), styles.line),
            (self.sign_of(status.state.value) + " ", styles.state(status.state)),
            (self._title(row.node), styles.state(status.state) if appearance.bold else styles.text),
            ("  " + detail(status, self._now()), styles.muted),
        ]
        if row.extra:
            named = ", ".join(self._title(parent) for parent in row.extra[:_MAX_NAMED_PARENTS])
            more = (
                f" +{len(row.extra) - _MAX_NAMED_PARENTS}"
                if len(row.extra) > _MAX_NAMED_PARENTS
                else ""
            )
            spans.append((f"  + {named}{more}", styles.faint))
        if row.hidden:
            spans.append((f"  {'>' if self._ascii else '▸'} {row.hidden:,} below", styles.accent))
        return spans

    def _title(self, step: int) -> str:
        name = self._model.names[step] if self._model is not None else ""
        return self.drawable(shorten(name, _MAX_NAME_CELLS))

    def _guides(self, row: TreeRow) -> str:
        if row.depth == 0:
            return ""
        bars, is_cut = guides(self._rows, row, _MAX_LEVELS)
        down, tee, end, run = ("| ", "|-", "`-", "|>") if self._ascii else ("│ ", "├─", "╰─", "│↳")
        text = ("..." if self._ascii else "⋯ ") if is_cut else ""
        text += "".join(down if goes_on else "  " for goes_on in bars)
        head = self._rows[row.head]
        if row.is_run:
            return text + (" " + run[1] if head.is_last else run)
        return text + (end if row.is_last else tee)

    # --- selection -------------------------------------------------------------------------------

    def follow_selection(self) -> None:
        """Put the cursor on the selected step, unfolding what hides it."""
        model = self._model
        if model is None or not self._rows:
            return
        step = model.index.get(self.selection or "")
        if step is None:
            self.set_reactive(StepCanvas.selection, model.ids[self._rows[0].node])
            return
        if step not in self._row_of:
            while step not in self._row_of and model.dag.upstream[step]:
                step = model.dag.upstream[step][0]
                self._folded.discard(step)
            self._rebuild()
            return
        self.move_to(self._row_of[step])

    def steer_to(self, index: int) -> None:
        """Move the cursor to a row on behalf of the user, and select its step."""
        super().steer_to(index)
        model = self._model
        if model is None or self.cursor >= len(self._rows):
            return
        step_id = model.ids[self._rows[self.cursor].node]
        if step_id != self.selection:
            self.tell_selected(step_id)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Open the selected step."""
        event.stop()
        self.action_open()

    def action_fold(self) -> None:
        """Hide or show what is below the selected step."""
        if self._rows:
            self._folded ^= {self._rows[self.cursor].node}
            self._rebuild()

    def action_parent(self) -> None:
        """Move to the parent of the selected step."""
        if self._rows and self._rows[self.cursor].above >= 0:
            self.steer_to(self._rows[self.cursor].above)

    def action_child(self) -> None:
        """Move to the first child of the selected step."""
        below = self.cursor + 1
        if below < len(self._rows) and self._rows[below].above == self.cursor:
            self.steer_to(below)
