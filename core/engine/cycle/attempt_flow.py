"""Attempts from the decision to start them to what their end means for the engine's parts."""

import asyncio
from collections.abc import Callable

from core.domain.events import AttemptStarted
from core.domain.records import TaskRun
from core.engine.attempt import Ended, run_instant
from core.engine.breaker_gate import BreakerGate
from core.engine.commit_delay import CommitDelay
from core.engine.cycle.inbox import Inbox
from core.engine.engine_recorder import EngineRecorder
from core.engine.gated_attempt import gated
from core.engine.preparation import Prepared, RunContext, prepare
from core.engine.requests import RequestHandler
from core.engine.settlement import Settlement
from core.engine.slot_keeper import SlotKeeper
from core.engine.turn.armed_starts import ArmedStarts
from core.engine.turn.happening import ArmedStarted
from core.engine.turn.mutex_gate import MutexGate
from core.engine.turn.running_attempts import RunningAttempts
from core.engine.turn.start_record import record_start
from core.engine.turn.step_host import HostFactory
from core.engine.turn.timers import Timers
from core.engine.turn.up_to_date_steps import UpToDateSteps
from core.errors import BugError
from core.planning.earlier_items import RetriedExecution
from core.planning.planner import Planner


class AttemptFlow:
    """Records starts and ends; what is not instant is started once its record is durable."""

    def __init__(
        self,
        run_context: RunContext,
        recorder: EngineRecorder,
        planner: Planner,
        earlier: RetriedExecution | None,
        *,
        inbox: Inbox,
        attempts: RunningAttempts,
        armed: ArmedStarts,
        hosts: HostFactory,
        slots: SlotKeeper,
        gate: BreakerGate,
        mutexes: MutexGate,
        timers: Timers,
        settlement: Settlement,
        requests: RequestHandler,
        up_to_date: UpToDateSteps,
        commit_delay: CommitDelay,
        on_kill: Callable[[], None] | None,
    ) -> None:
        self._run_context = run_context
        self._recorder = recorder
        self._planner = planner
        self._earlier = earlier
        self._inbox = inbox
        self._attempts = attempts
        self._armed = armed
        self._hosts = hosts
        self._slots = slots
        self._gate = gate
        self._mutexes = mutexes
        self._timers = timers
        self._settlement = settlement
        self._requests = requests
        self._up_to_date = up_to_date
        self._commit_delay = commit_delay
        self._on_kill = on_kill
        self.group: asyncio.TaskGroup | None = None
        """Where the tasks of attempts run; None before the engine does."""
        self._starting: list[tuple[Prepared, int]] = []
        self._held: list[Ended] = []  # ends whose output may only be stored behind their start

    @property
    def has_starting(self) -> bool:
        """Tell whether an attempt waits for the record of its start to be durable."""
        return bool(self._starting)

    # --- starts ---------------------------------------------------------------------------------

    def start(self, task_id: str) -> None:
        """Record the start of an attempt; an instant one ends in the same turn."""
        task = self._recorder.snapshot.tasks[task_id]
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
            self.ended(ended)

    def committed(self) -> None:
        """Start what is durably started now, and cancel what must not go on."""
        for prepared, attempt in self._starting:
            self._begin(prepared, attempt)
        self._starting.clear()
        self._armed.committed()
        self._inbox.items.extend(self._held)
        self._held.clear()
        if self._requests.is_killing:
            self._kill()
        stopping = self._planner.to_cancel()
        if stopping is not None:
            stop, task_ids = stopping
            for task_id in task_ids:
                self._attempts.cancel(task_id, stop.reason, stop.message)
        for task_id, reason, message in self._planner.single_cancels():
            self._attempts.cancel(task_id, reason, message)

    def _begin(self, prepared: Prepared, attempt: int) -> float:
        """Make a task of an attempt; return when, by the event loop's clock."""
        if self.group is None:
            raise BugError("an attempt was to start before the engine ran")
        task_id, loop_time = prepared.task.task_id, asyncio.get_running_loop().time()
        self._commit_delay.attempt_started(task_id, loop_time)
        self._attempts.start(self.group, prepared, attempt, self._hosts.of(task_id))
        return loop_time

    def begin_armed_now(self, prepared: Prepared, attempt: int) -> ArmedStarted:
        """Start an armed attempt and return what is to be told of it."""
        loop_time = self._begin(prepared, attempt)
        return ArmedStarted(prepared, attempt, self._run_context.clock.now(), loop_time)

    def begin_armed(self, prepared: Prepared, attempt: int) -> None:
        """Start an armed attempt between turns; the next turn takes in that it has started."""
        self._inbox.items.append(self.begin_armed_now(prepared, attempt))

    def tell_armed(self, started: ArmedStarted) -> None:
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

    # --- ends -----------------------------------------------------------------------------------

    def ended(self, ended: Ended) -> None:
        """Record the end of an attempt and what follows from it for its step."""
        task_id = ended.task_id
        began = self._commit_delay.attempt_ended(task_id, asyncio.get_running_loop().time())
        self._armed.attempt_ended(began)
        self._slots.free(task_id)
        self._gate.attempt_ended(task_id)
        self._mutexes.attempt_ended(task_id)
        why, person = self._attempts.ended(task_id), self._requests.answered_by(task_id)
        pause = self._settlement.settle(ended, why, answered_by=person)
        self._requests.close(task_id)
        self._up_to_date.attempt_ended(ended)
        if pause is not None:
            self._timers.wake(task_id, pause)

    def _kill(self) -> None:
        """Give nothing that is cancelled a grace, here and in sub-missions. Idempotent."""
        self._run_context.executor.hurry(self._run_context.execution_id)
        if self._on_kill is not None:
            self._on_kill()
            self._on_kill = None
