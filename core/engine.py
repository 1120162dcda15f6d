"""The engine: one task that turns ends, requests and timers into events, commits them, then acts.

Every turn of the loop: take what happened → fold it → let the planner decide → commit everything in
one transaction → only then start attempts. The decisions are `core.plan`'s, the attempts
`core.attempt`'s; here is the order in which they meet, and nothing else.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.attempt import Ended, Prepared, Surroundings, prepare, run, run_instant, state_of
from core.errors import BugError
from core.events import (
    ENGINE,
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    ExecutionStateChanged,
    Noted,
    StepExpanded,
    TaskStateChanged,
)
from core.expressions import ExpressionError, TemplateSyntaxError, evaluate
from core.fold import Snapshot, apply
from core.graph import Graph
from core.items import ItemsError, items_of
from core.model import EMPTY, MissionResult, MissionStep, RetryPolicy, TaskError, TaskRun
from core.plan import Ending, Planner, Refusal
from core.ports import Batch, Receipt, Request, RequestKind, Slots
from core.reasons import Reason
from core.retry import backoff_seconds, is_retryable
from core.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.steps.base import StepOutcome
from core.steps.host import Approval

Observer = Callable[[Sequence[Event]], None]
"""Told of events after they are durable, in order."""

RunMission = Callable[[str, Mapping[str, Any]], Awaitable[MissionResult]]
"""Runs a sub-mission: file and parameters to its result."""


@dataclass(frozen=True, slots=True)
class Woken:
    """A backoff is over."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A step waits for a person's answer."""

    task_id: str
    prompt: str
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlotsTight:
    """The limit over all executions was reached; it is time to try again."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The mission's own time is over."""


Happening = Ended | Request | Woken | Asking | SlotsTight | DeadlinePassed

SLOT_POLL_SECONDS = 0.1
HANDLER_SECONDS = 300.0
"""The deadline of a handler that has none of its own."""


