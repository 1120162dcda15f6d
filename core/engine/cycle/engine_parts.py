"""The parts of an engine, made and connected. Decides nothing."""

import random
from collections.abc import Callable, Mapping

from core.domain.breaker_policy import BreakerPolicy
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.states import AttemptState
from core.engine.attempt import Ended, state_of
from core.engine.breaker_gate import BreakerGate
from core.engine.commit_delay import CommitDelay
from core.engine.cycle.attempt_flow import AttemptFlow
from core.engine.cycle.inbox import Inbox
from core.engine.engine_recorder import EngineRecorder
from core.engine.expansion import Expansion
from core.engine.preparation import RunContext
from core.engine.pressure_watch import PressureWatch
from core.engine.requests import RequestHandler
from core.engine.settlement import Settlement
from core.engine.slot_keeper import SlotKeeper
from core.engine.turn.armed_starts import ArmedStarts
from core.engine.turn.condition_check import check_condition
from core.engine.turn.group_admission import GroupAdmission
from core.engine.turn.happening import Happening
from core.engine.turn.mission_preconditions import MissionPreconditions
from core.engine.turn.mutex_gate import MutexGate
from core.engine.turn.running_attempts import RunningAttempts
from core.engine.turn.step_host import HostFactory
from core.engine.turn.timers import Timers
from core.engine.turn.up_to_date_steps import UpToDateSteps
from core.engine.up_to_date.step_check import StepCheck
from core.graph.dag import Graph
from core.planning.breaker import Breaker
from core.planning.earlier_items import RetriedExecution
from core.planning.planner import Planner
from core.ports.claims import Claim, Claims
from core.ports.control import Slots
from core.ports.pressure import PressureGauge
from core.step_type.host import SubMissions


class EngineParts:
    """Makes the parts that one execution needs; its attributes are what the engine works with."""

    def __init__(
        self,
        run_context: RunContext,
        graph: Graph,
        snapshot: Snapshot,
        *,
        parallel_limit: int | None = None,
        chance: Callable[[], float] = random.random,
        policies: Mapping[str, str] = EMPTY,
        slots: Slots | None = None,
        missions: SubMissions | None = None,
        earlier: RetriedExecution | None = None,
        pressure: PressureGauge | None = None,
        breaker_policy: BreakerPolicy | None = None,
        on_kill: Callable[[], None] | None = None,
        claims: Claims | None = None,
        group: Claim | None = None,
    ) -> None:
        mission, clock = run_context.mission, run_context.clock
        self.run_context = run_context
        self.snapshot = snapshot
        self.inbox = Inbox(clock.now, self._told)
        post = self.inbox.post
        self.planner = planner = Planner(
            mission,
            graph,
            snapshot,
            condition=lambda step: check_condition(run_context, snapshot, step),
            parallel_limit=parallel_limit,
        )
        run_context.context.environ = run_context.environ
        run_context.context.ending = lambda: planner.steps_ending
        self.recorder = recorder = EngineRecorder(
            snapshot, run_context.journal, planner, clock, run_context.masker
        )
        self.timers = Timers(recorder, clock, post)
        self.step_check = StepCheck(run_context, post)
        self.attempts = RunningAttempts(run_context, recorder, post, self.step_check)
        self.up_to_date = UpToDateSteps(run_context, recorder, planner, self.step_check)
        self.settlement = Settlement(run_context, planner, recorder, chance)
        self.expansion = Expansion(
            recorder,
            run_context.context,
            step_of=planner.step_of,
            now=clock.now,
            earlier=earlier,
        )
        self.slots = SlotKeeper(slots)
        self.request_handler = RequestHandler(
            recorder,
            planner,
            graph,
            clock,
            cancel_attempt=self.attempts.cancel,
            kill_attempt=self.attempts.kill,
            handlers=frozenset(step.id for step in mission.handlers.all),
        )
        self.hosts = HostFactory(recorder, self.request_handler, missions, post)
        self.preconditions = MissionPreconditions(
            run_context, recorder, planner, post, self.hosts.of
        )
        policy = breaker_policy or BreakerPolicy()
        self.breaker = Breaker(policy)
        if pressure is not None:  # else nothing would ever close it
            execution = snapshot.current
            self.breaker = Breaker(
                policy, state=execution.breaker, message=execution.breaker_message or ""
            )
        self.pressure_watch = PressureWatch(self.breaker, pressure, post)
        self.gate = BreakerGate(self.breaker, policy, recorder, planner, clock, self.timers.starve)
        self.mutexes = MutexGate(
            recorder, planner.step_of, claims, post, priority=mission.config.priority
        )
        self.admission: GroupAdmission | None = None
        if claims is not None and group is not None and mission.concurrency is not None:
            self.admission = GroupAdmission(
                recorder,
                claims,
                group,
                mission.concurrency.policy,
                self.request_handler.refuse,
                self.request_handler.handle,
            )
        self.commit_delay = CommitDelay()
        self.armed = ArmedStarts(
            run_context,
            planner,
            recorder,
            lambda prepared, attempt: self.flow.begin_armed(prepared, attempt),
            is_allowed=slots is None and not policies,
        )
        self.flow = AttemptFlow(
            run_context,
            recorder,
            planner,
            earlier,
            inbox=self.inbox,
            attempts=self.attempts,
            armed=self.armed,
            hosts=self.hosts,
            slots=self.slots,
            gate=self.gate,
            mutexes=self.mutexes,
            timers=self.timers,
            settlement=self.settlement,
            requests=self.request_handler,
            up_to_date=self.up_to_date,
            commit_delay=self.commit_delay,
            on_kill=on_kill,
        )

    def _told(self, item: Happening) -> None:
        """Let armed attempts use the slot of one that succeeded; hold them back for all else."""
        if isinstance(item, Ended) and state_of(item) is AttemptState.SUCCESS:
            self.armed.slot_freed(item.task_id)
        else:
            self.armed.hold()  # for an end: a failure may stop the mission
