"""Records the end of an attempt, and decides by the retry policy whether there is another."""

from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from core.domain.events import ENGINE, AttemptEnded
from core.domain.mission import Repeat
from core.domain.process_policy import Leftovers
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.engine.attempt import Ended
from core.engine.engine_recorder import EngineRecorder
from core.engine.preparation import RunContext
from core.engine.requests import ANSWERED
from core.engine.turn.repetition import after_success
from core.explain.process_text import ended_text
from core.planning.planner import Planner
from core.planning.retry import backoff_seconds, is_retryable
from core.planning.services.needed_services import is_serving
from core.planning.stop import HALTING
from core.ports.executor import Census, Placement, Resources
from core.step_type.step_type import StepOutcome

Why = tuple[Reason, str]
"""Why an attempt was cancelled: the reason and words for it."""

_STATES = {AttemptState.SUCCESS: TaskState.SUCCESS, AttemptState.CANCELLED: TaskState.CANCELLED}
"""What a step is after an attempt of these ends; after any other its policy decides."""


MAX_LOST_IN_A_ROW = 5
"""After so many something other than chance ends them."""

LOST_PAUSE_SECONDS = 0.2
"""Between a lost attempt and the next."""

UNPLACEABLE_SECONDS = 600.0
"""How long a step waits for a worker that can hold it, before it fails."""

MOST_PAUSE_SECONDS = 60.0
"""Between two looks for a worker; it begins with one second and is doubled."""


