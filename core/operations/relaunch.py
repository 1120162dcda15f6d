"""Orders for executions that are linked to an earlier one: retry, rerun, resume-from."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

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
from core.launch.selection import (
    Selection,
    attempt_base,
    require_step,
    select,
    select_from,
    select_retry,
)
from core.operations.recorded_mission import stored_mission
from core.operations.snapshot import load_snapshot
from core.planning.earlier_items import RetriedExecution
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader

if TYPE_CHECKING:  # only a retry that changes something loads what it takes
    from core.operations.amending.amendment import Amendment, Wish


class RetryWithin(Struct, frozen=True):
    """A live execution tries these steps again itself: one request each."""

    steps: tuple[str, ...]


class RetryLinked(Struct, frozen=True):
    """An ended execution is retried in a new one that is linked to it."""

    order: Order
    chosen: Selection
    amendment: "Amendment | None" = None
    """What differs from the execution that is retried; None if nothing does."""


def select_steps(
    order: Order,
    reader: Reader | None,
    *,
    only: Sequence[str] = (),
    targets: Sequence[str] = (),
    skip: Sequence[str] = (),
    resume_from: str | None = None,
) -> Order:
    """Return `order` restricted to a part of its mission; `NotFoundError` for an unknown step.

    `resume_from` takes what lies before that step from the mission's latest ended execution.
    """
    if resume_from is None:
        left_out = select(order.mission, only=only, targets=targets, skip=skip)
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
    wish: "Wish | None" = None,
    set_success: Sequence[str] = (),
) -> RetryWithin | RetryLinked:
    """Decide how an execution is retried: within itself while it is live, else in a linked one.

    Without `steps` it is what failed. `wish` is what is to be different this time; the steps of
    `set_success` are not run but recorded as a success that a person has set. Raises
    `ConflictError` when there is nothing to run, or when a live execution cannot do what is asked;
    also what `amend` raises.
    """
    if is_terminal(execution.state):
        return _plan_linked(
            reader,
            execution,
            steps=steps,
            downstream=downstream,
            reason=reason,
            actor=actor,
            wish=wish,
            set_success=set_success,
        )
    if wish is not None or set_success:
        raise ConflictError(
            f"{full_label(execution)} is live: its mission and outcomes stay as they are",
            hint="cancel it, or wait for its end; then retry it in a linked execution",
        )
    found = tuple(steps) or _failed(reader, execution)
    if not found:
        raise ConflictError(f"{full_label(execution)} is live and nothing in it has failed")
    return RetryWithin(found)


def _plan_linked(
    reader: Reader,
    execution: Execution,
    *,
    steps: Sequence[str],
    downstream: bool,
    reason: str,
    actor: str,
    wish: "Wish | None",
    set_success: Sequence[str],
) -> RetryLinked:
    amendment = None
    if wish is not None:
        from core.operations.amending.amendment import amend  # few retries change anything

        mission, source = stored_mission(reader, execution)
        amendment = amend(execution, mission, source, wish)
    order, chosen = retry_order(
        reader,
        execution.execution_id,
        steps=steps,
        downstream=downstream,
        reason=reason,
        actor=actor,
        may_be_empty=bool(set_success),
        amendment=amendment,
    )
    if set_success:
        order, chosen = _with_outcomes_set(order, chosen, set_success)
    return RetryLinked(order, chosen, amendment)


def _with_outcomes_set(
    order: Order, chosen: Selection, names: Sequence[str]
) -> tuple[Order, Selection]:
    """Return the order in which some steps are a success without being run.

    Raises `NotFoundError` for a step that the mission does not have, `ConflictError` for one that
    succeeded.
    """
    for name in names:
        require_step(order.mission, name)
        if name in chosen.reuse:
            raise ConflictError(f"`{name}` succeeded: its outcome stays as it is")
    by_hand = frozenset(names)
    chosen = replace(
        chosen,
        run=tuple(name for name in chosen.run if name not in by_hand),
        unselected=chosen.unselected - by_hand,
        items={name: one for name, one in chosen.items.items() if name not in by_hand},
    )
    base = {name: count for name, count in order.attempt_base.items() if name not in by_hand}
    order = replace(
        order,
        unselected=chosen.unselected,
        finished=order.finished - by_hand,
        attempt_base=base,
        set_by_hand=by_hand,
    )
    return order, chosen


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
    amendment: "Amendment | None" = None,
) -> tuple[Order, Selection]:
    """Return the order that runs again what failed (or `steps`), and what it covers.

    Raises `ConflictError` for an execution that has not ended or, unless it `may_be_empty`, has
    nothing left to run but its handlers.
    """
    earlier = load_snapshot(reader, execution_id)
    if amendment is None:
        mission, source = stored_mission(reader, earlier.current)
    else:
        mission, source = amendment.mission, amendment.source
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
        params=execution.params if amendment is None else amendment.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
        retry_of=execution.execution_id,
        labels=execution.labels,
        title=execution.title,
        amendment=None if amendment is None else amendment.facts(),
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
        labels=execution.labels,
        title=execution.title,
        reason=reason,
    )
