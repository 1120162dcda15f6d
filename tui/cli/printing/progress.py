"""The progress lines of `mission run`: one line per state change, printed once it is durable.

Step output is interleaved as selected by the options (`tui.cli.printing.step_output`).
"""

from collections.abc import Iterator, Sequence, Set

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    BreakerChanged,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    Noted,
    StepExpanded,
    TaskStateChanged,
    item_task_id,
)
from core.domain.item_label import item_label
from core.domain.joined_events import parts_of
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.state_word import counted, steps_text
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.explain.failure_line import failure_text
from core.explain.process_text import ended_text, left_text
from tui.cli.printing.console import Console
from tui.cli.printing.output_queue import Source
from tui.cli.printing.step_output import StepOutput
from tui.output.event_line import QUIET, breaker_line, left_line, leftovers_line, state_line
from tui.words.run_label import run_argument, run_name
from tui.words.safe_text import safe_line

NEWS_SECONDS = 0.1
"""Interval between two polls for live output."""


class Progress:
    """Prints committed events as lines on stdout, or on stderr if stdout is used for data.

    `quiet` suppresses the lines of state changes; `handlers` are the ids of those of the mission.
    """

    def __init__(
        self,
        console: Console,
        output: StepOutput,
        *,
        handlers: Set[str] = frozenset(),
        quiet: bool = False,
        on_stderr: bool = False,
    ) -> None:
        self._console = console
        self._output = output
        self._handlers = handlers
        self._quiet = quiet
        self._on_stderr = on_stderr
        self._errors: dict[tuple[str, str], TaskError] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._arguments: dict[str, str] = {}
        """What names an execution in a command."""
        if output.is_live:
            console.when_idle(NEWS_SECONDS, output.news, on_stderr=on_stderr)

    def show(self, events: Sequence[Event], above: Sequence[str] = ()) -> None:
        """Print the lines of a committed batch; `above` are the steps above a sub-mission."""
        sign = self._console.palette.sign("›", ">")
        front = "".join(f"{task_id} {sign} " for task_id in above)
        lines: list[str] = []
        for event in (part for joined in events for part in parts_of(joined)):
            if isinstance(event, Noted) and event.kind == "policy.warning":
                where = "" if event.task_id is None else f"{front}{safe_line(event.task_id)}: "
                told = safe_line(str(event.facts["message"]))
                self._console.say(f"warning: {where}policy: {told}, but only warns")
            for found in self._of(event, front):
                if isinstance(found, str):
                    lines.append(found)
                    continue
                self._print(lines)
                self._console.later(found, on_stderr=self._on_stderr)
        self._print(lines)

    def close(self) -> None:
        """Print the rest of the live output and release its resources."""
        if self._output.is_live:
            self._console.later(self._output.news, on_stderr=self._on_stderr)
        self._console.later(self._output.close, on_stderr=self._on_stderr)

    def _print(self, lines: list[str]) -> None:
        if lines:
            self._console.out_lines(lines)
            self._console.flush()
            lines.clear()

    def _of(self, event: Event, front: str) -> Iterator[str | Source]:
        """Yield the line of an event, if it has one, and the step output that belongs to it."""
        output = self._output
        found = None
        if isinstance(event, StepExpanded):
            for number, item in enumerate(event.items):
                key = (event.execution_id, item_task_id(event.task_id, number))
                self._labels[key] = f" {item_label(item)}"
        if isinstance(event, AttemptStarted):
            output.started(event.execution_id, event.task_id, front + self._title(event))
        elif isinstance(event, AttemptEnded):
            found = output.ended(
                event.execution_id, event.task_id, event.attempt, event.log_entry_count
            )
            if event.error is not None:
                self._errors[event.execution_id, event.task_id] = event.error
        elif isinstance(event, ExecutionStateChanged) and is_terminal(event.to_state):
            found = output.finished(event.execution_id)
        if not self._quiet and (line := self._line(event, front)) is not None:
            yield line
        if isinstance(event, ExecutionCreated):
            self._arguments[event.execution_id] = run_argument(event, event.execution_id)
        elif not self._quiet and getattr(event, "reason_code", None) is Reason.BREAKPOINT:
            what = self._arguments.get(event.execution_id, event.execution_id)
            self._console.say(f"go on with it: mission resume {safe_line(what)}")
        if isinstance(event, TaskStateChanged) and event.to_state not in QUIET:
            name = front + self._title(event)
            self._errors.pop((event.execution_id, event.task_id), None)
            found = output.settled(event.execution_id, event.task_id, event.to_state, name)
        if found is not None:
            yield found

    def _line(self, event: Event, front: str) -> str | None:
        palette = self._console.palette
        if isinstance(event, TaskStateChanged):
            if event.to_state in QUIET:
                return None
            target, reason = front + self._title(event), event.reason_code.value
            message = self._cause(event)
            return state_line(event.at, event.to_state, target, reason, message, palette)
        if isinstance(event, AttemptStarted):
            target, what = front + self._title(event), f"attempt {event.attempt}"
            return state_line(event.at, TaskState.RUNNING, target, what, None, palette)
        if isinstance(event, StepExpanded):
            target, what = front + self._title(event), counted(len(event.items), "item")
            return state_line(event.at, TaskState.RUNNING, target, what, None, palette)
        if isinstance(event, AttemptEnded):
            left = left_text(event.census)
            title = front + self._title(event)
            return None if left is None else left_line(event.at, title, left, palette)
        own = front.rstrip() or None
        if isinstance(event, Noted):
            if event.kind != "leftovers.ended":
                return None
            return leftovers_line(event.at, own, ended_text(event.facts), palette)
        if isinstance(event, ExecutionStateChanged):
            reason, message = event.reason_code.value, event.message
            return state_line(event.at, event.to_state, own, reason, message, palette)
        if isinstance(event, ExecutionCreated):
            handlers = sum(one in self._handlers for one in event.step_ids)
            steps = steps_text(len(event.step_ids) - handlers, handlers)
            what = f"{safe_line(run_name(event))}: {steps} as {event.execution_id}"
            return state_line(event.at, ExecutionState.PENDING, own, what, None, palette)
        if isinstance(event, BreakerChanged):
            return breaker_line(event.at, event.state.value, front + event.message, palette)
        if isinstance(event, CancelRequested):
            return f"{'cancel requested':>28}  {front}by {safe_line(event.actor)}"
        return None

    def _title(self, event: AttemptStarted | AttemptEnded | StepExpanded | TaskStateChanged) -> str:
        """Return the step's id, followed by its item if it belongs to a fan-out."""
        return event.task_id + self._labels.get((event.execution_id, event.task_id), "")

    def _cause(self, event: TaskStateChanged) -> str | None:
        """Return the message of a state change; for a failure with the line that explains it."""
        error = self._errors.get((event.execution_id, event.task_id))
        if error is None or event.to_state is not TaskState.FAILED:
            return event.message
        return failure_text(event.reason_code, event.message, error)