class Settlement:
    """Turns ends into events by the step's retry policy. `chance` gives numbers in [0, 1)."""

    def __init__(
        self,
        run_context: RunContext,
        planner: Planner,
        recorder: EngineRecorder,
        chance: Callable[[], float],
    ) -> None:
        self._run_context = run_context
        self._planner = planner
        self._recorder = recorder
        self._chance = chance

    def settle(
        self, ended: Ended, cancelled: Why | None, *, answered_by: str | None = None
    ) -> float | None:
        """Record an end; return the seconds until the next try, None when there is none.

        `cancelled` is why an attempt without an outcome was cancelled. An approval or a rejection
        is recorded as an act of the person who answered, `answered_by`.
        """
        task_id = ended.task_id
        outcome = ended.outcome or _cancelled(cancelled)
        if cancelled is not None and cancelled[0] is Reason.SERVICE_ENDED:
            outcome = StepOutcome.success(reason=cancelled[0], message=cancelled[1])
        is_answer = answered_by is not None and outcome.reason_code in ANSWERED
        actor = answered_by if answered_by is not None and is_answer else ENGINE
        for chunk in ended.chunks:
            self._recorder.append_output(chunk)
        census = None
        if ended.census is not None:
            step, config = self._planner.step_of(task_id), self._run_context.mission.config
            is_kept = (step.leftovers or config.leftovers) is Leftovers.KEEP
            census = census_facts(ended.census, is_kept=is_kept)
        if census is not None and "left" not in census:
            facts = {**census, "message": ended_text(census, whole=True)}
            self._recorder.note("attempt.killed", facts, task_id=task_id)
        if outcome.reason_code in HALTING:
            is_policy = outcome.reason_code is Reason.POLICY_VIOLATION
            kind = "policy.violation" if is_policy else "security.violation"
            self._recorder.note(kind, _violation(ended.attempt, outcome), task_id=task_id)
        at = self._run_context.clock.now() if ended.at is None else ended.at
        took = self._recorder.stopwatch.attempt_ended(task_id, ended.loop_time)
        self._recorder.emit(
            AttemptEnded(
                at=at,
                execution_id=self._run_context.execution_id,
                actor=actor,
                task_id=task_id,
                attempt=ended.attempt,
                to_state=outcome.state,
                reason_code=outcome.reason_code,
                message=outcome.message,
                exit_code=outcome.exit_code,
                outputs=_outputs(outcome),
                error=outcome.error,
                log_entry_count=ended.seal.entries,
                log_bytes=ended.seal.bytes,
                log_dropped_bytes=ended.seal.dropped_bytes,
                log_digest=ended.seal.digest,
                redactions=ended.seal.redactions,
                census=census,
                resources=_resources(outcome.resources),
                placement=_placement(outcome.placement),
                artifacts=ended.artifacts,
                duration_us=took,
            )
        )
        pause = None
        repeat = self._planner.step_of(task_id).repeat
        state = _STATES.get(outcome.state)
        if outcome.reason_code is Reason.PRECONDITION_UNMET:
            state = TaskState.SKIPPED
        if outcome.state is AttemptState.LOST:
            pause = self._lost(task_id, outcome, at)
        elif repeat is not None and outcome.state is AttemptState.SUCCESS:
            pause = self._repeated(task_id, repeat, outcome, at)
        elif state is None:
            pause = self._failed(task_id, outcome, at, actor)
        else:
            self._recorder.change(
                task_id,
                state,
                outcome.reason_code,
                outcome.message,
                actor=actor,
                at=at,
                loop_time=ended.loop_time,
            )
        task = self._recorder.snapshot.tasks[task_id]
        if is_terminal(task.state):
            self._run_context.context.ended(task)
        return pause

    def _repeated(
        self, task_id: str, repeat: Repeat, outcome: StepOutcome, at: int
    ) -> float | None:
        """Repeat a step whose attempt succeeded, or let it end."""
        snapshot = self._recorder.snapshot
        scope = self._run_context.context.scope(snapshot.tasks[task_id])
        found = after_success(repeat, snapshot.attempts[task_id], scope, _outputs(outcome))
        stop = self._planner.stopped
        if found.pause is not None and stop is not None and self._planner.ends_what_runs:
            self._recorder.change(task_id, TaskState.CANCELLED, stop.reason, stop.message, at=at)
            return None
        resume_at = None
        if found.pause is not None:
            resume_at = self._run_context.clock.now() + int(found.pause * 1e9)
        reason = found.reason or outcome.reason_code
        change = self._recorder.change
        change(task_id, found.state, reason, found.message, resume_at=resume_at, at=at)
        return found.pause

    def _failed(self, task_id: str, outcome: StepOutcome, at: int, actor: str) -> float | None:
        """Retry a failed attempt by its policy, or let the task run fail."""
        policy = self._planner.step_of(task_id).retry or self._run_context.mission.config.retry
        attempts = self._recorder.snapshot.attempts[task_id]
        since = takewhile(lambda one: one.state is not AttemptState.SUCCESS, reversed(attempts))
        tries = sum(attempt.state is not AttemptState.LOST for attempt in since)
        what = f"{outcome.message or outcome.reason_code} ({outcome.reason_code})"
        retryable = is_retryable(
            policy,
            outcome.reason_code,
            exit_code=outcome.exit_code,
            http_status=outcome.http_status,
        )
        change = self._recorder.change
        if is_serving(self._recorder.snapshot.tasks[task_id]):
            retryable = False  # the steps that needed it have failed with it
        if not retryable or policy.max_attempts <= 1 or self._planner.ends_what_runs:
            state, reason = TaskState.FAILED, outcome.reason_code
            change(task_id, state, reason, outcome.message, actor=actor, at=at)
            return None
        if tries >= policy.max_attempts:
            message = f"{tries} of {policy.max_attempts} attempts failed; last: {what}"
            change(task_id, TaskState.FAILED, Reason.RETRIES_EXHAUSTED, message, at=at)
            return None
        pause = backoff_seconds(policy, tries, self._chance())
        message = f"attempt {tries + 1} of {policy.max_attempts} in {pause:.3g} s after {what}"
        if self._recorder.snapshot.tasks[task_id].state is TaskState.WAITING:  # for an approval
            change(task_id, TaskState.READY, outcome.reason_code, outcome.message)
        resume_at = self._run_context.clock.now() + int(pause * 1e9)
        change(task_id, TaskState.WAITING, Reason.BACKOFF, message, resume_at=resume_at)
        return pause

    def _lost(self, task_id: str, outcome: StepOutcome, at: int) -> float | None:
        """Repeat a lost attempt, which counts for no limit of attempts, where that is safe."""
        if outcome.reason_code is Reason.UNPLACEABLE:
            return self._unplaceable(task_id, outcome, at)
        if outcome.reason_code is Reason.CLUSTER_LOST:
            return self._without_cluster(task_id, outcome, at)
        change = self._recorder.change
        step = self._planner.step_of(task_id)
        in_a_row = 0
        for attempt in reversed(self._recorder.snapshot.attempts[task_id]):
            if attempt.reason_code is not Reason.WORKER_LOST:
                break  # one that was lost with its runner says nothing of the worker
            in_a_row += 1
        message = outcome.message or outcome.reason_code.value
        if not step.idempotent:
            message += "; it is not idempotent, so it is not repeated without being asked"
        elif in_a_row >= MAX_LOST_IN_A_ROW:
            message += f"; {in_a_row} attempts in a row were lost"
        elif not self._planner.ends_what_runs:
            resume_at = self._run_context.clock.now() + int(LOST_PAUSE_SECONDS * 1e9)
            change(task_id, TaskState.WAITING, Reason.WORKER_LOST, message, resume_at=resume_at)
            return LOST_PAUSE_SECONDS
        change(task_id, TaskState.FAILED, Reason.WORKER_LOST, message, at=at)
        return None

    def _unplaceable(self, task_id: str, outcome: StepOutcome, at: int) -> float | None:
        """Look for a worker again after a while, or fail: the process never ran."""
        refused = 0
        since = at
        for attempt in reversed(self._recorder.snapshot.attempts[task_id]):
            if attempt.reason_code is not Reason.UNPLACEABLE:
                break
            refused += 1
            since = attempt.started_at
        message = outcome.message or outcome.reason_code.value
        change = self._recorder.change
        if not self._planner.ends_what_runs and at - since < UNPLACEABLE_SECONDS * 1e9:
            pause = min(2.0 ** (refused - 1), MOST_PAUSE_SECONDS)
            resume_at = self._run_context.clock.now() + int(pause * 1e9)
            change(task_id, TaskState.WAITING, outcome.reason_code, message, resume_at=resume_at)
            return pause
        waited = f"{message}; waited {(at - since) / 1e9:.0f} s for one"
        change(task_id, TaskState.FAILED, outcome.reason_code, waited, at=at)
        return None

    def _without_cluster(self, task_id: str, outcome: StepOutcome, at: int) -> float | None:
        """Pause the execution, which somebody resumes when the cluster is back."""
        message = outcome.message or outcome.reason_code.value
        recorder = self._recorder
        if self._planner.ends_what_runs or self._planner.runs_handlers:
            recorder.change(task_id, TaskState.FAILED, outcome.reason_code, message, at=at)
            return None
        resume_at = self._run_context.clock.now() + int(LOST_PAUSE_SECONDS * 1e9)
        recorder.change(
            task_id, TaskState.WAITING, outcome.reason_code, message, resume_at=resume_at
        )
        if recorder.snapshot.current.state is ExecutionState.RUNNING:
            recorder.move(ExecutionState.PAUSED, outcome.reason_code, message)
        return LOST_PAUSE_SECONDS


