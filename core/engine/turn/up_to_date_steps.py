"""Turns what comparisons say of steps into events, and successes into records of steps."""

from core.domain.states import TaskState
from core.engine.attempt import Ended
from core.engine.engine_recorder import EngineRecorder
from core.engine.preparation import Prepared, RunContext
from core.engine.up_to_date.step_check import Answers, StepCheck
from core.planning.planner import Planner


class UpToDateSteps:
    """The part of a turn for the steps that declare their files."""

    def __init__(
        self,
        run_context: RunContext,
        recorder: EngineRecorder,
        planner: Planner,
        check: StepCheck,
    ) -> None:
        self._run_context = run_context
        self._recorder = recorder
        self._planner = planner
        self._check = check

    def compare(self, task_id: str) -> None:
        """Have a ready step compared; one that cannot be simply waits for its slot."""
        task = self._recorder.snapshot.tasks[task_id]
        if not self._check.ask(task, self._planner.step_of(task_id)):
            self._planner.queue(task_id)

    def take_in(self, answers: Answers) -> list[str]:
        """Skip what is up to date and return it; let the other steps start when there are slots."""
        if answers.error is not None:
            raise answers.error
        skipped: list[str] = []
        for compared in answers.compared:
            task = self._recorder.snapshot.tasks[compared.task_id]
            if task.state is not TaskState.READY:
                continue  # a stop has settled it
            end = self._check.skipped(task, compared, self._run_context.clock.now())
            if end is None:
                self._planner.queue(task.task_id)
                continue
            skipped.append(task.task_id)
            self._recorder.emit(end)
            self._run_context.context.take_over(self._recorder.snapshot.tasks[task.task_id])
            refreshed = self._check.refresh(compared)
            if refreshed is not None:
                self._recorder.keep(refreshed)
        return skipped

    def attempt_started(self, prepared: Prepared, attempt: int) -> None:
        """Invalidate the record of a step in the batch that starts it, and say why it runs."""
        if not prepared.step.declares_files or prepared.refusal is not None:
            return
        change, facts = self._check.started(prepared.task, attempt)
        self._recorder.keep(change)
        self._recorder.note("step.outdated", facts, task_id=prepared.task.task_id)

    def attempt_ended(self, ended: Ended) -> None:
        """Record what a successful attempt depended on and left, or say why that is not done."""
        task = self._recorder.snapshot.tasks[ended.task_id]
        if ended.made is None or task.state is not TaskState.SUCCESS:
            return
        change, problem = self._check.succeeded(task, ended.attempt, ended.made)
        if change is not None:
            self._recorder.keep(change)
        if problem:
            facts = {"attempt": ended.attempt, "message": problem}
            self._recorder.note("step.not_recorded", facts, task_id=task.task_id)
