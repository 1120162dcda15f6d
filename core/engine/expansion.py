"""Expands fan-out steps: evaluates their items and creates a task run for each."""

from collections.abc import Callable

from core.domain.events import StepExpanded, TaskStateChanged, item_task_id
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.engine.context import ExecutionContext
from core.engine.engine_recorder import EngineRecorder
from core.planning.earlier_items import ItemFate, RetriedExecution, items_of_step
from core.planning.fanout_items import ItemsError, items_of


class Expansion:
    """Records the items of fan-out steps. `earlier` is the execution that this one retries."""

    def __init__(
        self,
        recorder: EngineRecorder,
        context: ExecutionContext,
        *,
        step_of: Callable[[str], MissionStep],
        now: Callable[[], int],
        earlier: RetriedExecution | None,
    ) -> None:
        self._recorder = recorder
        self._context = context
        self._step_of = step_of
        self._now = now
        self._earlier = earlier

    def expand(self, task_id: str) -> None:
        """Evaluate the items of a fan-out step and create a task run for each.

        They are evaluated once: a step that is tried again goes on with the items it has.
        """
        task = self._recorder.snapshot.tasks[task_id]
        if item_task_id(task_id, 0) in self._recorder.snapshot.tasks:
            known = items_of_step(self._recorder.snapshot, task_id)
            left = sum(not is_terminal(item.state) for item in known)
            message = f"{left} of {counted(len(known), 'item')} again"
            self._recorder.change(task_id, TaskState.RUNNING, Reason.EXPANDED, message)
            return
        try:
            items = items_of(self._step_of(task_id), self._context.scope(task))
        except ItemsError as error:
            reason = Reason.INVALID_PARAMETERS
            self._recorder.change(task_id, TaskState.FAILED, reason, str(error))
            return
        self._recorder.emit(
            StepExpanded(
                at=self._now(), execution_id=task.execution_id, task_id=task_id, items=items
            )
        )
        if self._earlier is not None:
            for item in items_of_step(self._recorder.snapshot, task_id):
                self._take_over(item, self._earlier)

    def _take_over(self, item: TaskRun, earlier: RetriedExecution) -> None:
        """Settle an item that a retry does not run: it succeeded before, or it is left out."""
        fate, before = earlier.fate_of(item)
        if fate is ItemFate.LEAVE_OUT:
            message = "not selected for this run"
            self._recorder.change(item.task_id, TaskState.SKIPPED, Reason.NOT_SELECTED, message)
        elif fate is ItemFate.REUSE and before is not None:
            origin = before.reused_from or before.execution_id
            self._recorder.emit(
                TaskStateChanged(
                    at=self._now(),
                    execution_id=item.execution_id,
                    task_id=item.task_id,
                    from_state=item.state,
                    to_state=TaskState.SUCCESS,
                    reason_code=Reason.REUSED,
                    message=f"from {origin}",
                    reused_from=origin,
                    outputs=before.outputs or {},
                )
            )
            self._context.take_over(self._recorder.snapshot.tasks[item.task_id])
