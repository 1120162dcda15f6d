"""Base of graph, tree and Gantt chart: the selection, its messages, and the signs of states.

`Selected` and `Opened` are handled as `on_step_canvas_selected` and `on_step_canvas_opened`,
whichever canvas says so.
"""

import time
from collections.abc import Callable, Mapping

from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from core.domain.states import TaskState
from core.value.terminal_text import width_of
from tui.live.node_status import NodeStatus
from tui.words.state_glyphs import APPEARANCES, is_utf8_terminal
from tui.words.transliterate import to_ascii

MAX_STEPS_INLINE = 300
"""Up to this many steps are laid out at once, more of them in a thread."""


class StepCanvas(Widget):
    """Mixin of a canvas. The selection is a step id, however the canvas draws steps."""

    selection: reactive[str | None] = reactive(None, repaint=False)
    """The id of the selected step; a canvas that does not draw it leaves its cursor where it is."""

    chosen: str | None = None
    """The user's selection that the screen has not applied yet."""

    class StepMessage(Message):
        """Base of the messages of a canvas about a step."""

        def __init__(self, view: "StepCanvas", task_id: str) -> None:
            super().__init__()
            self.view = view
            self.task_id = task_id

        @property
        def control(self) -> "StepCanvas":
            """The canvas."""
            return self.view

    class Selected(StepMessage):
        """Another step is selected. `members` has every step of the node under the cursor."""

        def __init__(self, view: "StepCanvas", task_id: str, members: tuple[str, ...] = ()) -> None:
            super().__init__(view, task_id)
            self.members = members

    class Opened(StepMessage):
        """Enter or a second click on a step."""

    def equip(self, ascii_only: bool | None, now: Callable[[], int] | None) -> None:
        """Set clock and character set, by default that of the terminal."""
        self._ascii = not is_utf8_terminal() if ascii_only is None else ascii_only
        self._now = now or time.time_ns

    def set_states(self, changes: Mapping[str, TaskState | NodeStatus]) -> None:
        """Apply newer states of steps."""

    def say(self, text: str) -> None:
        """Show a notice in place of steps, until there are some."""

    def sign_of(self, state: str) -> str:
        """Return the sign of a state, by its value."""
        appearance = APPEARANCES[state]
        return appearance.ascii if self._ascii else appearance.sign

    def drawable(self, text: str) -> str:
        """Return a safe text, transliterated if the terminal requires ASCII."""
        return to_ascii(text, width_of) if self._ascii else text

    def watch_selection(self) -> None:
        """Put the cursor on the selected step."""
        self.follow_selection()

    def follow_selection(self) -> None:
        """Put the cursor where the selection is."""

    def tell_selected(self, task_id: str, members: tuple[str, ...] = ()) -> None:
        """Select a step on behalf of the user."""
        self.selection = self.chosen = task_id
        self.post_message(self.Selected(self, task_id, members))

    def action_open(self) -> None:
        """Open the selected step."""
        if self.selection is not None:
            self.post_message(self.Opened(self, self.selection))
