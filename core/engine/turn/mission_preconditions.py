"""Checks the preconditions of a mission before the first of its steps, while the planner holds."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.reasons import VIOLATIONS, Reason
from core.domain.records import LogStream, TaskRun
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.engine.attempt import run
from core.engine.engine_recorder import EngineRecorder
from core.engine.gated_attempt import (
    PRECONDITIONS,
    attempt_request,
    only_scripts,
    preconditions_step,
)
from core.engine.preparation import Prepared, RunContext, prepare
from core.output.last_lines import Tail
from core.planning.planner import Planner
from core.ports.journal import LogChunk
from core.step_type.host import StepHost
from core.step_type.step_type import StepOutcome

TOLD_LINES = 20
TOLD_BYTES = 2000
"""How much of the end of the scripts' output is recorded."""


class PreconditionsChecked(Struct, frozen=True):
    """The preconditions of the mission were checked; `outcome` is None when that was cancelled."""

    outcome: StepOutcome | None
    last_lines: tuple[str, ...] = ()


class MissionPreconditions:
    """Lets an execution begin, or stops it before its first step.

    They are not checked again where something has been run already: by an earlier runner, or in
    the execution that this one retries.
    """

    def __init__(
        self,
        run_context: RunContext,
        recorder: EngineRecorder,
        planner: Planner,
        post: Callable[[PreconditionsChecked], None],
        host: Callable[[str], StepHost],
    ) -> None:
        self._run_context = run_context
        self._recorder = recorder
        self._planner = planner
        self._post = post
        self._host = host
        self._task: asyncio.Task[None] | None = None
        wanted = bool(run_context.mission.preconditions)
        self._is_due = wanted and planner.stopped is None and not _has_begun(recorder.snapshot)
        if self._is_due:
            planner.hold()

    def act(self, group: asyncio.TaskGroup) -> None:
        """Begin the check when the execution runs, durably; cancel it when the mission stops."""
        if not self._is_due:
            return
        is_stopping = self._planner.stopped is not None
        if self._task is None and is_stopping:
            self._post(PreconditionsChecked(None))
            self._is_due = False
        elif self._task is None and self._recorder.snapshot.current.state is ExecutionState.RUNNING:
            self._task = group.create_task(self._check(), name=PRECONDITIONS)
        elif self._task is not None and is_stopping:
            self._task.cancel()
            self._is_due = False

    def checked(self, found: PreconditionsChecked) -> None:
        """Record the result, and let the planner go on: with the steps, or with their end."""
        self._is_due = False
        self._planner.let_go()
        outcome = found.outcome
        if outcome is None:
            return
        holds = outcome.state is AttemptState.SUCCESS
        facts: dict[str, Any] = {"holds": holds}
        if not holds:
            facts["message"] = outcome.message or ""
        if found.last_lines:
            facts["last_lines"] = list(found.last_lines)
        self._recorder.note("preconditions.checked", facts)
        if holds:
            return
        reason = outcome.reason_code
        if reason in VIOLATIONS:
            rule = "" if outcome.error is None else outcome.error.kind
            is_policy = reason is Reason.POLICY_VIOLATION
            kind = "policy.violation" if is_policy else "security.violation"
            self._recorder.note(kind, {"rule": rule, "message": outcome.message or ""})
        elif reason is not Reason.PRECONDITION_UNMET:
            reason = Reason.PRECONDITION_ERROR
        self._planner.stop(reason, _sentence(outcome, found.last_lines))

    async def _check(self) -> None:
        prepared = self._prepared()
        if prepared.refusal is not None:
            self._post(PreconditionsChecked(prepared.refusal))
            return
        last = Tail(TOLD_BYTES)
        ended = await run(
            self._run_context,
            prepared,
            1,
            emit=lambda chunk: _add(chunk, last),
            timeout=None,  # the deadline of the mission stops it
            was_cancelled=lambda: not self._is_due,
            host=self._host(PRECONDITIONS),
        )
        self._post(PreconditionsChecked(ended.outcome, tuple(last.lines(TOLD_LINES))))

    def _prepared(self) -> Prepared:
        """Return the check as an attempt of a step that only has these preconditions."""
        run_context = self._run_context
        step = preconditions_step(run_context.mission)
        task = TaskRun(
            execution_id=run_context.execution_id,
            task_id=PRECONDITIONS,
            position=0,
            state=TaskState.RUNNING,
            reason_code=Reason.STARTED,
            updated_at=run_context.clock.now(),
        )
        prepared = replace(prepare(run_context, task, step), ready=None)
        if prepared.refusal is None and run_context.gate is not None:
            for script in only_scripts(attempt_request(run_context, prepared, 1)):
                answer = run_context.gate.answer(script)
                warnings = tuple(f"policy: {one['message']}" for one in answer.warnings)
                prepared = replace(prepared, warnings=(*prepared.warnings, *warnings))
                if answer.refusal is not None:
                    return replace(prepared, refusal=answer.refusal)
        return prepared


def _sentence(outcome: StepOutcome, last_lines: Sequence[str]) -> str:
    """Return what does not hold, and what its script said of that last."""
    told = outcome.message or outcome.reason_code.value
    said = next((line.strip() for line in reversed(last_lines) if line.strip()), None)
    return told if said is None else f"{told}: {said}"


def _add(chunk: LogChunk, last: Tail) -> None:
    """Add what the scripts have written; other entries of the log are told by the outcome."""
    start = 0
    for segment in chunk.segments:
        end = start + segment.length
        if segment.stream is not LogStream.SYSTEM:
            last.add(chunk.data[start:end])
        start = end


def _has_begun(snapshot: Snapshot) -> bool:
    """Tell whether a step has been started, or has its result from elsewhere."""
    return any(snapshot.attempts.values()) or any(
        task.state is TaskState.SUCCESS for task in snapshot.tasks.values()
    )
