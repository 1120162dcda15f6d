"""What the first page of the inspector shows beyond the records of a step, read at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.mission import Mission
from core.domain.records import (
    Attempt,
    AuditEvent,
    Execution,
    LogEntry,
    LogStream,
    TaskRun,
)
from core.domain.states import TaskState
from core.errors import MissionDeckError
from core.explain.amendment_text import amendments_in
from core.ports.reader import LogQuery, Reader
from core.step_type.registry import SUB_MISSION_TYPES
from tui.live.backend import Backend
from tui.live.screen.as_of import AsOf

if TYPE_CHECKING:
    from core.operations.history.last_success import LastSuccess
    from core.operations.history.runnable_command import RunnableCommand

TAIL_LINES = 20
"""Of the output so many last lines are read."""
_START_EVENTS = 32
"""Among so many first events of an execution is that of its amendment, if there is one.

Of few reused steps also that of the start of its engine."""


@dataclass(frozen=True, slots=True)
class PageRecords:
    """The records of one step's page."""

    command: "RunnableCommand | None" = None
    earlier: "LastSuccess | None" = None
    tail: Sequence[LogEntry] = ()
    """The last lines of stderr; of a step that wrote none, those of its whole output."""
    tail_name: str = "stderr"
    children: Sequence[Execution] = ()
    """The executions of its sub-mission, oldest first."""
    amended: Sequence[str] = ()
    """What was changed for the execution in the one that it retries, one change each."""
    as_of: AsOf | None = None
    """The moment of the past that the page is of; None for now."""
    runner_pid: str = ""
    """The process that drove the execution first; empty if that is not recorded."""


def read_page_records(
    reader: Reader,
    backend: Backend,
    execution: Execution,
    task: TaskRun,
    mission: Mission | None,
    attempts: Sequence[Attempt],
    as_of: AsOf | None = None,
) -> PageRecords:
    """Read what the page of a step shows; `mission` is that of the execution, if it is known.

    With `as_of` it is what was known at that moment; of earlier successes nothing is read then,
    because what ended before the moment cannot be told from what was known at it.
    """
    from core.operations.history.last_success import last_success
    from core.operations.history.runnable_command import runnable_command

    attempt = attempts[-1] if attempts else None
    name, tail = _tail(reader, task, attempt, as_of)
    begun = reader.audit_events(execution_id=execution.execution_id, limit=_START_EVENTS)
    begun = [event for event in begun if as_of is None or event.seq <= as_of.seq]
    return PageRecords(
        command=runnable_command(execution, task, mission, attempt),
        earlier=None
        if as_of is not None
        else last_success(
            reader,
            execution,
            task,
            mission,
            read_mission=lambda reader, one: _mission_of(reader, backend, one),
        ),
        tail=tail,
        tail_name=name,
        children=_children(reader, execution, task, mission, as_of),
        as_of=as_of,
        amended=amendments_in(begun),
        runner_pid=_runner_pid(begun),
    )


def _mission_of(reader: Reader, backend: Backend, execution: Execution) -> Mission | None:
    """Return the mission of an earlier execution, None if it can no longer be read."""
    try:
        return backend.read_mission(reader.mission_source(execution.mission_digest))
    except MissionDeckError:
        return None


def _tail(
    reader: Reader, task: TaskRun, attempt: Attempt | None, as_of: AsOf | None
) -> tuple[str, Sequence[LogEntry]]:
    """Return the last lines of stderr, or of all output, and which of both it is.

    Of a step that still runs the last lines are wanted, of whatever stream.
    """
    if attempt is None:
        return "output", ()
    streams = [frozenset({LogStream.STDERR}), frozenset[LogStream]()]
    for chosen in streams[1:] if task.state is TaskState.RUNNING else streams:
        query = LogQuery(
            execution_id=attempt.execution_id,
            task_id=attempt.task_id,
            attempt=attempt.attempt,
            streams=chosen,
            tail=TAIL_LINES,
            until=None if as_of is None else as_of.instant,
        )
        found = [entry for _chunk, entry in reader.logs(query)]
        if found:
            return ("stderr" if chosen else "output"), found
    return "output", ()


def _children(
    reader: Reader,
    execution: Execution,
    task: TaskRun,
    mission: Mission | None,
    as_of: AsOf | None,
) -> Sequence[Execution]:
    name = task.parent_task_id or task.task_id
    steps = () if mission is None else mission.all_steps
    step = next((one for one in steps if one.id == name), None)
    if step is None or step.step_type not in SUB_MISSION_TYPES:
        return ()
    found = reader.children(execution.execution_id)
    return [
        one
        for one in found
        if one.parent_task_id == task.task_id and (as_of is None or one.created_at <= as_of.instant)
    ]


def _runner_pid(begun: Sequence[AuditEvent]) -> str:
    started = (one.details for one in begun if one.event_type == "engine.started")
    return str(next(started, {}).get("pid", ""))


def ended_by(execution: Execution, as_of: AsOf) -> bool:
    """Tell whether an execution had ended at a moment."""
    return execution.ended_at is not None and execution.ended_at <= as_of.instant
