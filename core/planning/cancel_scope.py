"""How a stop settles each task run, and therefore what cancelling an execution would do now.

The planner and the confirmation dialogs use the same rules, so they cannot differ. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import Handlers, Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import holds_slot
from core.planning.services.needed_services import is_serving


class CancelScope(Struct, frozen=True):
    """What a cancel would do, as task ids in file order, if cancelled attempts do end."""

    ended: tuple[str, ...] = ()
    """Their running attempt holds a slot, or serves other steps, and is cancelled."""
    withdrawn: tuple[str, ...] = ()
    """Their running attempt waits for a person's answer and is cancelled."""
    cancelled: tuple[str, ...] = ()
    """They had attempts before and are waiting or queued: no further attempt is made."""
    skipped: tuple[str, ...] = ()
    """They have not started: they are skipped."""
    handlers: tuple[str, ...] = ()
    """The handlers that run afterwards, unless their own condition is false."""
    handlers_known: bool = True
    """False where the mission cannot be read, so that its handlers are not known."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing left to cancel."""
        return not (self.ended or self.withdrawn or self.cancelled or self.skipped)


def awaits_person(task: TaskRun) -> bool:
    """Tell whether a running attempt has given its slot back to wait for an answer."""
    return task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL


def state_after_stop(task: TaskRun) -> TaskState:
    """Return how a stop settles a task run that has not ended and has no running attempt."""
    return TaskState.SKIPPED if task.started_at is None else TaskState.CANCELLED


def handlers_for(handlers: Handlers, state: ExecutionState) -> tuple[MissionStep, ...]:
    """Return the handlers that run, in their order, when the steps ended in `state`."""
    wanted = {
        ExecutionState.SUCCESS: handlers.on_success,
        ExecutionState.FAILED: handlers.on_failure,
        ExecutionState.CANCELLED: handlers.on_cancel,
    }[state]
    return (*wanted, *handlers.always)


def cancel_scope(
    tasks: Iterable[TaskRun], mission: Mission | None, *, is_repeated: bool = False
) -> CancelScope:
    """Return what cancelling an execution with these task runs would do.

    Once the handlers run, a cancel ends them and starts no others; a repeated one (`is_repeated`)
    does not reach the handlers that the first one started.
    """
    found = list(tasks)
    names = frozenset(step.id for step in mission.handlers.all) if mission is not None else ()
    steps = [task for task in found if task.task_id not in names]
    handlers = [task for task in found if task.task_id in names]
    in_handlers = any(task.state is not TaskState.PENDING for task in handlers) or all(
        is_terminal(task.state) for task in steps
    )
    after: tuple[str, ...] = ()
    if mission is not None and not in_handlers:
        after = tuple(step.id for step in handlers_for(mission.handlers, ExecutionState.CANCELLED))
    scope = _scope(steps if not in_handlers else () if is_repeated else handlers)
    return replace(scope, handlers=after, handlers_known=mission is not None)


def cancel_step_scope(task_id: str, tasks: Iterable[TaskRun]) -> CancelScope:
    """Return what cancelling one step would do; for a fan-out step, to its items."""
    found = list(tasks)
    chosen = [task for task in found if task.task_id == task_id]
    if any(task.reason_code is Reason.EXPANDED for task in chosen):
        chosen = [task for task in found if task.parent_task_id == task_id]
    return _scope(chosen)


def _scope(tasks: Iterable[TaskRun]) -> CancelScope:
    parts: dict[str | None, list[str]] = defaultdict(list)
    for task in tasks:
        parts[_part(task)].append(task.task_id)
    return CancelScope(
        ended=tuple(parts["ended"]),
        withdrawn=tuple(parts["withdrawn"]),
        cancelled=tuple(parts["cancelled"]),
        skipped=tuple(parts["skipped"]),
    )


def _part(task: TaskRun) -> str | None:
    """Return the field of `CancelScope` for a task run; None if a cancel does not change it."""
    if is_terminal(task.state):
        return None
    if holds_slot(task) or is_serving(task):
        return "ended"
    if awaits_person(task):
        return "withdrawn"
    if task.state is TaskState.RUNNING:
        return None  # a fan-out step: it ends when its items have
    return "cancelled" if state_after_stop(task) is TaskState.CANCELLED else "skipped"