def _resources(used: Resources | None) -> Mapping[str, int] | None:
    if used is None:
        return None
    found = {
        "user_ms": round(used.user_seconds * 1000),
        "system_ms": round(used.system_seconds * 1000),
        "peak_memory_bytes": used.peak_memory_bytes,
    }
    if used.peak_total_memory_bytes is not None:
        found["peak_total_memory_bytes"] = used.peak_total_memory_bytes
    if used.peak_processes is not None:
        found["peak_processes"] = used.peak_processes
    return found


def _placement(where: Placement | None) -> Mapping[str, str] | None:
    return None if where is None else {"host": where.host, "worker": where.worker}


def _cancelled(why: Why | None) -> StepOutcome:
    reason, message = why or (Reason.USER_CANCELLED, "cancelled")
    return StepOutcome(
        state=AttemptState.CANCELLED,
        reason_code=reason,
        message=message,
        error=TaskError(message=message, kind="Cancelled"),
    )


def _violation(attempt: int, outcome: StepOutcome) -> Mapping[str, Any]:
    """Return what the audit says of a violation, in the batch that ends the attempt."""
    rule = "" if outcome.error is None else outcome.error.kind
    return {"attempt": attempt, "rule": rule, "message": outcome.message or ""}


def _outputs(outcome: StepOutcome) -> Mapping[str, object]:
    if not outcome.variables:
        return outcome.output
    return {**outcome.output, "variables": dict(outcome.variables)}


def census_facts(found: Census, *, is_kept: bool = False) -> Mapping[str, Any]:
    """Return a census as the audit and the records have it.

    What was left has its start with it, so that it is still known when runner and supervisor are
    both killed; what `is_kept` on purpose is not to be ended then and has none.
    """
    counts: dict[str, Any] = {"processes": found.processes, "survivors": found.survivors}
    for name, processes in (("left", found.left), ("ended", found.ended)):
        if processes:
            counts[name] = [
                {"pid": process.pid, "command": process.command} for process in processes
            ]
    if found.left and not is_kept:
        for told, process in zip(counts["left"], found.left, strict=True):
            told["start"] = process.start
    return counts
