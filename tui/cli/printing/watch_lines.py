"""What `mission watch` prints without a screen: a line for what happens, and what it means.

Says what the screen shows: the sentence of a failure and what does not run because of it, large
fan-outs and long rows of skipped steps summed up, and who may answer a question, and how.
"""

from collections.abc import Iterator, Sequence
from shlex import quote

from core.domain.approval_question import may_answer, open_question
from core.domain.events import TaskStateChanged
from core.domain.reasons import Reason
from core.domain.records import AuditEvent, Execution, TaskRun
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.operations.recorded_mission import mission_of
from core.ports.reader import Reader
from tui.cli.printing.fan_out_lines import FanOutLines
from tui.live.board import Board
from tui.live.steps.bucket import Bucket
from tui.output.ansi_colours import Palette
from tui.output.event_line import change_lines, state_line, step_end_of
from tui.output.json_shapes import task_of
from tui.words.cause import cause_of_task
from tui.words.numbers import moment
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line

MAX_SKIPPED_LINES = 10
"""A longer row of steps that are skipped because of a failure is one line."""
MAX_NAMED_STEPS = 5
INDENT = " " * 14
"""What is under a line begins below its state."""


class WatchLines:
    """The lines about one execution. `folds` sums up items and skipped steps."""

    def __init__(
        self, reader: Reader, execution: Execution, palette: Palette, actor: str, *, folds: bool
    ) -> None:
        self._reader = reader
        self._palette = palette
        self._actor = actor
        self._folds = folds
        self._seq, tasks = reader.task_states(execution.execution_id)
        self.board = Board(execution, tasks)
        self._fan_outs = FanOutLines(self.board)
        self._asked: set[tuple[str, int]] = set()
        self._has_mission = False

    def take(self, execution: Execution) -> None:
        """Take note of what was committed since; to be called before the events of it are told."""
        self.board.execution = execution
        self._seq, changed = self._reader.task_states(execution.execution_id, after_seq=self._seq)
        self.board.apply({task.task_id: task for task in changed})

    def title(self, task_id: str) -> str:
        """Return the id of a step, followed by its value if it is an item."""
        return self.board.title(task_id)

    def of(self, events: Sequence[AuditEvent]) -> Iterator[tuple[AuditEvent, list[str]]]:
        """Yield each event with its lines; most have none."""
        skipped: list[tuple[AuditEvent, list[str]]] = []
        for event in events:
            lines = self._lines(event)
            if self._folds and _is_skip_of_failure(event):
                skipped.append((event, lines))
                continue
            if lines and skipped:
                yield from self._row_of_skipped(skipped)
                skipped.clear()
            yield event, lines
        yield from self._row_of_skipped(skipped)

    def standing(self, now: int) -> Iterator[str]:
        """Yield what is to be said between events: open questions, fan-outs that go on."""
        for step_id in self._fan_outs.due(now) if self._folds else ():
            task = self.board.tasks[step_id]
            if not is_terminal(task.state):
                counts = self._fan_outs.counts(step_id)
                yield state_line(now, task.state, step_id, counts, None, self._palette)
        for task_id in self.board.members(Bucket.NEEDS_YOU):
            task = self.board.tasks[task_id]
            if (task_id, task.attempt) not in self._asked:
                self._asked.add((task_id, task.attempt))
                yield from self._question(task)

    def _lines(self, event: AuditEvent) -> list[str]:
        task_id = task_of(event)
        task = None if task_id is None else self.board.tasks.get(task_id)
        if task is None:
            return change_lines(event, self._palette, task_id)
        state = _state_of(event)
        if self._folds and state is not None and self._fan_outs.hides(task, state):
            return []
        sentence = _sentence(task, state)
        lines = change_lines(event, self._palette, self.title(task.task_id), sentence)
        if self._folds and state is not None and is_terminal(state):
            lines += (INDENT + text for text in self._fan_outs.ended(task.task_id))
        return [*lines, *self._held_up(task, state)]

    def _held_up(self, task: TaskRun, state: TaskState | None) -> Iterator[str]:
        """Yield which steps are skipped because of one that has failed."""
        if state is not TaskState.FAILED or task.state is not state or task.parent_task_id:
            return
        self._learn()
        tasks = self.board.tasks
        held = [
            one
            for one in self.board.downstream([task.task_id])
            if one in tasks and tasks[one].reason_code is Reason.UPSTREAM_FAILED
        ]
        if held:
            verb = "does" if len(held) == 1 else "do"
            yield f"{INDENT}{counted(len(held), 'step')} {verb} not run: {_names(held)}"

    def _learn(self) -> None:
        if not self._has_mission:
            self._has_mission = True
            mission = mission_of(self._reader, self.board.execution)
            if mission is not None:
                self.board.learn(mission)

    def _row_of_skipped(
        self, skipped: Sequence[tuple[AuditEvent, list[str]]]
    ) -> Iterator[tuple[AuditEvent, list[str]]]:
        if len(skipped) <= MAX_SKIPPED_LINES:
            yield from skipped
            return
        yield from ((event, []) for event, _lines in skipped[:-1])
        last, _lines = skipped[-1]
        what = f"{counted(len(skipped), 'step')} behind what failed"
        names = _names([task_of(event) or "" for event, _lines in skipped])
        reason = Reason.UPSTREAM_FAILED.value
        line = state_line(last.timestamp, TaskState.SKIPPED, what, reason, names, self._palette)
        yield last, [line]

    def _question(self, task: TaskRun) -> Iterator[str]:
        """Yield who may answer the open question of a step, until when, and how."""
        self._learn()
        execution, mission = self.board.execution, self.board.mission
        found = self._reader.task_run(task.execution_id, task.task_id)
        attempts = self._reader.attempts(task.execution_id, task.task_id)
        step = self.board.step(task.task_id)
        question = open_question(found, attempts, execution, step, mission)
        who = "anybody may answer"
        if question.approvers:
            you = (
                "you are one of them"
                if may_answer(self._actor, question.approvers)
                else ("you may not")
            )
            who = f"{', '.join(map(safe_line, question.approvers))} may answer, {you}"
        until = "" if question.until is None else f", until {moment(question.until)}"
        yield f"{INDENT}{safe_line(self.title(task.task_id))}: {who}{until}"
        what = f"{safe_line(full_argument(execution))} {quote(safe_line(task.task_id))}"
        asked = "".join(f" -i {safe_line(one.name)}=…" for one in question.inputs)
        yield f"{INDENT}mission approve {what}{asked}   or   mission reject {what}"


def _state_of(event: AuditEvent) -> TaskState | None:
    """Return the state that an event has brought a step to, if any."""
    if event.event_type == TaskStateChanged.type:
        return TaskState(event.details["to"])
    end = step_end_of(event)
    if end is not None:
        return TaskState(end["to"])
    return TaskState.RUNNING if event.event_type == "attempt.started" else None


def _sentence(task: TaskRun, state: TaskState | None) -> str | None:
    """Return the sentence of a failure that still stands, with the decisive line of its output."""
    if state is not TaskState.FAILED or task.state is not state:
        return None
    return cause_of_task(task).sentence or None


def _is_skip_of_failure(event: AuditEvent) -> bool:
    details = event.details
    return (
        event.event_type == TaskStateChanged.type
        and details.get("to") == TaskState.SKIPPED.value
        and details.get("reason_code") == Reason.UPSTREAM_FAILED.value
    )


def _names(task_ids: Sequence[str]) -> str:
    more = f" and {len(task_ids) - MAX_NAMED_STEPS:,} more"
    shown = ", ".join(map(safe_line, task_ids[:MAX_NAMED_STEPS]))
    return shown + (more if len(task_ids) > MAX_NAMED_STEPS else "")
