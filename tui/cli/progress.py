"""What `mission run` says while it runs: a plain line for each state change, once durable."""

from collections.abc import Sequence

from core.events import (
    AttemptStarted,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)
from core.states import ExecutionState, TaskState
from tui.cli.console import Console
from tui.output.line import state_line

_QUIET = frozenset({TaskState.READY, TaskState.PENDING})


class Progress:
    """Turns committed events into lines on stdout."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, events: Sequence[Event]) -> None:
        """Print the lines of a committed batch."""
        lines = [line for line in map(self._line, events) if line is not None]
        self._console.out_lines(lines)
        self._console.flush()

    def _line(self, event: Event) -> str | None:
        palette = self._console.palette
        if isinstance(event, TaskStateChanged):
            if event.to_state in _QUIET:
                return None
            reason, message = event.reason_code.value, event.message
            return state_line(event.at, event.to_state, event.task_id, reason, message, palette)
        if isinstance(event, AttemptStarted):
            what = f"attempt {event.attempt}"
            return state_line(event.at, TaskState.RUNNING, event.task_id, what, None, palette)
        if isinstance(event, StepExpanded):
            what = f"{len(event.items)} items"
            return state_line(event.at, TaskState.RUNNING, event.task_id, what, None, palette)
        if isinstance(event, ExecutionStateChanged):
            reason, message = event.reason_code.value, event.message
            return state_line(event.at, event.to_state, None, reason, message, palette)
        if isinstance(event, ExecutionCreated):
            what = f"{event.mission_name}: {len(event.step_ids)} steps as {event.execution_id}"
            return state_line(event.at, ExecutionState.PENDING, None, what, None, palette)
        if isinstance(event, CancelRequested):
            return f"{'cancel requested':>28}  by {event.actor}"
        return None
