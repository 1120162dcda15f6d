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
from core.state_word import counted
from core.states import ExecutionState, TaskState
from tui.cli.console import Console
from tui.output.line import QUIET, state_line


class Progress:
    """Turns committed events into lines on stdout."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, events: Sequence[Event], above: Sequence[str] = ()) -> None:
        """Print the lines of a committed batch; `above` are the steps a sub-mission runs under."""
        sign = self._console.palette.sign("›", ">")
        front = "".join(f"{task_id} {sign} " for task_id in above)
        lines = [line for event in events if (line := self._line(event, front)) is not None]
        self._console.out_lines(lines)
        self._console.flush()

    def _line(self, event: Event, front: str) -> str | None:
        palette = self._console.palette
        if isinstance(event, TaskStateChanged):
            if event.to_state in QUIET:
                return None
            target, reason = front + event.task_id, event.reason_code.value
            return state_line(event.at, event.to_state, target, reason, event.message, palette)
        if isinstance(event, AttemptStarted):
            target, what = front + event.task_id, f"attempt {event.attempt}"
            return state_line(event.at, TaskState.RUNNING, target, what, None, palette)
        if isinstance(event, StepExpanded):
            target, what = front + event.task_id, counted(len(event.items), "item")
            return state_line(event.at, TaskState.RUNNING, target, what, None, palette)
        own = front.rstrip() or None
        if isinstance(event, ExecutionStateChanged):
            reason, message = event.reason_code.value, event.message
            return state_line(event.at, event.to_state, own, reason, message, palette)
        if isinstance(event, ExecutionCreated):
            steps = counted(len(event.step_ids), "step")
            what = f"{event.mission_name}: {steps} as {event.execution_id}"
            return state_line(event.at, ExecutionState.PENDING, own, what, None, palette)
        if isinstance(event, CancelRequested):
            return f"{'cancel requested':>28}  {front}by {event.actor}"
        return None
