"""The planner: which transition comes next, which step starts next, when it is over. No I/O.

It reads the snapshot, observes every event after the fold (`observe`), and is queried
(`next_transition`, `next_expansion`, `next_start`, `to_cancel`, `outcome`). Work per event is
proportional to the edges it touches, O(V + E) over a whole run; only a stop sweeps all steps, once.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from core.domain.events import (
    AttemptDisarmed,
    AttemptStarted,
    Event,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.fold import Snapshot
from core.domain.item_label import quoted_title
from core.domain.mission import Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.state_word import state_word
from core.domain.states import TERMINAL, ExecutionState, TaskState, is_terminal
from core.domain.tally import holds_slot
from core.graph.dag import Graph
from core.planning.cancel_scope import state_after_stop
from core.planning.dependency import Dependencies
from core.planning.ending import Ending, ending_of_steps
from core.planning.fanout import Fans
from core.planning.handler_phase import HandlerPhase
from core.planning.services.needed_services import NeededServices
from core.planning.start_queue import StartQueue
from core.planning.step_index import StepIndex
from core.planning.stop import BEFORE_THE_STEPS, HALTING, Stop, StopSweep
from core.planning.transition import Condition, start_or_refuse, transition
from core.planning.trigger_rule import Verdict


class Planner:
    """Decides for one execution. Built from any snapshot, so recovery uses the same code."""

    def __init__(
        self,
        mission: Mission,
        graph: Graph,
        snapshot: Snapshot,
        *,
        condition: Condition,
        parallel_limit: int | None = None,
    ) -> None:
        self._mission = mission
        self._snapshot = snapshot
        self._condition = condition
        self._index = StepIndex(mission, snapshot)
        self._steps = self._index.steps
        self._dependencies = Dependencies(mission, graph, snapshot)
        self._services = NeededServices(mission.steps, graph, snapshot)
        self._cancels: list[tuple[str, Reason, str]] = []
        self._fans = Fans(snapshot)
        limit = parallel_limit or mission.config.parallel_limit
        self._queue = StartQueue(self._index, snapshot, self._fans.by_step, limit)
        self._to_expand: deque[str] = deque()
        self._to_compare: deque[str] = deque()
        self._sweep = StopSweep()
        self._handlers = HandlerPhase(
            mission, self._index, snapshot, condition=condition, queue=self._make_ready
        )
        self._handlers_cancelled: str | None = None
        """The message of a cancel that reaches the handlers, too, whenever they begin."""
        self._paused = False
        self._held = False
        self._breakpoint: str | None = None
        self._failures: list[str] = []
        self._load()

    # --- input ----------------------------------------------------------------------------------

    def observe(self, event: Event) -> None:
        """Process an event that the snapshot already contains."""
        observer = _OBSERVERS.get(event.__class__)
        if observer is not None:
            observer(self, event)

    def stop(self, reason: Reason, message: str) -> None:
        """Start nothing more, skip waiting steps, cancel running ones.

        A later, stronger reason (user over fail-fast, violation over user) replaces an earlier one.
        FINISHED, the weakest, leaves alone what has started.
        A stop does not reach the handlers that follow from it: see `stop_handlers`.
        """
        if not self._handlers.has_begun:
            steps = (t for t in self._snapshot.tasks if not self._index.is_handler(t))
            self._sweep.begin(reason, message, steps)

    def stop_handlers(self, message: str) -> None:
        """Cancel the handler that runs and skip the others, also while the steps still run."""
        self._handlers_cancelled = message
        if self._handlers.has_begun and self._sweep.stop is None:
            self._sweep.begin(Reason.USER_CANCELLED, message, self._handlers.handler_ids)
            self._handlers.cancel()

    def hold(self) -> None:
        """Begin nothing, neither steps nor handlers, until `let_go`."""
        self._held = True

    def let_go(self) -> None:
        """End a `hold`."""
        self._held = False

    # --- decisions ------------------------------------------------------------------------------

    @property
    def running(self) -> frozenset[str]:
        """The task runs with a running attempt, those that wait for a person among them."""
        return self._queue.under_way

    @property
    def stopped(self) -> Stop | None:
        """Why nothing more is started, or None."""
        return self._sweep.stop

    @property
    def ends_what_runs(self) -> bool:
        """Tell whether nothing more is started, nor anything tried again that has started."""
        return self._sweep.stop is not None and not self._sweep.is_gentle

    @property
    def runs_handlers(self) -> bool:
        """Tell whether the steps have ended and the handlers run."""
        return self._handlers.has_begun

    @property
    def parallel_limit(self) -> int:
        """How many attempts may run at once."""
        return self._queue.limit

    def step_of(self, task_id: str) -> MissionStep:
        """Return the step a task run belongs to; an item belongs to its fan-out step."""
        return self._index.step_of(task_id)

    def next_transition(self, at: int) -> TaskStateChanged | None:
        """Return the next transition that follows from the states, or None when none is left.

        The caller folds it and passes it to `observe` before it asks again.
        """
        while (task_id := self._sweep.pop()) is not None:
            swept = self._swept(task_id, at)
            if swept is not None:
                return swept
        while (gone := self._services.next_without()) is not None:
            lost = self._without_service(*gone, at)
            if lost is not None:
                return lost
        if self._held:
            return None
        is_stopping = self._sweep.stop is not None
        if self._fans.by_step:
            found = self._fans.next_ended(at)
            if found is None and not self.ends_what_runs:
                found = self._fans.next_item(at)
            if found is not None:
                return found
        while not is_stopping and (due := self._dependencies.next_due()) is not None:
            decided = self._decided(due, at)
            if decided is not None:
                return decided
        if self._handlers.has_begun:
            return self._handlers.next_transition(at)
        if not self._dependencies.unsettled and not self._queue.has_running:
            self._begin_handlers()
            return self.next_transition(at)  # with the sweep of handlers that were cancelled before
        return None

    def next_expansion(self) -> str | None:
        """Return a READY fan-out step whose items are to be evaluated, or None."""
        if self._rests or self._sweep.stop is not None:
            return None
        while self._to_expand:
            task_id = self._to_expand.popleft()
            if self._snapshot.tasks[task_id].state is not TaskState.READY:
                continue  # a stop has settled it
            if not self.has_breakpoint(task_id):
                return task_id
            self._breakpoint = task_id
            self._to_expand.appendleft(task_id)
            return None
        return None

    def next_comparison(self) -> str | None:
        """Return a READY task run that may be up to date, or None.

        The caller ends it, or calls `queue` so that it is started.
        """
        if self._rests or self._sweep.stop is not None:
            return None
        while self._to_compare:
            task_id = self._to_compare.popleft()
            if self._snapshot.tasks[task_id].state is TaskState.READY:
                return task_id
        return None

    def queue(self, task_id: str) -> None:
        """Let a READY task run that is not up to date start when there is a slot."""
        self._queue.push(*self._index.locate(task_id))

    def next_start(self) -> str | None:
        """Return the ready task run that comes first in the file, if a slot is free; reserve it."""
        if self._rests:
            return None
        task_id = self._queue.pop()
        if task_id is None or not self.has_breakpoint(task_id):
            return task_id
        self._breakpoint = task_id
        index, item = self._index.locate(task_id)
        self._queue.release(task_id, index, item)
        self._queue.push(index, item)
        return None

    @property
    def reached_breakpoint(self) -> str | None:
        """The step that would start but has a breakpoint: the caller pauses the execution."""
        return self._breakpoint

    def has_breakpoint(self, task_id: str) -> bool:
        """Tell whether the execution is to pause before a step; items have no breakpoints."""
        return task_id in (self._snapshot.current.breakpoints or ())

    @property
    def may_arm(self) -> bool:
        """Tell whether nothing is in sight that would hold an attempt back."""
        return not self._rests and self._sweep.stop is None and not self._handlers.has_begun

    def next_to_arm(self) -> str | None:
        """Return the ready task run that starts next once a slot is free; None without one.

        The caller arms its attempt and calls `armed`, or leaves it in the queue.
        """
        return self._queue.peek() if self.may_arm else None

    def armed(self) -> None:
        """Take what `next_to_arm` returned out of the queue."""
        self._queue.drop()

    @property
    def has_free_slot(self) -> bool:
        """Tell whether one more attempt may run."""
        return self._queue.has_free_slot

    def holds_slot(self, task_id: str) -> bool:
        """Tell whether an attempt of a task run holds a slot."""
        return self._queue.holds_slot(task_id)

    def to_cancel(self) -> tuple[Stop, frozenset[str]] | None:
        """Return why and which running task runs are to be cancelled, None when not stopping."""
        stop = None if self._sweep.is_gentle else self._sweep.stop
        running = self._queue.under_way if stop is not None else frozenset()
        return None if stop is None or not running else (stop, running)

    def single_cancels(self) -> list[tuple[str, Reason, str]]:
        """Return which running attempts are to be cancelled one by one, why, and forget them.

        Those are services that nothing needs any more, and steps whose service is gone.
        """
        while (task_id := self._services.next_to_end()) is not None:
            message = "no step needs it any more"
            self._cancels.append((task_id, Reason.SERVICE_ENDED, message))
        found, self._cancels = self._cancels, []
        return found

    @property
    def steps_ending(self) -> Ending | None:
        """How the steps have ended, which decides between handlers; None before they have."""
        return self._handlers.steps_ending

    def outcome(self) -> Ending | None:
        """Return how the execution ends once every step and handler is settled, else None."""
        if not self._handlers.has_begun or not self._sweep.is_done or self._queue.has_running:
            return None
        return self._handlers.ending

    @property
    def _rests(self) -> bool:
        """Tell whether nothing is begun for now."""
        return self._paused or self._held or self._breakpoint is not None

    # --- internal: taking up a snapshot -----------------------------------------------------------

    def _load(self) -> None:
        snapshot = self._snapshot
        execution = snapshot.execution
        self._paused = execution is not None and execution.state is ExecutionState.PAUSED
        for step in self._steps:
            self._fans.add(step)
        self._restore_stop()
        for task in snapshot.tasks.values():
            index, item = self._index.locate(task.task_id)
            if index >= self._index.first_handler:
                continue
            if task.state is TaskState.FAILED and item < 0:
                self._note_failure(task.task_id, self._steps[index])
            elif task.state is TaskState.CANCELLED and item < 0:
                self._note_cancelled(task.task_id, self._steps[index])
            elif task.state is TaskState.READY:
                self._make_ready(task.task_id)
            elif holds_slot(task):
                self._queue.take_slot(task.task_id)
        handlers = range(self._index.first_handler, len(self._steps))
        if any(self._index.state(index) is not TaskState.PENDING for index in handlers):
            self._begin_handlers()

    def _restore_stop(self) -> None:
        """Restore the stop of an earlier runner, and whether it had begun to take effect."""
        execution = self._snapshot.execution
        if execution is not None and execution.cancel_requested_at is not None:
            self.stop(Reason.USER_CANCELLED, self._cancel_message(execution))
        ended = [
            task
            for task in self._snapshot.tasks.values()
            if is_terminal(task.state) and not self._index.is_handler(task.task_id)
        ]
        for task in ended:
            if task.reason_code is Reason.FINISHED and task.state is TaskState.SUCCESS:
                self._finish(task.task_id)
            if task.reason_code is Reason.MISSION_TIMEOUT:
                self.stop(Reason.MISSION_TIMEOUT, task.message or "the mission's deadline passed")
            if task.reason_code in BEFORE_THE_STEPS and task.started_at is None:
                self.stop(task.reason_code, task.message or "")
        for task in ended:
            self._sweep.note_end(task.reason_code)

    def _cancel_message(self, execution: Execution) -> str:
        """Return the message of a cancel, with its reason if a step that it has ended tells it."""
        told = f"cancelled by {execution.cancel_requested_by or '?'}"
        messages = (
            task.message or ""
            for task in self._snapshot.tasks.values()
            if task.reason_code is Reason.USER_CANCELLED
        )
        return next((one for one in messages if one.startswith(f"{told}: ")), told)

    # --- internal: what an event changes ----------------------------------------------------------

    def _attempt_started(self, event: AttemptStarted) -> None:
        self._queue.take_slot(event.task_id)

    def _attempt_disarmed(self, event: AttemptDisarmed) -> None:
        self._make_ready(event.task_id)

    def _step_expanded(self, event: StepExpanded) -> None:
        self._fans.add(self._index.step_of(event.task_id))

    def _execution_changed(self, event: ExecutionStateChanged) -> None:
        self._paused = event.to_state is ExecutionState.PAUSED
        self._breakpoint = None

    def _task_changed(self, event: TaskStateChanged) -> None:
        task_id, target = event.task_id, event.to_state
        index, item = self._index.locate(task_id)
        if target is TaskState.READY:
            self._queue_ready(task_id, index, item)
        elif target is TaskState.WAITING:
            self._queue.release(task_id, index, item)
            if event.reason_code is Reason.AWAITING_APPROVAL:
                self._queue.leave_slot_to_wait(task_id)
            elif event.reason_code is Reason.SERVICE_READY:
                self._queue.leave_slot_to_wait(task_id)
                self._dependencies.serve(index)
                self._services.ready(index)
                self._release_held()
        elif target is TaskState.RUNNING and event.reason_code is Reason.EXPANDED:
            self._fans.add(self._steps[index])  # a fan-out step continues with the items it has
        if target in TERMINAL:
            self._queue.release(task_id, index, item)
            self._sweep.note_end(event.reason_code)
            if event.reason_code is Reason.FINISHED and target is TaskState.SUCCESS:
                self._finish(task_id)
            self._ended(task_id, index, item, target)
        elif event.from_state in TERMINAL:
            self._reopened(index, item)

    def _finish(self, task_id: str) -> None:
        """Start nothing more: a step has found that nothing is left to do."""
        task = self._snapshot.tasks[task_id]
        told = f": {task.message}" if task.message else ""
        self.stop(Reason.FINISHED, f"{quoted_title(task)} finished the mission{told}")

    def _make_ready(self, task_id: str) -> None:
        self._queue_ready(task_id, *self._index.locate(task_id))

    def _queue_ready(self, task_id: str, index: int, item: int) -> None:
        step = self._steps[index]
        if self._services.hold(task_id, index):
            return
        if item < 0 and (step.foreach is not None or step.matrix is not None):
            self._to_expand.append(task_id)
        elif step.declares_files:
            self._to_compare.append(task_id)
        else:
            self._queue.push(index, item)

    def _release_held(self) -> None:
        """Queue again what waited for a service; what still has to is kept back again."""
        for task_id in self._services.take_held():
            if self._snapshot.tasks[task_id].state is TaskState.READY:
                self._make_ready(task_id)

    def _ended(self, task_id: str, index: int, item: int, target: TaskState) -> None:
        if item >= 0:
            self._fans.count_unsettled(self._steps[index].id, -1)
            if target is TaskState.FAILED:
                self._note_failure(task_id, self._steps[index])
        elif index < self._index.first_handler:
            if target is TaskState.FAILED:
                self._note_failure(task_id, self._steps[index])
            elif target is TaskState.CANCELLED:
                self._note_cancelled(task_id, self._steps[index])
            self._dependencies.settle(index)
            self._services.settled(index)
            self._release_held()
        else:
            self._handlers.note_end(index, target)

    def _reopened(self, index: int, item: int) -> None:
        """Undo the end of a step or item: a user retries it."""
        step_id = self._steps[index].id
        self._failures = [f for f in self._failures if self.step_of(f).id != step_id]
        if item < 0 and index < self._index.first_handler:
            self._dependencies.reopen(index)
            self._services.reopened(index)
        elif item >= 0:
            self._fans.count_unsettled(step_id, +1)

    def _note_failure(self, task_id: str, step: MissionStep) -> None:
        task = self._snapshot.tasks[task_id]
        message = task.message or str(task.reason_code)
        if task.reason_code in HALTING:
            self._failures.append(task_id)
            self.stop(task.reason_code, f"{quoted_title(task)}: {message}")
        elif not step.continue_on_error:
            self._failures.append(task_id)
            if self._mission.config.fail_fast and not self._snapshot.current.keep_going:
                self.stop(Reason.FAIL_FAST, f"{quoted_title(task)} failed")

    def _note_cancelled(self, task_id: str, step: MissionStep) -> None:
        """Count a step that was cancelled by itself as a failure, unless failures are tolerated."""
        if self._sweep.stop is None and not step.continue_on_error:
            self._failures.append(task_id)

    # --- internal: deciding -----------------------------------------------------------------------

    def _decided(self, index: int, at: int) -> TaskStateChanged | None:
        """Return what the trigger rule and the condition of a step decide; None: it waits."""
        verdict = self._dependencies.verdict(index)
        if verdict is Verdict.WAIT:
            return None
        step = self._steps[index]
        task = self._snapshot.tasks[step.id]
        if verdict is Verdict.RUN and step.service and not self._services.is_needed(index):
            message = "no step that needs it is left"
            return transition(task, TaskState.SKIPPED, Reason.SERVICE_ENDED, message, at)
        if verdict is Verdict.RUN:
            return start_or_refuse(step, task, self._condition, at)
        reason, message = self._dependencies.skip_reason(index, verdict)
        return transition(task, TaskState.SKIPPED, reason, message, at)

    def _swept(self, task_id: str, at: int) -> TaskStateChanged | None:
        """Return how the stop settles a task run; None for one that ends in another way."""
        task, stop = self._snapshot.tasks[task_id], self._sweep.stop
        if stop is None or is_terminal(task.state) or self._queue.is_under_way(task_id):
            return None
        if self._sweep.is_gentle and (task.started_at is not None or task.parent_task_id):
            return None  # it has started, or belongs to a step that has
        if task_id in self._fans.by_step:
            return None  # a fan-out step ends by itself when its items have
        return transition(task, state_after_stop(task), stop.reason, stop.message, at)

    def _without_service(self, task_id: str, service: str, at: int) -> TaskStateChanged | None:
        """Return how a task run ends that has lost a service; an attempt of it is cancelled."""
        task = self._snapshot.tasks[task_id]
        gone = self._snapshot.tasks[service]
        message = f"{quoted_title(gone)}, which it needs, {state_word(gone.state)}"
        if is_terminal(task.state) or task_id in self._fans.by_step:
            return None
        if self._queue.is_under_way(task_id):
            self._cancels.append((task_id, Reason.UPSTREAM_FAILED, message))
            return None
        return transition(task, state_after_stop(task), Reason.UPSTREAM_FAILED, message, at)

    def _begin_handlers(self) -> None:
        ending = ending_of_steps(self._snapshot, self._sweep.effective, self._failures)
        self._sweep.end()
        self._handlers.begin(ending)
        if self._handlers_cancelled is not None:
            self.stop_handlers(self._handlers_cancelled)


_OBSERVERS: Mapping[type[Event], Callable[[Planner, Any], None]] = {
    TaskStateChanged: Planner._task_changed,
    AttemptStarted: Planner._attempt_started,
    AttemptDisarmed: Planner._attempt_disarmed,
    StepExpanded: Planner._step_expanded,
    ExecutionStateChanged: Planner._execution_changed,
}
"""What is done for an event of a class; those of others change nothing here."""
