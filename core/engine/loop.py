"""The engine: one task that turns ends, requests and timers into events, commits and then acts.

Every turn of the loop: take what happened → fold it → let the planner decide → commit everything in
one transaction → only then start attempts. A step without I/O acts on nothing outside, so its start
and its end share a transaction. The decisions are `core.planning.planner`'s, what follows from an
end is `core.engine.settlement`'s, requests are `core.engine.requests`'s; here is the order in which
they meet. The parts are made in `core.engine.cycle.engine_parts`.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.domain.breaker_policy import BreakerPolicy
from core.domain.events import Event
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.engine.cycle.breakpoint_requests import pause_before
from core.engine.cycle.engine_parts import EngineParts
from core.engine.cycle.intake import Intake
from core.engine.cycle.run_notes import RunNotes
from core.engine.preparation import RunContext
from core.errors import BugError
from core.graph.dag import Graph
from core.machine.system_clock import ClockWatch
from core.planning.earlier_items import RetriedExecution
from core.planning.ending import Ending
from core.ports.claims import Claim, Claims
from core.ports.control import Request, Slots
from core.ports.journal import Receipt
from core.ports.pressure import PressureGauge
from core.step_type.host import SubMissions

Observer = Callable[[Sequence[Event]], None]
"""Told of events after they are durable, in order."""

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
        parts = EngineParts(
            run_context,
            graph,
            snapshot,
            parallel_limit=parallel_limit,
            chance=chance,
            policies=policies,
            slots=slots,
            missions=missions,
            earlier=earlier,
            pressure=pressure,
            breaker_policy=breaker_policy,
            on_kill=on_kill,
            claims=claims,
            group=group,
        )
        self._run_context = run_context
        self._now = run_context.clock.now
        self._snapshot = snapshot
        self._observer = observer
        self._missions = missions
        self._admission = parts.admission
        self._armed = parts.armed
        self._attempts = parts.attempts
        self._expansion = parts.expansion
        self._flow = parts.flow
        self._gate = parts.gate
        self._inbox = parts.inbox
        self._mutexes = parts.mutexes
        self._planner = parts.planner
        self._preconditions = parts.preconditions
        self._pressure_watch = parts.pressure_watch
        self._recorder = parts.recorder
        self._request_handler = parts.request_handler
        self._slots = parts.slots
        self._step_check = parts.step_check
        self._timers = parts.timers
        self._up_to_date = parts.up_to_date
        self._intake = Intake(parts, clock_watch)
        self._notes = RunNotes(run_context, parts.recorder, facts, policies, env_files)
        self._has_more = False
        self._receipt: Receipt | None = None

    # --- for the outside ------------------------------------------------------------------------

    @property
    def receipt(self) -> Receipt | None:
        """The proof of the last commit: the audit log's size and root."""
        return self._receipt

    def request(self, request: Request) -> None:
        """Hand in what somebody asked for; it takes effect on the next turn."""
        self._inbox.post(request)

    async def run(self) -> Ending:
        """Drive the execution to its end, seal it and return how it ended.

        Raises what the journal raises when it cannot be written: everything that runs is cancelled
        first, and nothing more is started (fail closed).
        """
        context = self._run_context.context
        context.initialize()
        self._timers.start_deadline(self._run_context.mission.config.timeout_seconds)
        await self._pressure_watch.look()
        try:
            async with asyncio.TaskGroup() as group:
                self._flow.group = group
                watching = self._pressure_watch.start(group)
                self._notes.started()
                await self._enter_group()
                self._begin()
                self._mutexes.begin(group)
                self._intake.take_in()  # what was asked before there was a runner, before any start
                context.activate()
                try:
                    while (ending := self._advance()) is None:
                        if await self._intake.took_in_answers(has_more=self._has_more):
                            continue
                        await self._commit()
                        self._flow.committed()
                        self._preconditions.act(group)
                        await self._intake.gather(has_more=self._has_more)
                    if self._missions is not None and self._missions.has_abandoned():
                        await self._commit()
                        await self._missions.end_abandoned()
                    await self._notes.end_leftovers()
                    for item in self._inbox.items:  # what was asked while they were being ended
                        if isinstance(item, Request):
                            self._request_handler.refuse_late(item)
                    self._notes.stopped()
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

    # --- one turn -------------------------------------------------------------------------------

    async def _enter_group(self) -> None:
        """Wait for the turn of this execution in its concurrency group, or end it without one."""
        if self._admission is None:
            return
        refusal = await self._admission.enter(self._inbox.items, self._inbox.wake, self._commit)
        if refusal is not None:
            self._planner.stop(Reason.GROUP_TAKEN, refusal)
            self._planner.stop_handlers(refusal)

    def _begin(self) -> None:
        execution = self._snapshot.current
        if execution.state is ExecutionState.PENDING:
            self._recorder.move(ExecutionState.RUNNING, Reason.STARTED)
        self._gate.begin()
        self._timers.resume_waits()

    def _advance(self) -> Ending | None:
        """Fold all that follows from the states; return the ending when nothing can follow."""
        planner, recorder, flow = self._planner, self._recorder, self._flow
        self._armed.all_taken_in()
        self._mutexes.give_back_unused(flow.group)
        self._notes.late_ends()
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
            if self._paused_at_breakpoint():
                continue
            if not self._gate.admits and not planner.runs_handlers:
                if self._gate.hold_back():
                    continue
                break
            armed = self._armed.start_next()
            if armed is not None:
                flow.tell_armed(flow.begin_armed_now(*armed))
                continue
            if not self._slots.reserve():
                self._timers.poll_slots()
                break
            task_id = planner.next_start()
            if task_id is None:
                self._slots.give_back_spare()
                if self._paused_at_breakpoint():
                    continue
                break
            if flow.group is not None and self._mutexes.holds_back(flow.group, task_id):
                continue
            flow.start(task_id)
        self._step_check.submit()
        self._armed.arm(is_calm=self._gate.is_closed, is_decided=not self._has_more)
        return planner.outcome()

    def _paused_at_breakpoint(self) -> bool:
        """Pause the execution if a step that would start has a breakpoint; tell whether it has."""
        step_id = self._planner.reached_breakpoint
        if step_id is not None:
            pause_before(self._recorder, step_id)
        return step_id is not None

    async def _commit(self, *, finalize: bool = False) -> None:
        self._pressure_watch.commit_began()
        committed = await self._recorder.commit(finalize=finalize)
        self._pressure_watch.commit_ended()
        if committed is not None:
            self._receipt = committed.receipt
            if self._observer is not None:
                self._observer(committed.events)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception of a group that is not itself a group."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, BugError):
        first.add_note(f"{len(group.exceptions)} tasks failed")
    return first
