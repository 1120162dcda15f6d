"""Creates executions: from a validated mission and its parameters to the first batch."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.domain.events import Event, ExecutionCreated, Noted, TaskStateChanged
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY, Mission, MissionSource
from core.domain.reasons import Reason
from core.domain.states import TaskState
from core.errors import BugError
from core.launch.limit_check import refuse_limits
from core.launch.run_number import numbered_events
from core.launch.uuid7 import uuid7
from core.mission_file.keys.param_values import resolve_params
from core.ports.clock import Clock
from core.ports.journal import Journal
from core.recording.recorder import Recorder

ALL_STEPS = "*"
"""In place of the names of steps: all of them are forced."""


class Reuse(Struct, frozen=True):
    """A step's success in an earlier execution."""

    execution_id: str
    outputs: Mapping[str, Any]


class Order(Struct, frozen=True, kw_only=True):
    """What a user asks for: a mission, its parameters, and how this run relates to others."""

    mission: Mission
    source: MissionSource
    actor: str
    params: Mapping[str, Any] = EMPTY
    source_path: str | None = None
    working_dir: str = "."
    parent_execution_id: str | None = None
    parent_task_id: str | None = None
    parent_attempt: int | None = None
    retry_of: str | None = None
    rerun_of: str | None = None
    run_key: str | None = None
    parallel_limit: int | None = None
    unselected: frozenset[str] = frozenset()
    """Steps that are not to run; their dependents treat them as satisfied."""
    finished: frozenset[str] = frozenset()
    """Those of them that a `finish` step of the execution it retries had skipped."""
    reuse: Mapping[str, Reuse] = EMPTY
    """Steps that are not run because an earlier execution has their outputs, by id."""
    attempt_base: Mapping[str, int] = EMPTY
    """By step: the number of attempts the execution it retries made of it."""
    retry_scope: Mapping[str, Any] | None = None
    """How much of its steps a retry runs again, see `core.planning.earlier_items.RetryScope`."""
    forced: tuple[str, ...] | None = None
    """The steps that run though nothing may have changed; `*` for all of them."""
    breakpoints: tuple[str, ...] | None = None
    """The steps before which the execution pauses, see `core.launch.breakpoints`."""
    keep_going: bool = False
    """Go on after failures, whatever the mission says of `fail_fast`."""
    labels: Mapping[str, str] | None = None
    """Labels beside those of the mission, whose values they replace."""
    title: str | None = None
    policies: Mapping[str, str] = EMPTY
    """The policy files that allowed it, see `ExecutionCreated`."""
    warnings: Sequence[Mapping[str, Any]] = ()
    """What policies that only warn would deny, as facts of `policy.warning`."""
    set_by_hand: frozenset[str] = frozenset()
    """Steps that are not run because a person has set their outcome: a success without outputs."""
    amendment: Mapping[str, Any] | None = None
    """What differs from the execution it retries, as facts of `execution.amended`."""
    reason: str | None = None
    """Why somebody retries or reruns, in their words."""

    @property
    def folder(self) -> Path:
        """The folder of the mission file; the current one without a file."""
        return Path.cwd() if self.source_path is None else Path(self.source_path).parent


def first_events(order: Order, clock: Clock) -> Iterator[Event]:
    """Yield the events that create an execution, with a new id and without a run number.

    The journal assigns the run number. Raises `UsageError` for parameters that the mission does
    not take.
    """
    params = resolve_params(order.mission, order.params)
    execution_id = str(uuid7(clock))
    yield ExecutionCreated(
        at=clock.now(),
        execution_id=execution_id,
        actor=order.actor,
        workflow_id=order.mission.workflow_id,
        mission_name=order.mission.name,
        mission_digest=order.source.digest,
        step_ids=tuple(step.id for step in order.mission.all_steps),
        params=params,
        source_path=order.source_path,
        working_dir=order.working_dir,
        parent_execution_id=order.parent_execution_id,
        parent_task_id=order.parent_task_id,
        parent_attempt=order.parent_attempt,
        retry_of=order.retry_of,
        rerun_of=order.rerun_of,
        run_key=order.run_key,
        parallel_limit=order.parallel_limit,
        attempt_base=order.attempt_base,
        retry_scope=order.retry_scope,
        forced=order.forced,
        breakpoints=order.breakpoints,
        keep_going=order.keep_going,
        labels={**order.mission.labels, **(order.labels or {})} or None,
        title=order.title,
        policies=order.policies,
    )
    yield Noted(
        at=clock.now(),
        execution_id=execution_id,
        actor=order.actor,
        kind="mission.validated",
        facts={
            "mission_sha256": order.source.digest,
            "name": order.source.name,
            "format": order.source.format,
            "steps": len(order.mission.all_steps),
        },
    )
    for warning in order.warnings:
        yield Noted(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            kind="policy.warning",
            facts=warning,
        )
    if order.reason is not None:
        facts = {"reason": order.reason, "of": order.retry_of or order.rerun_of or ""}
        kind = "execution.retried" if order.retry_of else "execution.rerun"
        yield Noted(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            kind=kind,
            facts=facts,
        )
    if order.amendment is not None:
        yield Noted(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            kind="execution.amended",
            facts={"of": order.retry_of or "", **order.amendment},
        )
    for step in order.mission.steps:
        settled = _settled_at_creation(order, step.id, execution_id, clock)
        if settled is not None:
            yield settled


async def launch(order: Order, clock: Clock, journal: Journal) -> tuple[Snapshot, Sequence[Event]]:
    """Create an execution and make it durable; its snapshot and events have its run number.

    Raises `UsageError` for parameters the mission does not take, `UnavailableError` for limits of
    processes that this system cannot enforce, and what the journal raises.
    """
    refuse_limits(order.mission)
    recorder = Recorder(Snapshot(), journal)
    recorder.emit_all(first_events(order, clock))
    committed = await recorder.commit(mission=order.source)
    number = None if committed is None else committed.receipt.run_number
    if committed is None or number is None:
        raise BugError("the journal gave a new execution no run number")
    snapshot = recorder.snapshot
    snapshot.execution = replace(snapshot.current, run_number=number)
    return snapshot, numbered_events(committed.events, number)


def _settled_at_creation(
    order: Order, step_id: str, execution_id: str, clock: Clock
) -> TaskStateChanged | None:
    """Return the transition of a step that this execution does not run, None for one it does."""

    def settled(state: TaskState, reason: Reason, message: str, **fields: Any) -> TaskStateChanged:
        return TaskStateChanged(
            at=clock.now(),
            execution_id=execution_id,
            actor=order.actor,
            task_id=step_id,
            from_state=TaskState.PENDING,
            to_state=state,
            reason_code=reason,
            message=message,
            **fields,
        )

    reuse = order.reuse.get(step_id)
    if reuse is not None:
        source = reuse.execution_id
        return settled(
            TaskState.SUCCESS,
            Reason.REUSED,
            f"from {source}",
            reused_from=source,
            outputs=reuse.outputs,
        )
    if step_id in order.set_by_hand:
        why = order.reason or f"set by {order.actor}"
        return settled(TaskState.SUCCESS, Reason.SET_BY_HAND, why, outputs={})
    if step_id not in order.unselected:
        return None
    if step_id in order.finished:
        return settled(TaskState.SKIPPED, Reason.FINISHED, f"as in {order.retry_of}")
    return settled(TaskState.SKIPPED, Reason.NOT_SELECTED, "not selected for this run")
