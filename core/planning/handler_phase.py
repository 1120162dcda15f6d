"""The handler phase: once every step is settled, the handlers for the outcome run one by one."""

from collections import deque
from collections.abc import Callable

from core.domain.events import TaskStateChanged
from core.domain.fold import Snapshot
from core.domain.item_label import quoted_title
from core.domain.mission import Mission
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.planning.cancel_scope import handlers_for
from core.planning.ending import Ending
from core.planning.step_index import StepIndex
from core.planning.stop import HALTING, WITHOUT_HANDLERS
from core.planning.transition import Condition, start_or_refuse, transition


class HandlerPhase:
    """Decides which handler runs next, and what its failure makes of the execution's ending."""

    def __init__(
        self,
        mission: Mission,
        index: StepIndex,
        snapshot: Snapshot,
        *,
        condition: Condition,
        queue: Callable[[str], None],
    ) -> None:
        """Take what the phase decides from; `queue` puts a READY task run into the start queue."""
        self._handlers = mission.handlers
        self._index = index
        self._snapshot = snapshot
        self._condition = condition
        self._queue = queue
        self._pending: deque[int] | None = None
        self._is_running = False
        self._steps_ending: Ending | None = None
        self._ending: Ending | None = None

    @property
    def has_begun(self) -> bool:
        """Tell whether the steps have ended and the handlers run."""
        return self._pending is not None

    @property
    def steps_ending(self) -> Ending | None:
        """How the steps have ended, which decides between handlers; None before they have."""
        return self._steps_ending

    @property
    def ending(self) -> Ending | None:
        """How the execution ends once no handler is left; None while one is."""
        return None if self._pending or self._is_running else self._ending

    @property
    def handler_ids(self) -> list[str]:
        """The task runs of all handlers in file order."""
        return [step.id for step in self._index.steps[self._index.first_handler :]]

    def begin(self, ending: Ending) -> None:
        """Enter the phase: the steps have ended with `ending`."""
        self._steps_ending = self._ending = ending
        handlers = range(self._index.first_handler, len(self._index.steps))
        self._pending = deque(
            index for index in handlers if not is_terminal(self._index.state(index))
        )
        for index in handlers:  # those that have ended under an earlier runner
            if is_terminal(self._index.state(index)):
                self.note_end(index, self._index.state(index))

    def cancel(self) -> None:
        """Start no further handler; a sweep settles those that have not started."""
        if self._pending is not None:
            self._pending.clear()

    def next_transition(self, at: int) -> TaskStateChanged | None:
        """Skip a handler of another outcome, or start the next one when none runs."""
        if self._is_running or not self._pending:
            return None
        if self._ending is None or self._steps_ending is None:
            return None
        index = self._pending.popleft()
        step = self._index.steps[index]
        task = self._snapshot.tasks[step.id]
        reason = self._ending.reason
        if reason in WITHOUT_HANDLERS:
            is_violation = reason in HALTING
            message = "no handler runs after a violation" if is_violation else self._ending.message
            return transition(task, TaskState.SKIPPED, reason, message, at)
        if step not in handlers_for(self._handlers, self._steps_ending.state):
            message = f"the steps ended {self._steps_ending.state}"
            return transition(task, TaskState.SKIPPED, Reason.HANDLER_NOT_NEEDED, message, at)
        decided = start_or_refuse(step, task, self._condition, at)
        if decided.to_state is not TaskState.READY:
            return decided
        self._is_running = True
        if task.state is not TaskState.PENDING:  # it was under way when a runner was lost
            if task.state is TaskState.READY:
                self._queue(step.id)
            return None
        return decided

    def note_end(self, index: int, target: TaskState) -> None:
        """Record that a handler ended; its failure turns a success into HANDLER_FAILED."""
        self._is_running = False
        step, ending = self._index.steps[index], self._ending
        is_success = ending is not None and ending.state is ExecutionState.SUCCESS
        task = self._snapshot.tasks[step.id]
        if target is TaskState.FAILED and task.reason_code in HALTING:
            message = f"{quoted_title(task)}: {task.message or task.reason_code}"
            self._ending = Ending(ExecutionState.FAILED, task.reason_code, message)
        elif is_success and target is TaskState.FAILED and not step.continue_on_error:
            message = f"handler `{step.id}` failed"
            self._ending = Ending(ExecutionState.FAILED, Reason.HANDLER_FAILED, message)
