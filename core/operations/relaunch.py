"""Orders for executions that are linked to an earlier one: retry, rerun, resume-from."""

from collections.abc import Callable, Sequence
from contextlib import closing

from msgspec import Struct
from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.mission import Mission
from core.domain.records import Execution
from core.domain.states import TaskState, is_terminal
from core.errors import ConflictError
from core.graph.dag import Graph
from core.launch.order import Order
from core.launch.run_label import full_label
from core.launch.selection import Selection, attempt_base, select, select_from, select_retry
from core.operations.recorded_mission import stored_mission
from core.operations.snapshot import load_snapshot
from core.planning.earlier_items import RetriedExecution
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader


class RetryWithin(Struct, frozen=True):
    """A live execution tries these steps again itself: one request each."""

    steps: tuple[str, ...]


class RetryLinked(Struct, frozen=True):
    """An ended execution is retried in a new one that is linked to it."""

    order: Order
    chosen: Selection


def select_steps(
    order: Order,
    reader: Reader | None,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    resume_from: str | None = None,
) -> Order:
    """Return `order` restricted to a part of its mission; `NotFoundError` for an unknown step.

    `resume_from` takes what lies before that step from the mission's latest ended execution.
    """
    if resume_from is None:
        left_out = select(order.mission, only=only, skip=skip)
        return replace(order, unselected=left_out) if left_out else order
    earlier = None if reader is None else _latest(reader, order.mission)
    chosen = select_from(order.mission, Graph.of(order.mission), resume_from, earlier)
    return replace(order, unselected=chosen.unselected | set(skip), reuse=chosen.reuse)


def _latest(reader: Reader, mission: Mission) -> Snapshot | None:
    """Return the newest ended execution of a mission of that name, if there is one."""
    for execution in reader.executions(
        ExecutionQuery(limit=50, mission_name=mission.name, include_children=True)
    ):
        if is_terminal(execution.state):
            return load_snapshot(reader, execution.execution_id)
    return None


def plan_retry(
    reader: Reader,
    execution: Execution,
    *,
    steps: Sequence[str] = (),
    downstream: bool = False,
    reason: str = "",
    actor: str,
) -> RetryWithin | RetryLinked:
    """Decide how an execution is retried: within itself while it is live, else in a linked one.

    Without `steps` it is what failed. Raises `ConflictError` when that is nothing.
    """
    if is_terminal(execution.state):
        order, chosen = retry_order(
            reader,
            execution.execution_id,
            steps=steps,
            downstream=downstream,
            reason=reason,
            actor=actor,
        )
        return RetryLinked(order, chosen)
    found = tuple(steps) or _failed(reader, execution)
    if not found:
        raise ConflictError(f"{full_label(execution)} is live and nothing in it has failed")
    return RetryWithin(found)


def _failed(reader: Reader, execution: Execution) -> tuple[str, ...]:
    """Return what failed in a live execution.

    A fan-out step that failed goes on with its failed items; of one under way they are named.
    """
    _, tasks = reader.task_states(execution.execution_id)
    failed = {task.task_id for task in tasks if task.state is TaskState.FAILED}
    return tuple(
        task.task_id
        for task in tasks
        if task.state is TaskState.FAILED and task.parent_task_id not in failed
    )


def retry_order(
    reader: Reader,
    execution_id: str,
    *,
    steps: Sequence[str] = (),
    downstream: bool = False,
    reason: str,
    actor: str,
    may_be_empty: bool = False,
) -> tuple[Order, Selection]:
    """Return the order that runs again what failed (or `steps`), and what it covers.

    Raises `ConflictError` for an execution that has not ended or, unless it `may_be_empty`, has
    nothing left to run but its handlers.
    """
    earlier = load_snapshot(reader, execution_id)
    mission, source = stored_mission(reader, earlier.current)
    chosen = select_retry(
        mission,
        Graph.of(mission),
        earlier,
        steps=steps,
        downstream=downstream,
        may_be_empty=may_be_empty,
    )
    execution = earlier.current
    order = Order(
        mission=mission,
        source=source,
        actor=actor,
        params=execution.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
        retry_of=execution.execution_id,
        unselected=chosen.unselected,
        finished=chosen.finished,
        reuse=chosen.reuse,
        attempt_base=attempt_base(earlier, chosen.run),
        retry_scope=chosen.scope.to_json(),
        reason=reason,
    )
    return order, chosen


def earlier_of(open_reader: Callable[[], Reader], snapshot: Snapshot) -> RetriedExecution | None:
    """Return what `snapshot` retries, which is read with a reader of its own when asked for."""
    retried = snapshot.current.retry_of
    if retried is None:
        return None

    def load() -> Snapshot:
        with closing(open_reader()) as reader:
            return load_snapshot(reader, retried)

    return RetriedExecution(snapshot, load)


def rerun_order(reader: Reader, execution_id: str, *, reason: str, actor: str) -> Order:
    """Return the order that runs an execution's mission afresh with the same parameters."""
    earlier = load_snapshot(reader, execution_id)
    mission, source = stored_mission(reader, earlier.current)
    execution = earlier.current
    return Order(
        mission=mission,
        source=source,
        actor=actor,
        params=execution.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
        rerun_of=execution.execution_id,
        reason=reason,
    )
