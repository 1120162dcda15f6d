"""Queries about one execution, to be run in the lookup's thread."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from core.domain.approval_question import OpenQuestion, open_question
from core.domain.mission import Mission, MissionSource
from core.domain.records import Attempt, AuditEvent, Execution, StateChange, TaskRun
from core.domain.secret_use import SecretUse, secret_uses
from core.domain.states import Coverage, ExecutionState
from core.errors import MissionInvalidError
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import LogQuery, Reader
from tui.live.backend import Backend
from tui.live.board import Board
from tui.live.completion_estimate import RunHistory
from tui.live.log.log_pages import Page, read_tail
from tui.live.screen.as_of import AsOf
from tui.live.steps.step_seconds import step_seconds

MAX_HISTORY_RUNS = 30
MAX_HISTORY_STEPS = 20_000
"""The durations of single steps are read of the newest runs with together at most this many."""
MAX_STEP_HISTORY_RUNS = 7
"""The durations of single steps are medians of at most this many runs."""
MAX_EVENTS_PER_PAGE = 1000
LOG_TAIL_LINES = 500
"""How many lines at the end of a log are read at most."""


@dataclass(frozen=True, slots=True)
class StepRecords:
    """The records of one step, as read at one moment."""

    task: TaskRun
    attempts: Sequence[Attempt]
    changes: Sequence[StateChange] = ()
    source: MissionSource | None = None
    secrets: Mapping[int, SecretUse] = field(default_factory=dict)
    """What each attempt did with secrets."""


def read_step_records(reader: Reader, execution_id: str, task_id: str) -> StepRecords:
    """Return the task run and attempts of a step."""
    return StepRecords(
        reader.task_run(execution_id, task_id), reader.attempts(execution_id, task_id)
    )


def read_all_step_records(
    reader: Reader, execution: Execution, task_id: str, as_of: AsOf | None = None
) -> StepRecords:
    """Return the task run, attempts and state changes of a step, and the mission file.

    With `as_of` what was done with secrets is that of the moment; the records are the present ones.
    """
    execution_id = execution.execution_id
    events = reader.step_events(execution_id, task_id)
    return StepRecords(
        reader.task_run(execution_id, task_id),
        reader.attempts(execution_id, task_id),
        reader.state_changes(execution_id, task_id),
        reader.mission_source(execution.mission_digest),
        secret_uses([one for one in events if as_of is None or one.seq <= as_of.seq]),
    )


def read_log_end(
    reader: Reader, execution_id: str, task_id: str, attempt: int, as_of: AsOf | None = None
) -> Page:
    """Return the last lines of an attempt's output, as far as it was written at a moment."""
    query = LogQuery(
        execution_id=execution_id,
        task_id=task_id,
        attempt=attempt,
        until=None if as_of is None else as_of.instant,
    )
    return read_tail(reader, query, LOG_TAIL_LINES)


def read_mission(reader: Reader, backend: Backend, execution: Execution) -> Mission:
    """Return the recorded mission; raises `MissionInvalidError` if it can no longer be read."""
    return backend.read_mission(reader.mission_source(execution.mission_digest))


def read_board(reader: Reader, backend: Backend, execution_id: str) -> Board:
    """Return an execution with its task runs, and its mission if that can still be read."""
    execution = reader.find_execution(execution_id)
    board = Board(execution, reader.task_states(execution_id)[1])
    with suppress(MissionInvalidError):
        board.learn(read_mission(reader, backend, execution))
    return board


def read_sub_mission(reader: Reader, execution_id: str, task_id: str) -> Execution | None:
    """Return the newest sub-mission that a step has run, or None."""
    ran = [one for one in reader.children(execution_id) if one.parent_task_id == task_id]
    return ran[-1] if ran else None


def read_question(reader: Reader, board: Board, task_id: str) -> OpenQuestion:
    """Return the question of a step that waits for an approval."""
    execution = board.execution
    task = reader.task_run(execution.execution_id, task_id)
    attempts = reader.attempts(execution.execution_id, task_id)
    return open_question(task, attempts, execution, board.steps.get(task_id), board.mission)


def read_run_history(reader: Reader, execution: Execution) -> RunHistory:
    """Return the durations of earlier successful runs, and of the steps of the newest of them."""
    found = reader.executions(
        ExecutionQuery(
            limit=MAX_HISTORY_RUNS,
            mission_name=execution.mission_name,
            states=frozenset({ExecutionState.SUCCESS}),
            coverage=Coverage.FULL,
            include_children=True,
        )
    )
    others = [one for one in found if one.execution_id != execution.execution_id]
    runs = [took / 1000 for one in others if (took := one.duration_ms) is not None]
    durations: dict[str, list[float]] = {}
    budget, read = MAX_HISTORY_STEPS, 0
    for one in others[:MAX_STEP_HISTORY_RUNS]:
        budget -= sum(one.counts.values())
        if budget < 0:
            break
        read += 1
        for task in reader.task_states(one.execution_id)[1]:
            if (took := step_seconds(task)) is not None:
                durations.setdefault(task.task_id, []).append(took)
    steps = {task_id: median(several) for task_id, several in durations.items()}
    return RunHistory(runs, steps, read)


def read_events(reader: Reader, execution_id: str, after: int) -> list[AuditEvent]:
    """Return the events of an execution after a sequence number, at most one page."""
    return reader.audit_events(
        after_seq=after, execution_id=execution_id, limit=MAX_EVENTS_PER_PAGE
    )
