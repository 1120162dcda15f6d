"""The planner: which transition comes next, which step starts next, when it is over. No I/O.

It reads the snapshot, is told of every event after the fold (`observe`), and is asked
(`next_transition`, `next_expansion`, `next_start`, `to_cancel`, `outcome`). Work per event is
proportional to the edges it touches, O(V + E) over a whole run; only a stop sweeps all steps, once.
"""

import heapq
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from core.domain.events import (
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
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import holds_slot
from core.explain.failure_line import is_sub_mission_failure, step_failure
from core.graph.dag import Graph
from core.planning.cancel_scope import handlers_for, state_after_stop
from core.planning.dependency import Dependencies
from core.planning.fanout import Fan, fan_end, fan_from
from core.planning.trigger_rule import Verdict


class Stop(Struct, frozen=True):
    """Why nothing more is started. The strongest reason wins, see `Planner.stop`."""

    reason: Reason
    message: str


class Ending(Struct, frozen=True):
    """How the execution ends."""

    state: ExecutionState
    reason: Reason
    message: str | None


class Refusal(Struct, frozen=True):
    """How a step ends that is not tried: SKIPPED, or FAILED for a condition that has no value."""

    state: TaskState
    reason: Reason
    message: str


Condition = Callable[[MissionStep], Refusal | None]
"""Evaluates a step's `when`: None to run it, else how to end it without a try."""

_STRENGTH = {
    Reason.FAIL_FAST: 0,
    Reason.MISSION_TIMEOUT: 1,
    Reason.USER_CANCELLED: 2,
    Reason.RESOURCE_EXHAUSTED: 3,
    Reason.POLICY_VIOLATION: 4,
    Reason.SECURITY_VIOLATION: 5,
}
_HALT = frozenset({Reason.SECURITY_VIOLATION, Reason.POLICY_VIOLATION})


class Planner:
    """Decides for one execution. Built from any snapshot, so recovery needs no second path."""

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
        self._limit = parallel_limit or mission.config.parallel_limit
        self._steps = mission.all_steps
        self._index = {step.id: index for index, step in enumerate(self._steps)}
        self._main = len(mission.steps)
        self._needs = Dependencies(mission, graph, snapshot)
        self._ready: list[tuple[int, int]] = []  # (step index, item index or -1)
        self._to_expand: deque[str] = deque()
        self._items_due: deque[str] = deque()
        self._fans: dict[str, Fan] = {}
        self._running: set[str] = set()
        self._held: set[str] = set()  # attempts that wait for a person, outside a slot
        self._handlers: deque[int] | None = None
        self._handler_running: int | None = None
        self._no_handlers: str | None = None
        self._ending: Ending | None = None
        self._steps_ending: Ending | None = None
        self._stop: Stop | None = None
        self._stop_changed_something = False
        self._sweep: deque[str] = deque()
        self._paused = False
        self._failures: list[str] = []
        self._load()

    # --- what it is told ------------------------------------------------------------------------

    def observe(self, event: Event) -> None:
        """Take note of an event that the snapshot already contains."""
        if isinstance(event, TaskStateChanged):
            self._task_changed(event)
        elif isinstance(event, AttemptStarted):
            self._hold(event.task_id)
        elif isinstance(event, StepExpanded):
            self._expanded(event.task_id)
        elif isinstance(event, ExecutionStateChanged):
            self._paused = event.to_state is ExecutionState.PAUSED

    def stop(self, reason: Reason, message: str) -> None:
        """Start nothing more, skip what waits, cancel what runs.

        A later, stronger reason (user over fail-fast, violation over user) replaces an earlier one.
        The handlers are what follows from a stop, so none reaches them: see `stop_handlers`.
        """
        if self._handlers is not None:
            return
        if self._stop is None or _STRENGTH[reason] > _STRENGTH[self._stop.reason]:
            self._stop = Stop(reason, message)
            self._sweep = deque(t for t in self._snapshot.tasks if self._key(t)[0] < self._main)

    def stop_handlers(self, message: str) -> None:
        """Cancel the handler that runs and skip the others, also while the steps still run."""
        self._no_handlers = message
        if self._handlers is not None and self._stop is None:
            self._stop = Stop(Reason.USER_CANCELLED, message)
            self._sweep = deque(step.id for step in self._steps[self._main :])
            self._handlers.clear()

    # --- what it is asked -----------------------------------------------------------------------

    @property
    def running(self) -> frozenset[str]:
        """The task runs with a running attempt, those that wait for a person among them."""
        return frozenset(self._running | self._held)

    @property
    def stopped(self) -> Stop | None:
        """Why nothing more is started, or None."""
        return self._stop

    @property
    def runs_handlers(self) -> bool:
        """Tell whether the steps have ended and the handlers are what runs."""
        return self._handlers is not None

    @property
    def parallel_limit(self) -> int:
        """How many attempts may run at once."""
        return self._limit

    def step_of(self, task_id: str) -> MissionStep:
        """Return the step a task run belongs to; an item belongs to its fan-out step."""
        index = self._index.get(task_id)
        if index is None:
            index = self._index[self._parent(task_id)]
        return self._steps[index]

    def next_transition(self, at: int) -> TaskStateChanged | None:
        """Return the next transition that the states demand, or None when there is none left.

        The caller folds it and passes it to `observe` before it asks again.
        """
        while self._sweep:
            swept = self._swept(self._sweep.popleft(), at)
            if swept is not None:
                return swept
        if self._fans:
            for task_id, fan in self._fans.items():
                if not fan.unsettled:
                    return self._fan_ended(task_id, fan, at)
        while self._items_due and self._stop is None:
            item = self._items_due.popleft()
            if self._snapshot.tasks[item].state is TaskState.PENDING:
                return self._change(item, TaskState.READY, Reason.DEPS_MET, None, at)
        while self._stop is None and (due := self._needs.next_due()) is not None:
            found = self._judged(due, at)
            if found is not None:
                return found
        if self._handlers is None and not self._needs.unsettled and not self._running:
            self._enter_handlers()
        return self._next_handler(at) if self._handlers is not None else None

    def next_expansion(self) -> str | None:
        """Return a READY fan-out step whose items are to be evaluated, or None."""
        if self._paused or self._stop is not None:
            return None
        return self._to_expand.popleft() if self._to_expand else None

    def next_start(self) -> str | None:
        """Return the ready task run that comes first in the file, if a slot is free; reserve it."""
        if self._paused or len(self._running) >= self._limit:
            return None
        while self._ready:
            index, item = heapq.heappop(self._ready)
            task_id = self._steps[index].id
            if item >= 0:
                fan = self._fans.get(task_id)
                if fan is None:
                    continue
                if fan.is_full:
                    fan.parked.append(item)
                    continue
                task_id = fan.items[item]
            if self._snapshot.tasks[task_id].state is TaskState.READY:
                self._hold(task_id)
                return task_id
        return None

    def to_cancel(self) -> tuple[Stop, frozenset[str]] | None:
        """Return why and which running task runs are to be cancelled, None when not stopping."""
        if self._stop is None or not (self._running or self._held):
            return None
        return self._stop, self.running

    @property
    def steps_ending(self) -> Ending | None:
        """How the steps have ended, which decides between handlers; None before they have."""
        return self._steps_ending

    def outcome(self) -> Ending | None:
        """Return how the execution ends once every step and handler is settled, else None."""
        if self._handlers is None or self._handlers or self._handler_running is not None:
            return None
        return None if self._sweep or self._running else self._ending

    # --- inside: settling -----------------------------------------------------------------------

    def _load(self) -> None:
        snapshot = self._snapshot
        execution = snapshot.execution
        self._paused = execution is not None and execution.state is ExecutionState.PAUSED
        for step in self._steps:
            fan = fan_from(snapshot, step)
            if fan is not None:
                self._fans[step.id] = fan
        self._restore_stop()
        for task in snapshot.tasks.values():
            index, item = self._key(task.task_id)
            if index >= self._main:
                continue
            if task.state is TaskState.FAILED and item < 0:
                self._note_failure(task.task_id, self._steps[index])
            elif task.state is TaskState.CANCELLED and item < 0:
                self._note_cancelled(task.task_id, self._steps[index])
            elif task.state is TaskState.READY:
                self._make_ready(task.task_id, index, item)
            elif holds_slot(task):
                self._hold(task.task_id)
        for fan in self._fans.values():
            self._items_due.extend(fan.items)
        handlers = range(self._main, len(self._steps))
        if any(self._state(index) is not TaskState.PENDING for index in handlers):
            self._enter_handlers()

    def _restore_stop(self) -> None:
        """Take up again what an earlier runner was stopping for, and whether it had begun to."""
        execution = self._snapshot.execution
        if execution is not None and execution.cancel_requested_at is not None:
            by = execution.cancel_requested_by or "?"
            self.stop(Reason.USER_CANCELLED, f"cancelled by {by}")
        for task in self._snapshot.tasks.values():
            if not is_terminal(task.state) or self._key(task.task_id)[0] >= self._main:
                continue
            if task.reason_code is Reason.MISSION_TIMEOUT:
                self.stop(Reason.MISSION_TIMEOUT, task.message or "the mission's time is over")
            if self._stop is not None and task.reason_code is self._stop.reason:
                self._stop_changed_something = True

    def _state(self, index: int) -> TaskState:
        return self._snapshot.tasks[self._steps[index].id].state

    def _parent(self, task_id: str) -> str:
        parent = self._snapshot.tasks[task_id].parent_task_id
        return task_id if parent is None else parent

    def _key(self, task_id: str) -> tuple[int, int]:
        index = self._index.get(task_id)
        if index is not None:
            return index, -1
        return self._index[self._parent(task_id)], int(task_id[task_id.rindex("[") + 1 : -1])

    def _task_changed(self, event: TaskStateChanged) -> None:
        task_id, target = event.task_id, event.to_state
        index, item = self._key(task_id)
        if target is TaskState.READY:
            self._make_ready(task_id, index, item)
        elif target is TaskState.WAITING:
            self._release(task_id, index, item)
            if event.reason_code is Reason.AWAITING_APPROVAL:
                self._held.add(task_id)
        elif target is TaskState.RUNNING and event.reason_code is Reason.EXPANDED:
            self._expanded(task_id)  # a fan-out step goes on with the items it has
        if is_terminal(target):
            self._release(task_id, index, item)
            if self._stop is not None and event.reason_code is self._stop.reason:
                self._stop_changed_something = True
            self._terminal(task_id, index, item, target)
        elif is_terminal(event.from_state):
            self._reopened(index, item)

    def _make_ready(self, task_id: str, index: int, item: int) -> None:
        step = self._steps[index]
        if item < 0 and (step.foreach is not None or step.matrix is not None):
            self._to_expand.append(task_id)
        else:
            heapq.heappush(self._ready, (index, item))

    def _hold(self, task_id: str) -> None:
        """Give a task run its slot: reserved at the decision, confirmed at the start."""
        self._running.add(task_id)
        index, item = self._key(task_id)
        if item >= 0:
            self._fans[self._steps[index].id].running.add(task_id)

    def _release(self, task_id: str, index: int, item: int) -> None:
        self._running.discard(task_id)
        self._held.discard(task_id)
        if item >= 0:
            fan = self._fans.get(self._steps[index].id)
            if fan is not None:
                fan.running.discard(task_id)
                while fan.parked and not fan.is_full:
                    heapq.heappush(self._ready, (index, fan.parked.popleft()))
                    if fan.step.max_parallel is not None:
                        break

    def _terminal(self, task_id: str, index: int, item: int, target: TaskState) -> None:
        if item >= 0:
            fan = self._fans.get(self._steps[index].id)
            if fan is not None:  # none: its step was to be tried again, and a stop came first
                fan.unsettled -= 1
            if target is TaskState.FAILED:
                self._note_failure(task_id, self._steps[index])
        elif index < self._main:
            self._settled(task_id, index, target)
        else:
            self._handler_running = None
            self._judge_handler(index, target)

    def _settled(self, task_id: str, index: int, target: TaskState) -> None:
        if target is TaskState.FAILED:
            self._note_failure(task_id, self._steps[index])
        elif target is TaskState.CANCELLED:
            self._note_cancelled(task_id, self._steps[index])
        self._needs.settle(index)

    def _judge_handler(self, index: int, target: TaskState) -> None:
        """Let the failure of a handler show in an ending that would have been a success."""
        step, ending = self._steps[index], self._ending
        good = ending is not None and ending.state is ExecutionState.SUCCESS
        if good and target is TaskState.FAILED and not step.continue_on_error:
            message = f"handler `{step.id}` failed"
            self._ending = Ending(ExecutionState.FAILED, Reason.HANDLER_FAILED, message)

    def _expanded(self, task_id: str) -> None:
        step = self.step_of(task_id)
        fan = fan_from(self._snapshot, step)
        if fan is not None:
            self._fans[task_id] = fan
            self._items_due.extend(fan.items)

    def _fan_ended(self, task_id: str, fan: Fan, at: int) -> TaskStateChanged:
        end = fan_end(self._snapshot, fan.items)
        del self._fans[task_id]
        task = self._snapshot.tasks[task_id]
        return TaskStateChanged(
            at=at,
            execution_id=task.execution_id,
            task_id=task_id,
            from_state=task.state,
            to_state=end.state,
            reason_code=end.reason,
            message=end.message,
            outputs=end.outputs,
        )

    def _reopened(self, index: int, item: int) -> None:
        """Take back that a step had ended: a user's retry."""
        step_id = self._steps[index].id
        self._failures = [f for f in self._failures if self.step_of(f).id != step_id]
        if item < 0 and index < self._main:
            self._needs.reopen(index)
        elif item >= 0 and (fan := self._fans.get(step_id)) is not None:
            fan.unsettled += 1

    def _note_failure(self, task_id: str, step: MissionStep) -> None:
        task = self._snapshot.tasks[task_id]
        message = task.message or str(task.reason_code)
        if task.reason_code in _HALT:
            self._failures.append(task_id)
            self.stop(task.reason_code, f"{quoted_title(task)}: {message}")
        elif not step.continue_on_error:
            self._failures.append(task_id)
            if self._mission.config.fail_fast:
                self.stop(Reason.FAIL_FAST, f"{quoted_title(task)} failed ({task.reason_code})")

    def _note_cancelled(self, task_id: str, step: MissionStep) -> None:
        """Count a step that was cancelled by itself as a failure, unless failures are tolerated."""
        if self._stop is None and not step.continue_on_error:
            self._failures.append(task_id)

    # --- inside: judging ------------------------------------------------------------------------

    def _judged(self, index: int, at: int) -> TaskStateChanged | None:
        verdict = self._needs.verdict(index)
        if verdict is Verdict.WAIT:
            return None
        step = self._steps[index]
        if verdict is Verdict.RUN:
            refusal = self._condition(step) if step.when is not None else None
            if refusal is not None:
                return self._change(step.id, refusal.state, refusal.reason, refusal.message, at)
            return self._change(step.id, TaskState.READY, Reason.DEPS_MET, None, at)
        reason, message = self._needs.skip_reason(index, verdict)
        return self._change(step.id, TaskState.SKIPPED, reason, message, at)

    def _swept(self, task_id: str, at: int) -> TaskStateChanged | None:
        task, stop = self._snapshot.tasks[task_id], self._stop
        if stop is None or is_terminal(task.state) or task_id in self._running | self._held:
            return None
        if task_id in self._fans:
            return None  # ends by itself when its items have
        return self._change(task_id, state_after_stop(task), stop.reason, stop.message, at)

    def _change(
        self, task_id: str, target: TaskState, reason: Reason, message: str | None, at: int
    ) -> TaskStateChanged:
        task = self._snapshot.tasks[task_id]
        return TaskStateChanged(
            at=at,
            execution_id=task.execution_id,
            task_id=task_id,
            from_state=task.state,
            to_state=target,
            reason_code=reason,
            message=message,
        )

    # --- inside: ending -------------------------------------------------------------------------

    def _enter_handlers(self) -> None:
        self._ending = self._steps_ending = self._main_ending()
        self._stop = None
        self._handlers = deque(
            index
            for index in range(self._main, len(self._steps))
            if not is_terminal(self._state(index))
        )
        if self._no_handlers is not None:
            self.stop_handlers(self._no_handlers)

    def _next_handler(self, at: int) -> TaskStateChanged | None:
        """Skip the handlers of other outcomes, start the wanted ones one after the other."""
        if self._handler_running is not None or not self._handlers or self._ending is None:
            return None
        index = self._handlers.popleft()
        step = self._steps[index]
        if step not in handlers_for(self._mission.handlers, self._ending.state):
            message = f"the mission ended {self._ending.state}"
            return self._change(step.id, TaskState.SKIPPED, Reason.HANDLER_NOT_NEEDED, message, at)
        refusal = self._condition(step) if step.when is not None else None
        if refusal is not None:
            return self._change(step.id, refusal.state, refusal.reason, refusal.message, at)
        self._handler_running = index
        if self._state(index) is not TaskState.PENDING:  # it was under way when a runner was lost
            if self._state(index) is TaskState.READY:
                self._make_ready(step.id, index, -1)
            return None
        return self._change(step.id, TaskState.READY, Reason.DEPS_MET, None, at)

    def _main_ending(self) -> Ending:
        stop = self._stop
        if (
            stop is not None
            and stop.reason is not Reason.FAIL_FAST
            and self._stop_changed_something
        ):
            cancelled = stop.reason is Reason.USER_CANCELLED
            state = ExecutionState.CANCELLED if cancelled else ExecutionState.FAILED
            return Ending(state, stop.reason, stop.message)
        if self._failures:
            task = self._snapshot.tasks[self._failures[0]]
            with_items = {self._snapshot.tasks[name].parent_task_id for name in self._failures}
            more = sum(name not in with_items for name in self._failures) - 1
            message = f"{quoted_title(task)} failed ({task.reason_code})"
            if is_sub_mission_failure(task):
                message = step_failure(task)
            if more:
                message += f" and {more} more"
            reason = task.reason_code if task.reason_code in _HALT else Reason.STEP_FAILED
            return Ending(ExecutionState.FAILED, reason, message)
        return Ending(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE, None)
