"""The texts in a node of the graph: sign, name, counts of a fold, and the lines of a box."""

from core.domain.state_word import state_word
from core.domain.states import TaskState
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from tui.layout.cell_scale import Zoom
from tui.layout.graph_folding import FoldKind
from tui.live.node_status import NodeStatus
from tui.widgets.base.line_view import Span
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.graph_model import Drawing, GraphModel
from tui.words.safe_text import fit, shorten
from tui.words.state_bar import state_bar
from tui.words.state_counts import count_signs
from tui.words.state_glyphs import APPEARANCES, SEVERITY
from tui.words.transliterate import to_ascii

MAX_NAME_CELLS = {Zoom.DOTS: 0, Zoom.COMPACT: 8, Zoom.LABEL: 26, Zoom.BOX: 24}
_MAX_FOLD_NAME_CELLS = {Zoom.DOTS: 0, Zoom.COMPACT: 12, Zoom.LABEL: 30, Zoom.BOX: 30}
_MAX_COUNTS_CELLS = 22
_MIN_BOX_CELLS = 16
BAR_CELLS = 8
"""The width of the bar by state in the box of a fold."""
_FRAMES = {
    (False, False): "╭╮╰╯─│",
    (False, True): "┏┓┗┛━┃",
    (True, False): "++++-|",
    (True, True): "####=#",
}
_FOLD_SIGNS = {FoldKind.CHAIN: "▣", FoldKind.SIBLINGS: "▣", FoldKind.ALIKE: "▦"}