class Engine:
    """Drives one execution from its snapshot to its end. Is the `StepHost` of its steps."""

    def __init__(
        self,
        around: Surroundings,
        graph: Graph,
        snapshot: Snapshot,
        *,
        observer: Observer | None = None,
        parallel_limit: int | None = None,
        chance: Callable[[], float] = random.random,
        facts: Mapping[str, str] = EMPTY,
        slots: Slots | None = None,
        run_mission: RunMission | None = None,
    ) -> None:
        self._around = around
        self._mission = around.mission
        self._graph = graph
        self._snapshot = snapshot
        self._observer = observer
        self._chance = chance
        self._facts = facts
        self._slots = slots
        self._slot_of: dict[str, int] = {}
        self._spare_slot: int | None = None
        self._slot_timer: asyncio.TimerHandle | None = None
        self._run_mission = run_mission
        self._asking: dict[str, tuple[Asking, asyncio.Future[Approval]]] = {}
        self._handlers = frozenset(step.id for step in around.mission.handlers.all)
        self._planner = Planner(
            around.mission,
            graph,
            snapshot,
            condition=self._condition,
            parallel_limit=parallel_limit,
        )
        self._batch: list[Event] = []
        self._inbox: deque[Happening] = deque()
        self._wake = asyncio.Event()
        self._starting: list[tuple[Prepared, int]] = []
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, tuple[Reason, str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._receipt: Receipt | None = None

    # --- for the outside ------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The records as of the last fold; committed once `run` has returned."""
        return self._snapshot

    @property
    def receipt(self) -> Receipt | None:
        """The proof of the last commit: the audit log's size and root."""
        return self._receipt

    def request(self, request: Request) -> None:
        """Hand in what somebody asked for; it takes effect on the next turn."""
        self._post(request)

    async def run(self) -> Ending:
        """Drive the execution to its end, seal it and return how it ended.

        Raises what the journal raises when it cannot be written: everything that runs is cancelled
        first, and nothing more is started (fail closed).
        """
        context = self._around.context
        context.initialize()
        deadline = self._start_deadline()
        try:
            async with asyncio.TaskGroup() as group:
                self._begin()
                context.activate()
                try:
                    while (ending := self._advance()) is None:
                        await self._commit()
                        self._act(group)
                        await self._gather()
                    await self._end(ending)
                finally:
                    for task in self._attempts.values():
                        task.cancel()
        except BaseExceptionGroup as caught:
            raise _only(caught) from caught
        finally:
            if deadline is not None:
                deadline.cancel()
            for timer in self._timers.values():
                timer.cancel()
            self._release_slots()
            context.archive()
        return ending

    def _release_slots(self) -> None:
        if self._slot_timer is not None:
            self._slot_timer.cancel()
        for task_id in list(self._slot_of):
            self._free_slot(task_id)
        if self._slots is not None and self._spare_slot is not None:
            self._slots.give_back(self._spare_slot)
            self._spare_slot = None

    # --- one turn -------------------------------------------------------------------------------

    def _begin(self) -> None:
        execution = self._snapshot.current
        if self._facts:
            self._note("engine.started", self._facts)
        if execution.state is ExecutionState.PENDING:
            self._move(ExecutionState.RUNNING, Reason.STARTED)
        for task in self._snapshot.tasks.values():
            if task.state is TaskState.WAITING and task.resume_at is not None:
                remaining = (task.resume_at - self._around.clock.now()) / 1e9
                self._wake_later(task.task_id, max(0.0, remaining))
        if execution.cancel_requested_at is not None:
            by = execution.cancel_requested_by or "?"
            self._planner.stop(Reason.USER_CANCELLED, f"cancelled by {by}")

    def _advance(self) -> Ending | None:
        """Fold all that follows from the states; return the ending when nothing can follow."""
        planner, now = self._planner, self._around.clock.now
        while True:
            while (change := planner.next_transition(now())) is not None:
                self._emit(change)
            task_id = planner.next_expansion()
            if task_id is not None:
                self._expand(task_id)
                continue
            if not self._reserve_slot():
                break
            task_id = planner.next_start()
            if task_id is None:
                break
            self._start(task_id)
        return planner.outcome()

    def _reserve_slot(self) -> bool:
        """Take one of the slots all executions share; where none is free, try again later."""
        if self._slots is None or self._spare_slot is not None:
            return True
        self._spare_slot = self._slots.try_take()
        if self._spare_slot is None and self._slot_timer is None:
            loop = asyncio.get_running_loop()
            self._slot_timer = loop.call_later(SLOT_POLL_SECONDS, self._post, SlotsTight())
        return self._spare_slot is not None

    async def _commit(self) -> None:
        if not self._batch:
            return
        events, self._batch = self._batch, []
        batch = Batch(
            execution_id=self._around.execution_id,
            events=events,
            changes=self._snapshot.take_changes(),
        )
        self._receipt = await self._around.journal.submit(batch)
        if self._observer is not None:
            self._observer(events)

    def _act(self, group: asyncio.TaskGroup) -> None:
        """Start what is durably started, cancel what must not go on."""
        for prepared, attempt in self._starting:
            if prepared.is_instant:
                self._inbox.append(run_instant(self._around, prepared, attempt))
            else:
                self._spawn(group, prepared, attempt)
        self._starting.clear()
        stopping = self._planner.to_cancel()
        if stopping is not None:
            stop, task_ids = stopping
            for task_id in task_ids:
                self._cancel_attempt(task_id, stop.reason, stop.message)

    async def _gather(self) -> None:
        """Wait until something happened and fold all of it."""
        if not self._inbox:
            await self._wake.wait()
        self._wake.clear()
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, Ended):
                self._attempt_ended(item)
            elif isinstance(item, Woken):
                self._woken(item.task_id)
            elif isinstance(item, Request):
                self._asked(item)
            elif isinstance(item, Asking):
                self._await_answer(item)
            elif isinstance(item, SlotsTight):
                self._slot_timer = None
            else:
                seconds = self._mission.config.timeout_seconds or 0.0
                message = f"the mission's {seconds:g} s are over"
                self._planner.stop(Reason.MISSION_TIMEOUT, message)

    async def _end(self, ending: Ending) -> None:
        self._move(ending.state, ending.reason, ending.message)
        events, self._batch = self._batch, []
        batch = Batch(
            execution_id=self._around.execution_id,
            events=events,
            changes=self._snapshot.take_changes(),
            finalize=True,
        )
        self._receipt = await self._around.journal.submit(batch)
        if self._observer is not None:
            self._observer(events)

    # --- attempts -------------------------------------------------------------------------------

    def _start(self, task_id: str) -> None:
        task = self._snapshot.tasks[task_id]
        prepared = prepare(self._around, task, self._planner.step_of(task_id))
        attempt = task.attempt + 1
        self._emit(
            AttemptStarted(
                at=self._around.clock.now(),
                execution_id=task.execution_id,
                task_id=task_id,
                attempt=attempt,
                from_state=task.state,
                inputs=prepared.inputs,
            )
        )
        self._starting.append((prepared, attempt))
        if self._spare_slot is not None:
            self._slot_of[task_id], self._spare_slot = self._spare_slot, None

    def _spawn(self, group: asyncio.TaskGroup, prepared: Prepared, attempt: int) -> None:
        task_id = prepared.task.task_id

        async def attempt_task() -> None:
            ended = await run(
                self._around,
                prepared,
                attempt,
                timeout=self._timeout(prepared.step),
                was_cancelled=lambda: task_id in self._cancelled,
                host=_Host(self, task_id),
            )
            self._post(ended)

        self._attempts[task_id] = group.create_task(attempt_task(), name=f"{task_id}#{attempt}")

    def _cancel_attempt(self, task_id: str, reason: Reason, message: str) -> None:
        """Cancel a running attempt, once: a second cancel would interrupt its clean-up."""
        attempt = self._attempts.get(task_id)
        if attempt is not None and task_id not in self._cancelled:
            self._cancelled[task_id] = (reason, message)
            attempt.cancel()

    def _attempt_ended(self, ended: Ended) -> None:
        self._attempts.pop(ended.task_id, None)
        self._asking.pop(ended.task_id, None)
        self._free_slot(ended.task_id)
        why = self._cancelled.pop(ended.task_id, None)
        outcome = ended.outcome
        if outcome is None:
            reason, message = why or (Reason.USER_CANCELLED, "cancelled")
            outcome = StepOutcome(
                state=AttemptState.CANCELLED,
                reason_code=reason,
                message=message,
                error=TaskError(message=message, kind="Cancelled"),
            )
        self._emit(
            AttemptEnded(
                at=self._around.clock.now(),
                execution_id=self._around.execution_id,
                task_id=ended.task_id,
                attempt=ended.attempt,
                to_state=state_of(ended),
                reason_code=outcome.reason_code,
                message=outcome.message,
                exit_code=outcome.exit_code,
                outputs=_outputs(outcome),
                error=outcome.error,
                log_entry_count=ended.seal.entries,
                log_bytes=ended.seal.bytes,
                log_dropped_bytes=ended.seal.dropped_bytes,
                log_digest=ended.seal.digest,
                census=_census(ended.census),
            )
        )
        if outcome.state is AttemptState.SUCCESS:
            self._change(ended.task_id, TaskState.SUCCESS, outcome.reason_code, outcome.message)
        elif outcome.state is AttemptState.CANCELLED:
            self._change(ended.task_id, TaskState.CANCELLED, outcome.reason_code, outcome.message)
        else:
            self._failed(ended.task_id, outcome)
        task = self._snapshot.tasks[ended.task_id]
        if is_terminal(task.state):
            self._around.context.ended(task)

    def _failed(self, task_id: str, outcome: StepOutcome) -> None:
        """Retry a failed attempt by its policy, or let the task run fail."""
        policy = self._policy(self._planner.step_of(task_id))
        tries = sum(
            attempt.state is not AttemptState.LOST for attempt in self._snapshot.attempts[task_id]
        )
        what = f"{outcome.message or outcome.reason_code} ({outcome.reason_code})"
        retryable = is_retryable(
            policy,
            outcome.reason_code,
            exit_code=outcome.exit_code,
            http_status=outcome.http_status,
        )
        if not retryable or policy.max_attempts <= 1 or self._planner.stopped is not None:
            self._change(task_id, TaskState.FAILED, outcome.reason_code, outcome.message)
        elif tries >= policy.max_attempts:
            message = f"{tries} of {policy.max_attempts} attempts failed; last: {what}"
            self._change(task_id, TaskState.FAILED, Reason.RETRIES_EXHAUSTED, message)
        else:
            pause = backoff_seconds(policy, tries, self._chance())
            message = f"attempt {tries + 1} of {policy.max_attempts} in {pause:.3g} s after {what}"
            resume_at = self._around.clock.now() + int(pause * 1e9)
            self._change(task_id, TaskState.WAITING, Reason.BACKOFF, message, resume_at)
            self._wake_later(task_id, pause)

    def _free_slot(self, task_id: str) -> None:
        slot = self._slot_of.pop(task_id, None)
        if slot is not None and self._slots is not None:
            self._slots.give_back(slot)

    def _timeout(self, step: MissionStep) -> float | None:
        if step.id in self._handlers:  # a handler runs after a timeout, so it has its own
            return step.timeout_seconds or HANDLER_SECONDS
        return step.timeout_seconds or self._mission.config.timeout_seconds

    def _policy(self, step: MissionStep) -> RetryPolicy:
        return step.retry or self._mission.config.retry

    def _expand(self, task_id: str) -> None:
        """Evaluate the items of a fan-out step and create a task run for each."""
        task = self._snapshot.tasks[task_id]
        try:
            items = items_of(self._planner.step_of(task_id), self._around.context.scope(task))
        except ItemsError as error:
            self._change(task_id, TaskState.FAILED, Reason.INVALID_PARAMETERS, str(error))
            return
        self._emit(
            StepExpanded(
                at=self._around.clock.now(),
                execution_id=task.execution_id,
                task_id=task_id,
                items=items,
            )
        )

    def _condition(self, step: MissionStep) -> Refusal | None:
        """Evaluate a step's `when`."""
        task = self._snapshot.tasks[step.id]
        try:
            wanted = evaluate(step.when or "true", self._around.context.scope(task))
        except (ExpressionError, TemplateSyntaxError) as error:
            message = f"when: {error}"
            return Refusal(TaskState.FAILED, Reason.INVALID_PARAMETERS, message)
        if wanted:
            return None
        return Refusal(TaskState.SKIPPED, Reason.CONDITION_FALSE, f"when: {step.when}")

    # --- timers and requests --------------------------------------------------------------------

    def _wake_later(self, task_id: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[task_id] = loop.call_later(seconds, self._post, Woken(task_id))

    def _woken(self, task_id: str) -> None:
        self._timers.pop(task_id, None)
        task = self._snapshot.tasks[task_id]
        if task.state is TaskState.WAITING and task.reason_code is Reason.BACKOFF:
            self._change(task_id, TaskState.READY, Reason.BACKOFF, "the backoff is over")

    def _start_deadline(self) -> asyncio.TimerHandle | None:
        seconds = self._mission.config.timeout_seconds
        if seconds is None:
            return None
        execution = self._snapshot.current
        used = 0.0
        if execution.started_at is not None:  # resumed: what earlier runners used counts
            used = max(0, execution.updated_at - execution.started_at) / 1e9
        loop = asyncio.get_running_loop()
        return loop.call_later(max(0.0, seconds - used), self._post, DeadlinePassed())

    def _asked(self, request: Request) -> None:
        execution = self._snapshot.current
        if request.kind is RequestKind.CANCEL:
            note = request.arguments.get("message")
            self._emit(
                CancelRequested(
                    at=self._around.clock.now(),
                    execution_id=execution.execution_id,
                    actor=request.actor,
                    message=note if isinstance(note, str) else None,
                )
            )
            self._planner.stop(Reason.USER_CANCELLED, f"cancelled by {request.actor}")
        elif request.kind is RequestKind.CANCEL_STEP and request.task_id is not None:
            self._cancel_step(request.task_id, request.actor)
        elif request.kind is RequestKind.PAUSE and execution.state is ExecutionState.RUNNING:
            message = f"paused by {request.actor}"
            self._move(ExecutionState.PAUSED, Reason.USER_PAUSED, message, request.actor)
        elif request.kind is RequestKind.RESUME and execution.state is ExecutionState.PAUSED:
            message = f"resumed by {request.actor}"
            self._move(ExecutionState.RUNNING, Reason.USER_RESUMED, message, request.actor)
        elif request.kind in {RequestKind.APPROVE, RequestKind.REJECT}:
            self._answer(request)
        elif request.kind is RequestKind.RETRY and request.task_id is not None:
            self._retry(request)

    async def approval(self, task_id: str, prompt: str, approvers: tuple[str, ...]) -> Approval:
        """Wait, outside a slot, for the answer to an approval step."""
        asking = Asking(task_id, prompt, approvers)
        answer: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        self._asking[task_id] = (asking, answer)
        self._post(asking)
        return await answer

    async def run_mission(self, file: str, params: Mapping[str, Any]) -> MissionResult:
        """Run a sub-mission by the runner around this engine."""
        if self._run_mission is None:
            raise BugError("this engine was not given a way to run sub-missions")
        return await self._run_mission(file, params)

    def _await_answer(self, asking: Asking) -> None:
        task = self._snapshot.tasks[asking.task_id]
        if task.state is TaskState.RUNNING and asking.task_id in self._asking:
            self._change(asking.task_id, TaskState.WAITING, Reason.AWAITING_APPROVAL, asking.prompt)
            self._free_slot(asking.task_id)

    def _answer(self, request: Request) -> None:
        """Pass an answer on to the step that waits for it, if its author may give it."""
        waiting = self._asking.get(request.task_id or "")
        if waiting is None:
            self._refuse(request, "the step does not wait for an approval")
            return
        asking, answer = waiting
        user = request.actor.partition("@")[0]
        if asking.approvers and not {request.actor, user} & set(asking.approvers):
            self._refuse(request, f"only {', '.join(asking.approvers)} may answer")
        elif not answer.done():
            comment = request.arguments.get("comment")
            answer.set_result(
                Approval(
                    approved=request.kind is RequestKind.APPROVE,
                    by=request.actor,
                    comment=comment if isinstance(comment, str) else "",
                )
            )

    def _retry(self, request: Request) -> None:
        """Reopen a step that has ended badly, and with `downstream` what was skipped for it."""
        task = self._snapshot.tasks.get(request.task_id or "")
        if task is None or task.state not in RETRYABLE:
            self._refuse(request, "only a failed, skipped or cancelled step can be retried")
            return
        if self._planner.stopped is not None or task.task_id in self._handlers:
            self._refuse(request, "the execution is ending")
            return
        message = f"retried by {request.actor}"
        if request.arguments.get("downstream") and task.parent_task_id is None:
            for name in sorted(self._graph.descendants(task.task_id)):
                if self._snapshot.tasks[name].state in RETRYABLE:
                    self._change(
                        name, TaskState.PENDING, Reason.USER_RETRY, message, actor=request.actor
                    )
        self._change(task.task_id, TaskState.READY, Reason.USER_RETRY, message, actor=request.actor)

    def _refuse(self, request: Request, why: str) -> None:
        self._emit(
            Noted(
                at=self._around.clock.now(),
                execution_id=self._around.execution_id,
                actor=request.actor,
                kind="request.refused",
                task_id=request.task_id,
                facts={"request": request.kind.value, "why": why},
            )
        )

    def _cancel_step(self, task_id: str, actor: str) -> None:
        task = self._snapshot.tasks.get(task_id)
        if task is None or is_terminal(task.state):
            return
        message = f"cancelled by {actor}"
        if task_id in self._attempts:
            self._cancel_attempt(task_id, Reason.USER_CANCELLED, message)
        elif task.state in {TaskState.PENDING, TaskState.READY, TaskState.WAITING}:
            state = TaskState.SKIPPED if task.started_at is None else TaskState.CANCELLED
            self._change(task_id, state, Reason.USER_CANCELLED, message)

    # --- events ---------------------------------------------------------------------------------

    def _emit(self, event: Event) -> None:
        apply(self._snapshot, event)
        self._planner.observe(event)
        self._batch.append(event)

    def _post(self, item: Happening) -> None:
        self._inbox.append(item)
        self._wake.set()

    def _note(self, kind: str, facts: Mapping[str, str]) -> None:
        self._emit(
            Noted(
                at=self._around.clock.now(),
                execution_id=self._around.execution_id,
                kind=kind,
                facts=facts,
            )
        )

    def _move(
        self,
        state: ExecutionState,
        reason: Reason,
        message: str | None = None,
        actor: str = ENGINE,
    ) -> None:
        self._emit(
            ExecutionStateChanged(
                at=self._around.clock.now(),
                execution_id=self._around.execution_id,
                actor=actor,
                from_state=self._snapshot.current.state,
                to_state=state,
                reason_code=reason,
                message=message,
            )
        )

    def _change(
        self,
        task_id: str,
        state: TaskState,
        reason: Reason,
        message: str | None,
        resume_at: int | None = None,
        actor: str = ENGINE,
    ) -> None:
        task: TaskRun = self._snapshot.tasks[task_id]
        self._emit(
            TaskStateChanged(
                at=self._around.clock.now(),
                execution_id=task.execution_id,
                actor=actor,
                task_id=task_id,
                from_state=task.state,
                to_state=state,
                reason_code=reason,
                message=message,
                resume_at=resume_at,
            )
        )


class _Host:
    """The engine as one step's host."""

    def __init__(self, engine: Engine, task_id: str) -> None:
        self._engine = engine
        self._task_id = task_id

    async def approval(self, prompt: str, approvers: tuple[str, ...]) -> Approval:
        """Wait for a person's answer."""
        return await self._engine.approval(self._task_id, prompt, approvers)

    async def run_mission(self, file: str, params: Mapping[str, Any]) -> MissionResult:
        """Run another mission to its end."""
        return await self._engine.run_mission(file, params)


RETRYABLE = frozenset({TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED})


def _outputs(outcome: StepOutcome) -> Mapping[str, object]:
    if not outcome.variables:
        return outcome.output
    return {**outcome.output, "variables": dict(outcome.variables)}


def _census(found: tuple[int, int] | None) -> Mapping[str, int] | None:
    return None if found is None else {"processes": found[0], "survivors": found[1]}


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group that is not itself a group."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, BugError):
        first.add_note(f"{len(group.exceptions)} tasks failed")
    return first
