"""Queries about one execution, for the lookup thread."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from core.domain.approval_question import OpenQuestion, open_question
from core.domain.mission import Mission, MissionSource
from core.domain.records import Attempt, AuditEvent, Execution, StateChange, TaskRun
from core.domain.states import Coverage, ExecutionState
from core.errors import MissionInvalidError
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import LogQuery, Reader
from tui.live.backend import Backend
from tui.live.board import Board
from tui.live.completion_estimate import Past, step_seconds
from tui.live.log_pages import Page, read_tail

PAST_RUNS = 30
MOST_PAST_STEPS = 20_000
"""Steps of an earlier run that are read, to know how long each took."""
EVENT_PAGE = 1000
LOG_END_LINES = 500
"""Lines read at most of the end of a log."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read about one step."""

    task: TaskRun
    attempts: Sequence[Attempt]
    changes: Sequence[StateChange] = ()
    source: MissionSource | None = None


def read_facts(reader: Reader, execution_id: str, task_id: str) -> Facts:
    """Return a step with its attempts."""
    return Facts(reader.task_run(execution_id, task_id), reader.attempts(execution_id, task_id))


def read_all_facts(reader: Reader, execution: Execution, task_id: str) -> Facts:
    """Return a step with attempts, changes of state and the mission file."""
    execution_id = execution.execution_id
    return Facts(
        reader.task_run(execution_id, task_id),
        reader.attempts(execution_id, task_id),
        reader.state_changes(execution_id, task_id),
        reader.mission_source(execution.mission_digest),
    )


def read_log_end(reader: Reader, execution_id: str, task_id: str, attempt: int) -> Page:
    """Return the last lines of an attempt's output."""
    query = LogQuery(execution_id=execution_id, task_id=task_id, attempt=attempt)
    return read_tail(reader, query, LOG_END_LINES)


def read_mission(reader: Reader, backend: Backend, execution: Execution) -> Mission:
    """Return the mission as authored; `MissionInvalidError` when it can no longer be read."""
    return backend.read_mission(reader.mission_source(execution.mission_digest))


def read_board(reader: Reader, backend: Backend, execution_id: str) -> Board:
    """Return an execution with its task runs, and its mission where that can still be read."""
    execution = reader.find_execution(execution_id)
    board = Board(execution, reader.task_states(execution_id)[1])
    with suppress(MissionInvalidError):
        board.learn(read_mission(reader, backend, execution))
    return board


def read_question(reader: Reader, board: Board, task_id: str) -> OpenQuestion:
    """Return the question of a step that waits for an approval."""
    execution = board.execution
    task = reader.task_run(execution.execution_id, task_id)
    attempts = reader.attempts(execution.execution_id, task_id)
    return open_question(task, attempts, execution, board.steps.get(task_id), board.mission)


def read_past(reader: Reader, execution: Execution) -> Past:
    """Return how long earlier runs of the mission took that succeeded, and the newest's steps."""
    past = reader.executions(
        ExecutionQuery(
            limit=PAST_RUNS,
            mission_name=execution.mission_name,
            states=frozenset({ExecutionState.SUCCESS}),
            coverage=Coverage.FULL,
            include_children=True,
        )
    )
    others = [one for one in past if one.execution_id != execution.execution_id]
    runs = [took / 1000 for one in others if (took := one.duration_ms) is not None]
    if not others or sum(others[0].counts.values()) > MOST_PAST_STEPS:
        return Past(runs)
    _, tasks = reader.task_states(others[0].execution_id)
    steps = {task.task_id: took for task in tasks if (took := step_seconds(task)) is not None}
    return Past(runs, steps)


def read_events(reader: Reader, execution_id: str, after: int) -> list[AuditEvent]:
    """Return the next events of an execution, at most a page."""
    return reader.audit_events(after_seq=after, execution_id=execution_id, limit=EVENT_PAGE)