class Labels:
    """Measures and draws the nodes of one layout."""

    def __init__(self, model: GraphModel, drawing: Drawing, *, ascii_only: bool) -> None:
        self._model = model
        self._drawing = drawing
        self._ascii = ascii_only
        self._tallies: dict[int, dict[TaskState, int]] = {}

    def changed(self, group: int) -> None:
        """Invalidate the counts of a group."""
        self._tallies.pop(group, None)

    def tally(self, group: int) -> dict[TaskState, int]:
        """Count the steps of a group by state."""
        found = self._tallies.get(group)
        if found is None:
            found = self._model.tally(self._drawing.groups[group])
            self._tallies[group] = found
        return found

    def state(self, group: int) -> TaskState:
        """Return the worst state in a group."""
        members = self._drawing.groups[group]
        if len(members) == 1:
            return self._model.statuses[members[0]].state
        return max(self.tally(group), key=lambda state: SEVERITY[state.value])

    def is_fold(self, group: int) -> bool:
        """Tell whether a group is more than one step."""
        return len(self._drawing.groups[group]) > 1

    def width(self, group: int, zoom: Zoom) -> int:
        """Return the width of a node at a zoom level, including a space after a label."""
        if zoom is Zoom.DOTS:
            return 1
        limit = (_MAX_FOLD_NAME_CELLS if self.is_fold(group) else MAX_NAME_CELLS)[zoom]
        name = min(width_of(self._drawing.titles[group]), limit)
        if zoom is Zoom.BOX:
            counts = self._counts_room(group) + BAR_CELLS + 1 if self.is_fold(group) else 0
            return max(_MIN_BOX_CELLS, name + 2, counts) + 4
        counts = self._counts_room(group) + 1 if zoom is Zoom.LABEL and self.is_fold(group) else 0
        return 2 + name + counts + 1

    def _counts_room(self, group: int) -> int:
        """Return the width reserved for the counts of a fold."""
        digits = len(str(len(self._drawing.groups[group])))
        return min(_MAX_COUNTS_CELLS, 2 * (digits + 2) + 2 * 3 - 1)

    def sign(self, group: int) -> str:
        """Return the sign of a node: that of its state, or of its kind of fold."""
        if not self.is_fold(group):
            appearance = APPEARANCES[self.state(group).value]
            return appearance.ascii if self._ascii else appearance.sign
        return "*" if self._ascii else _FOLD_SIGNS[self._drawing.kind(group)]

    def spans(self, group: int, zoom: Zoom, styles: CanvasStyles) -> list[Span]:
        """Draw a node on one line."""
        state = self.state(group).value
        spans: list[Span] = [(self.sign(group), styles.signs[state])]
        if zoom is Zoom.DOTS:
            return spans
        limit = (_MAX_FOLD_NAME_CELLS if self.is_fold(group) else MAX_NAME_CELLS)[zoom]
        name = shorten(self.title(group), limit)
        spans.append((" " + name, styles.names[state]))
        if zoom is Zoom.LABEL and self.is_fold(group):
            spans.append((" ", styles.base))
            spans += self.counts(group, self._counts_room(group), styles)
        spans.append((" ", styles.base))
        return spans

    def title(self, group: int) -> str:
        """Return the name of a node, in ASCII if the terminal requires it."""
        return self.drawable(self._drawing.titles[group])

    def drawable(self, text: str) -> str:
        """Return a safe text, in ASCII if the terminal requires it."""
        return to_ascii(text, width_of) if self._ascii else text

    def counts(self, group: int, room: int, styles: CanvasStyles) -> list[Span]:
        """Draw `96✓ 4▶ 1✗ 27○`; if it does not fit, the worst states are kept."""
        parts = [
            (state.value, text)
            for state, text in count_signs(self.tally(group), ascii_only=self._ascii)
        ]
        if sum(len(text) + 1 for _, text in parts) - 1 > room:
            parts.sort(key=lambda part: -SEVERITY[part[0]])
        spans: list[Span] = []
        for name, text in parts:
            blank = 1 if spans else 0
            if blank + len(text) > room:
                break
            room -= blank + len(text)
            spans.append((" " * blank + text, styles.signs[name]))
        return spans

    def box(
        self, group: int, part: int, now: int, styles: CanvasStyles, *, has_cursor: bool
    ) -> list[Span]:
        """Draw line `part` (0..3) of a box; under the cursor its frame is heavy."""
        state = self.state(group)
        width = self.width(group, Zoom.BOX)
        edge = styles.frame if has_cursor else styles.signs[state.value]
        frame = _FRAMES[self._ascii, has_cursor]
        inner = width - 4
        if part in (0, 3):
            left, right = (frame[0], frame[1]) if part == 0 else (frame[2], frame[3])
            return [(left + frame[4] * (width - 2) + right, edge)]
        side = frame[5]
        if part == 1:
            name = fit(shorten(self.title(group), inner - 2), inner - 2)
            middle: list[Span] = [
                (self.sign(group) + " ", styles.signs[state.value]),
                (name, styles.names[state.value]),
            ]
        elif self.is_fold(group):
            bar = state_bar(self.tally(group), BAR_CELLS, ascii_only=self._ascii)
            middle = [(cells, styles.signs[one.value]) for one, cells in bar]
            middle.append((" ", styles.base))
            middle += self.counts(group, inner - BAR_CELLS - 1, styles)
            used = sum(width_of(text) for text, _ in middle)
            middle.append((" " * (inner - used), styles.base))
        else:
            step = self._drawing.groups[group][0]
            text = detail(self._model.statuses[step], now, inner)
            middle = [(fit(text, inner), styles.muted)]
        return [(side + " ", edge), *middle, (" " + side, edge)]


def detail(status: NodeStatus, now: int, width: int = 80) -> str:
    """Format a state in words with its time and, from the second on, its attempt.

    Whole parts are left out from the end when they do not fit.
    """
    parts = [state_word(status.state, status.reason)]
    if status.state is TaskState.WAITING and status.resume_at is not None:
        parts.append(f"in {duration_text(max(0, status.resume_at - now) / 1e9)}")
    elif (seconds := status.seconds(now)) is not None:
        parts.append(duration_text(seconds))
    if status.attempt > 1:
        within = status.attempt <= status.max_attempts  # manual retries may exceed the limit
        number = (
            f"{status.attempt}/{status.max_attempts}" if within else f"attempt {status.attempt}"
        )
        parts.append(number)
    while len(parts) > 1 and len(" ".join(parts)) > width:
        parts.pop()
    return " ".join(parts)
