"""A sub-mission that is open in place, as the inspector sees it at the moment of the screen."""

from collections.abc import Callable, Sequence

from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.messages import Delta
from tui.live.screen.as_of import AsOf
from tui.look.styled_text import Part
from tui.screens.panes.inspected_step import InspectedExecution


class InspectedInner:
    """One execution of a sub-mission, which the screen of the run keeps up to date.

    `board_now` returns the board that is open in its place by now, `as_shown` the records of a step
    at the moment of the screen; `go_to` puts the cursor of the screen on one of its steps.
    """

    def __init__(
        self,
        screen: InspectedExecution,
        board: Board,
        *,
        board_now: Callable[[], Board | None],
        as_shown: Callable[[Board, StepRecords], StepRecords | None],
        go_to: Callable[[str], None],
    ) -> None:
        self._screen = screen
        self._known = board
        self._board_now = board_now
        self._as_shown = as_shown
        self._go_to = go_to
        self.clock = screen.clock

    @property
    def board(self) -> Board | None:
        """Its board; the last one once another execution has taken its place."""
        found, known = self._board_now(), self._known
        if found is not None and found.execution.execution_id == known.execution.execution_id:
            self._known = found
        return self._known

    @property
    def as_of(self) -> AsOf | None:
        """The moment of the past that is shown; None for now."""
        return self._screen.as_of

    def past_head(self) -> Sequence[Part]:
        """Return which moment is shown; nothing for now."""
        return self._screen.past_head()

    def as_shown(self, records: StepRecords) -> StepRecords | None:
        """Return a step's records at the moment shown; None if it was not there yet."""
        return self._as_shown(self._known, records)

    def deliver(self, delta: Delta) -> None:
        """Apply what was committed."""
        self._screen.deliver(delta)

    def select(self, task_id: str) -> None:
        """Put the cursor of the screen on a step."""
        self._go_to(task_id)

    def action_logs(self) -> None:
        """Go to the log of the step under the cursor."""
        self._screen.action_logs()

    def action_show_attempt(self, number: int) -> None:
        """Show the log of an attempt by its number."""
        self._screen.action_show_attempt(number)
