"""The engine: one task that turns ends, requests and timers into events, commits and then acts.

Every turn of the loop: take what happened → fold it → let the planner decide → commit everything in
one transaction → only then start attempts. A step without I/O acts on nothing outside, so its start
and its end share a transaction. The decisions are `core.planning.planner`'s, what follows from an
end is `core.engine.settlement`'s, requests are `core.engine.requests`'s; here is the order in which
they meet.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from core.domain.breaker_policy import BreakerPolicy
from core.domain.events import AttemptStarted, Event, policy_list
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import AttemptState, ExecutionState
from core.engine.attempt import Ended, run_instant, state_of
from core.engine.breaker_gate import BreakerGate, Starved
from core.engine.commit_delay import CommitDelay
from core.engine.engine_recorder import EngineRecorder
from core.engine.expansion import Expansion
from core.engine.gated_attempt import gated
from core.engine.preparation import Prepared, RunContext, prepare
from core.engine.pressure_watch import PressureWatch
from core.engine.requests import Question, RequestHandler
from core.engine.settlement import Settlement, census_facts
from core.engine.slot_keeper import SlotKeeper
from core.engine.turn.armed_starts import ArmedStarts
from core.engine.turn.condition_check import check_condition
from core.engine.turn.group_admission import GroupAdmission
from core.engine.turn.happening import (
    ArmedStarted,
    Happening,
    MutexGranted,
    PlacedAttempt,
    ServiceReady,
    SlotsTight,
    Woken,
)
from core.engine.turn.mission_preconditions import MissionPreconditions, PreconditionsChecked
from core.engine.turn.mutex_gate import MutexGate
from core.engine.turn.running_attempts import RunningAttempts
from core.engine.turn.start_record import record_start
from core.engine.turn.step_host import HostFactory
from core.engine.turn.timers import Timers
from core.engine.turn.up_to_date_steps import UpToDateSteps
from core.engine.up_to_date.step_check import Answers, StepCheck
from core.errors import BugError
from core.explain.process_text import ended_text
from core.graph.dag import Graph
from core.machine.system_clock import ClockWatch
from core.planning.breaker import Breaker, BreakerChange
from core.planning.earlier_items import RetriedExecution
from core.planning.ending import Ending
from core.planning.planner import Planner
from core.ports.claims import Claim, Claims
from core.ports.control import Request, Slots
from core.ports.journal import Receipt
from core.ports.pressure import PressureGauge
from core.step_type.host import SubMissions

Observer = Callable[[Sequence[Event]], None]
"""Told of events after they are durable, in order."""

ANSWERS_SECONDS = 0.05
"""How long a commit waits at most for comparisons of steps with their records."""

BATCH_EVENTS = 2048
"""Events in a turn from which it is committed, though more could follow at once."""


class Engine:
    """Drives one execution from its snapshot to its end."""

    def __init__(
        self,
        run_context: RunContext,
        graph: Graph,
        snapshot: Snapshot,
        *,
        observer: Observer | None = None,
        parallel_limit: int | None = None,
        chance: Callable[[], float] = random.random,
        facts: Mapping[str, str] = EMPTY,
        policies: Mapping[str, str] = EMPTY,
        env_files: Sequence[Mapping[str, Any]] = (),
        slots: Slots | None = None,
        clock_watch: ClockWatch | None = None,
        missions: SubMissions | None = None,
        earlier: RetriedExecution | None = None,
        pressure: PressureGauge | None = None,
        breaker_policy: BreakerPolicy | None = None,
        on_kill: Callable[[], None] | None = None,
        claims: Claims | None = None,
        group: Claim | None = None,
    ) -> None:
        self._run_context = run_context
        self._mission = run_context.mission
        self._now = run_context.clock.now
        self._snapshot = snapshot
        self._observer = observer
        self._on_kill = on_kill
        self._facts = facts
        self._policies = policies
        self._env_files = env_files
        self._clock_watch = clock_watch
        self._missions = missions
        self._earlier = earlier
        self._planner = Planner(
            run_context.mission,
            graph,
            snapshot,
            condition=lambda step: check_condition(run_context, snapshot, step),
            parallel_limit=parallel_limit,
        )
        run_context.context.environ = run_context.environ
        run_context.context.ending = lambda: self._planner.steps_ending
        self._recorder = EngineRecorder(
            snapshot, run_context.journal, self._planner, run_context.clock, run_context.masker
        )
        self._timers = Timers(self._recorder, run_context.clock, self._post)
        self._step_check = StepCheck(run_context, self._post)
        self._attempts = RunningAttempts(run_context, self._recorder, self._post, self._step_check)
        self._up_to_date = UpToDateSteps(
            run_context, self._recorder, self._planner, self._step_check
        )
        self._settlement = Settlement(run_context, self._planner, self._recorder, chance)
        self._expansion = Expansion(
            self._recorder,
            run_context.context,
            step_of=self._planner.step_of,
            now=self._now,
            earlier=earlier,
        )
        self._slots = SlotKeeper(slots)
        self._request_handler = RequestHandler(
            self._recorder,
            self._planner,
            graph,
            run_context.clock,
            cancel_attempt=self._attempts.cancel,
            handlers=frozenset(step.id for step in run_context.mission.handlers.all),
        )
        self._hosts = HostFactory(self._recorder, self._request_handler, missions, self._post)
        self._preconditions = MissionPreconditions(
            run_context, self._recorder, self._planner, self._post, self._hosts.of
        )
        policy = breaker_policy or BreakerPolicy()
        self._breaker = Breaker(policy)
        if pressure is not None:  # else nothing would ever close it
            execution = snapshot.current
            self._breaker = Breaker(
                policy, state=execution.breaker, message=execution.breaker_message or ""
            )
        self._pressure_watch = PressureWatch(self._breaker, pressure, self._post)
        self._gate = BreakerGate(
            self._breaker,
            policy,
            self._recorder,
            self._planner,
            run_context.clock,
            self._timers.starve,
        )
        config = run_context.mission.config
        self._mutexes = MutexGate(
            self._recorder, self._planner.step_of, claims, self._post, priority=config.priority
        )
        self._admission: GroupAdmission | None = None
        concurrency = run_context.mission.concurrency
        if claims is not None and group is not None and concurrency is not None:
            self._admission = GroupAdmission(
                self._recorder, claims, group, concurrency.policy, self._request_handler.refuse
            )
        self._commit_delay = CommitDelay()
        self._armed = ArmedStarts(
            run_context,
            self._planner,
            self._recorder,
            self._begin_armed,
            is_allowed=slots is None and not policies,
        )
        self._group: asyncio.TaskGroup | None = None
        self._answers_until: float | None = None
        self._inbox: deque[Happening] = deque()
        self._wake = asyncio.Event()
        self._starting: list[tuple[Prepared, int]] = []
        self._held: list[Ended] = []  # ends whose output may only be stored behind their start
        self._has_more = False
        self._receipt: Receipt | None = None

    # --- for the outside ------------------------------------------------------------------------

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
        context = self._run_context.context
        context.initialize()
        self._timers.start_deadline(self._mission.config.timeout_seconds)
        await self._pressure_watch.look()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                watching = self._pressure_watch.start(group)
                self._note_start()
                await self._enter_group()
                self._begin()
                self._mutexes.begin(group)
                self._take_in()  # what was asked before there was a runner comes before any start
                context.activate()
                try:
                    while (ending := self._advance()) is None:
                        if await self._took_in_answers():
                            continue
                        await self._commit()
                        self._act(group)
                        await self._gather()
                    if self._missions is not None and self._missions.has_abandoned():
                        await self._commit()
                        await self._missions.end_abandoned()
                    await self._end_leftovers()
                    for item in self._inbox:  # what was asked while they were being ended
                        if isinstance(item, Request):
                            self._request_handler.refuse_late(item)
                    if self._facts:
                        self._recorder.note("engine.stopped", self._facts)
                    self._recorder.move(ending.state, ending.reason, ending.message)
                    await self._commit(finalize=True)
                finally:
                    self._armed.close()
                    if watching is not None:
                        watching.cancel()
                    self._mutexes.close()
                    self._attempts.cancel_all()
        except BaseExceptionGroup as caught:
            raise _only(caught) from caught
        finally:
            self._timers.close()
            self._slots.close()
            self._run_context.values_folder.close()
            context.archive()
        return ending

    async def _end_leftovers(self) -> None:
        """End the processes that steps left running; that changes no outcome."""
        census = await self._run_context.executor.end_leftovers(self._run_context.execution_id)
        self._note_late_ends()
        if census.processes:
            facts = census_facts(census)
            self._recorder.note(
                "leftovers.ended", {**facts, "message": ended_text(facts, whole=True)}
            )

    def _note_late_ends(self) -> None:
        """Record the ends of lost attempts that came too late to count."""
        for late in self._run_context.executor.late_ends(self._run_context.execution_id):
            _, task_id, attempt = late.key.split("/")
            facts: dict[str, Any] = {
                "attempt": int(attempt),
                "host": late.placement.host,
                "worker": late.placement.worker,
                "message": "its end came after it was lost, and does not count",
            }
            if late.exit_code is not None:
                facts["exit_code"] = late.exit_code
            self._recorder.note("attempt.late", facts, task_id=task_id)

    # --- one turn -------------------------------------------------------------------------------

    async def _enter_group(self) -> None:
        """Wait for the turn of this execution in its concurrency group, or end it without one."""
        if self._admission is None:
            return
        refusal = await self._admission.enter(self._inbox, self._wake, self._commit)
        if refusal is not None:
            self._planner.stop(Reason.GROUP_TAKEN, refusal)
            self._planner.stop_handlers(refusal)

    def _note_start(self) -> None:
        if self._facts:
            facts: dict[str, Any] = dict(self._facts)
            if self._policies:
                facts["policies"] = policy_list(self._policies)
            if self._env_files:
                facts["env_files"] = list(self._env_files)
            self._recorder.note("engine.started", facts)

    def _begin(self) -> None:
        execution = self._snapshot.current
        if execution.state is ExecutionState.PENDING:
            self._recorder.move(ExecutionState.RUNNING, Reason.STARTED)
        self._gate.begin()
        self._timers.resume_waits()

    def _advance(self) -> Ending | None:
        """Fold all that follows from the states; return the ending when nothing can follow."""
        planner, recorder = self._planner, self._recorder
        self._armed.all_taken_in()
        self._mutexes.give_back_unused()
        self._note_late_ends()
        self._has_more = False
        while True:
            if recorder.pending >= BATCH_EVENTS:
                self._has_more = True
                break
            change = planner.next_transition(self._now())
            if change is not None:
                recorder.emit_planned(change)
                continue
            task_id = planner.next_expansion()
            if task_id is not None:
                self._expansion.expand(task_id)
                continue
            task_id = planner.next_comparison()
            if task_id is not None:
                self._up_to_date.compare(task_id)
                continue
            if not self._gate.admits and not planner.runs_handlers:
                if self._gate.hold_back():
                    continue
                break
            armed = self._armed.start_next()
            if armed is not None:
                self._tell_armed(self._begin_armed_now(*armed))
                continue
            if not self._slots.reserve():
                self._timers.poll_slots()
                break
            task_id = planner.next_start()
            if task_id is None:
                self._slots.give_back_spare()
                break
            if self._group is not None and self._mutexes.holds_back(self._group, task_id):
                continue
            self._start(task_id)
        self._step_check.submit()
        self._armed.arm(is_calm=self._gate.is_closed, is_decided=not self._has_more)
        return planner.outcome()

    async def _took_in_answers(self) -> bool:
        """Wait a moment for comparisons; tell whether they alone have something for the next turn.

        A chain of steps that are up to date then shares a commit. Nothing that has to be durable
        before it is acted upon waits for this.
        """
        if not self._step_check.is_under_way or self._starting or self._has_more:
            self._answers_until = None
            return False
        loop = asyncio.get_running_loop()
        if self._answers_until is None:
            self._answers_until = loop.time() + ANSWERS_SECONDS
        timer = loop.call_at(self._answers_until, self._wake.set)
        await self._wake.wait()
        timer.cancel()
        if not self._inbox or not all(isinstance(item, Answers) for item in self._inbox):
            self._answers_until = None
            return False
        self._take_in()
        return True

    async def _commit(self, *, finalize: bool = False) -> None:
        self._pressure_watch.commit_began()
        committed = await self._recorder.commit(finalize=finalize)
        self._pressure_watch.commit_ended()
        if committed is not None:
            self._receipt = committed.receipt
            if self._observer is not None:
                self._observer(committed.events)

    def _act(self, group: asyncio.TaskGroup) -> None:
        """Start what is durably started, cancel what must not go on."""
        for prepared, attempt in self._starting:
            task_id = prepared.task.task_id
            self._commit_delay.attempt_started(task_id, asyncio.get_running_loop().time())
            self._attempts.start(group, prepared, attempt, self._hosts.of(task_id))
        self._starting.clear()
        self._armed.committed()
        self._inbox.extend(self._held)
        self._held.clear()
        if self._request_handler.is_killing:
            self._kill()
        stopping = self._planner.to_cancel()
        if stopping is not None:
            stop, task_ids = stopping
            for task_id in task_ids:
                self._attempts.cancel(task_id, stop.reason, stop.message)
        for task_id, reason, message in self._planner.single_cancels():
            self._attempts.cancel(task_id, reason, message)
        self._preconditions.act(group)

    async def _gather(self) -> None:
        """Wait until something happened and fold all of it, with the ends about to follow."""
        if not self._inbox and not self._has_more:
            await self._wake.wait()
        loop = asyncio.get_running_loop()
        while self._take_in():
            until = self._delay_until(loop.time())
            if until is None:
                break
            timer = loop.call_at(until, self._wake.set)
            await self._wake.wait()
            timer.cancel()
        self._commit_delay.reset()
        step = 0 if self._clock_watch is None else self._clock_watch.step_ns()
        if step:
            self._recorder.note("clock.stepped", {"by_ms": round(step / 1_000_000)})

    def _delay_until(self, now: float) -> float | None:
        """Return until when the next commit may wait for more ends; None: it is made at once."""
        if self._armed.has_enough:
            return self._commit_delay.deadline_while_starts_go_on(now)
        return self._commit_delay.deadline(now) if self._armed.is_empty else None

    def _take_in(self) -> bool:
        """Fold everything that has happened; tell whether it was ends alone."""
        self._wake.clear()
        only_ends = not self._has_more
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, Ended):
                self._attempt_ended(item)
                continue
            if isinstance(item, ArmedStarted):
                self._tell_armed(item)
                continue
            if isinstance(item, PlacedAttempt):
                self._attempts.placed(item)
                continue
            if isinstance(item, MutexGranted):
                self._mutexes.granted(item)
                continue
            only_ends = False
            if isinstance(item, Woken):
                self._timers.woken(item.task_id)
            elif isinstance(item, Request):
                self._request_handler.handle(item)
            elif isinstance(item, Question):
                if self._hosts.asked(item):
                    self._slots.free(item.task_id)
            elif isinstance(item, ServiceReady):
                if self._hosts.served(item):
                    self._slots.free(item.task_id)
            elif isinstance(item, PreconditionsChecked):
                self._preconditions.checked(item)
            elif isinstance(item, BreakerChange):
                self._gate.changed(item)
            elif isinstance(item, Starved):
                self._gate.starved(item)
            elif isinstance(item, Answers):
                for task_id in self._up_to_date.take_in(item):
                    self._mutexes.attempt_ended(task_id)  # it may have waited for one
            elif isinstance(item, SlotsTight):
                self._timers.slots_polled()
            else:
                seconds = self._mission.config.timeout_seconds or 0.0
                message = f"the mission's {seconds:g} s are over"
                self._planner.stop(Reason.MISSION_TIMEOUT, message)
        return only_ends

    # --- attempts -------------------------------------------------------------------------------

    def _start(self, task_id: str) -> None:
        task = self._snapshot.tasks[task_id]
        prepared = prepare(self._run_context, task, self._planner.step_of(task_id))
        attempt = self._last_attempt(task) + 1
        prepared, answer = gated(self._run_context, prepared, attempt)
        record_start(self._run_context, self._recorder, prepared, attempt, answer)
        self._up_to_date.attempt_started(prepared, attempt)
        self._slots.assign(task_id)
        if not self._planner.runs_handlers:
            self._gate.attempt_started(task_id)
        if not prepared.is_instant:
            self._starting.append((prepared, attempt))
            return
        ended = run_instant(self._run_context, prepared, attempt)
        if ended.chunks:
            self._held.append(ended)
        else:
            self._attempt_ended(ended)

    def _begin_armed_now(self, prepared: Prepared, attempt: int) -> ArmedStarted:
        """Start an armed attempt and return what is to be told of it."""
        if self._group is None:
            raise BugError("an attempt was armed before the engine ran")
        task_id, loop_time = prepared.task.task_id, asyncio.get_running_loop().time()
        self._attempts.start(self._group, prepared, attempt, self._hosts.of(task_id))
        self._commit_delay.attempt_started(task_id, loop_time)
        return ArmedStarted(prepared, attempt, self._now(), loop_time)

    def _begin_armed(self, prepared: Prepared, attempt: int) -> None:
        """Start an armed attempt between turns; the next turn takes in that it has started."""
        self._inbox.append(self._begin_armed_now(prepared, attempt))

    def _tell_armed(self, started: ArmedStarted) -> None:
        """Record that an armed attempt has started."""
        task_id = started.prepared.task.task_id
        self._recorder.emit(
            AttemptStarted(
                at=started.at,
                execution_id=self._run_context.execution_id,
                task_id=task_id,
                attempt=started.attempt,
                inputs=started.prepared.inputs,
            )
        )
        self._recorder.stopwatch.attempt_began(task_id, is_first=True, at=started.loop_time)
        if not self._planner.runs_handlers:
            self._gate.attempt_started(task_id)

    def _last_attempt(self, task: TaskRun) -> int:
        """Return the number that was used last: those of a retry go on, for items as for steps."""
        if task.attempt or self._earlier is None:
            return task.attempt
        return self._earlier.last_attempt(task)

    def _kill(self) -> None:
        """Give nothing that is cancelled a grace, here and in sub-missions. Idempotent."""
        self._run_context.executor.hurry(self._run_context.execution_id)
        if self._on_kill is not None:
            self._on_kill()
            self._on_kill = None

    def _attempt_ended(self, ended: Ended) -> None:
        task_id = ended.task_id
        began = self._commit_delay.attempt_ended(task_id, asyncio.get_running_loop().time())
        self._armed.attempt_ended(began)
        self._slots.free(task_id)
        self._gate.attempt_ended(task_id)
        self._mutexes.attempt_ended(task_id)
        why, person = self._attempts.ended(task_id), self._request_handler.answered_by(task_id)
        pause = self._settlement.settle(ended, why, answered_by=person)
        self._request_handler.close(task_id)
        self._up_to_date.attempt_ended(ended)
        if pause is not None:
            self._timers.wake(task_id, pause)

    def _post(self, item: Happening) -> None:
        if isinstance(item, Ended):
            now = asyncio.get_running_loop().time()
            item = replace(item, at=self._now(), loop_time=now)
            self._inbox.append(item)
            if state_of(item) is AttemptState.SUCCESS:
                self._armed.slot_freed(item.task_id)
            else:
                self._armed.hold()  # a failure may stop the mission
        else:
            self._inbox.append(item)
            self._armed.hold()
        self._wake.set()


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group that is not itself a group."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, BugError):
        first.add_note(f"{len(group.exceptions)} tasks failed")
    return first
