"""The tasks of running attempts: starts them, cancels them, and posts the one end of each."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from core.domain.events import AttemptPlaced
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.states import AttemptState
from core.engine.attempt import Ended, run, step_error
from core.engine.engine_recorder import EngineRecorder
from core.engine.preparation import Prepared, RunContext
from core.engine.settlement import Why
from core.engine.turn.happening import PlacedAttempt
from core.engine.up_to_date.step_check import CUT_SHORT, StepCheck
from core.planning.recovery import waited_before
from core.ports.executor import job_key
from core.step_type.host import StepHost

HANDLER_SECONDS = 300.0
"""The deadline of a handler that has none of its own."""


class RunningAttempts:
    """Starts only what is durably recorded as started: the caller commits first."""

    def __init__(
        self,
        run_context: RunContext,
        recorder: EngineRecorder,
        post: Callable[[Ended | PlacedAttempt], None],
        step_check: StepCheck,
    ) -> None:
        self._step_check = step_check
        self._run_context = run_context
        self._recorder = recorder
        self._post = post
        self._handlers = frozenset(step.id for step in run_context.mission.handlers.all)
        self._tasks: dict[str, asyncio.Task[Ended]] = {}
        self._cancelled: dict[str, Why] = {}

    def start(
        self, group: asyncio.TaskGroup, prepared: Prepared, attempt: int, host: StepHost
    ) -> None:
        """Start an attempt as a task of `group`."""
        task_id = prepared.task.task_id
        waited = 0.0
        if attempt > 1:
            waited = waited_before(self._recorder.snapshot, task_id, self._run_context.clock.now())
        work = run(
            self._run_context,
            prepared,
            attempt,
            emit=self._recorder.append_output,
            timeout=self._timeout(prepared.step),
            was_cancelled=lambda: task_id in self._cancelled,
            host=host,
            placed=lambda where: self._post(PlacedAttempt(task_id, attempt, where)),
            waited=waited,
        )
        if prepared.step.declares_files:
            work = self._with_files(work, prepared)
        task = group.create_task(work, name=f"{task_id}#{attempt}")
        self._tasks[task_id] = task
        task.add_done_callback(lambda done: self._done(done, task_id, attempt))

    def placed(self, item: PlacedAttempt) -> None:
        """Record where an attempt runs."""
        self._recorder.emit(
            AttemptPlaced(
                at=self._run_context.clock.now(),
                execution_id=self._run_context.execution_id,
                task_id=item.task_id,
                attempt=item.attempt,
                host=item.where.host,
                worker=item.where.worker,
            )
        )

    async def _with_files(self, work: Coroutine[Any, Any, Ended], prepared: Prepared) -> Ended:
        """Run an attempt; if it succeeded, which is certain by then, read what it made."""
        ended = await work
        if ended.outcome is None or ended.outcome.state is not AttemptState.SUCCESS:
            return ended
        try:
            return replace(ended, made=await self._step_check.made(prepared))
        except asyncio.CancelledError:
            if prepared.task.task_id not in self._cancelled:
                raise
            return replace(ended, made=CUT_SHORT)

    def cancel(self, task_id: str, reason: Reason, message: str) -> bool:
        """Cancel a running attempt, once: a second cancel would interrupt its clean-up.

        Return False when none runs.
        """
        attempt = self._tasks.get(task_id)
        if attempt is None:
            return False
        if task_id not in self._cancelled:
            self._cancelled[task_id] = (reason, message)
            attempt.cancel()
        return True

    def kill(self, task_id: str) -> None:
        """Give the attempt that runs no grace when it is cancelled, or none any more."""
        attempt = self._recorder.snapshot.attempt(task_id)
        if attempt is not None and task_id in self._tasks:
            key = job_key(self._run_context.execution_id, task_id, attempt.attempt)
            self._run_context.executor.hurry(key)

    def cancel_all(self) -> None:
        """Cancel what runs because the engine itself ends."""
        for task in self._tasks.values():
            task.cancel()

    def ended(self, task_id: str) -> Why | None:
        """Forget an attempt that has ended; return why it was cancelled, if it was."""
        self._tasks.pop(task_id, None)
        return self._cancelled.pop(task_id, None)

    def _done(self, done: asyncio.Task[Ended], task_id: str, attempt: int) -> None:
        """Post the one end of a started attempt, also of one cancelled before its first step."""
        if done.cancelled():
            asked = task_id in self._cancelled
            outcome = None if asked else step_error(asyncio.CancelledError("it cancelled itself"))
            self._post(Ended(task_id=task_id, attempt=attempt, outcome=outcome))
        elif done.exception() is None:  # else the task group ends the run with it
            self._post(done.result())

    def _timeout(self, step: MissionStep) -> float | None:
        if step.id in self._handlers:  # a handler also runs after a timeout, so it has its own
            return step.timeout_seconds or HANDLER_SECONDS
        return step.timeout_seconds or self._run_context.mission.config.timeout_seconds
