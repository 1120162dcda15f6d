"""Records the start of an attempt, with what its audit has to say of it."""

from core.domain.events import AttemptStarted
from core.engine.engine_recorder import EngineRecorder
from core.engine.preparation import Prepared, RunContext
from core.engine.secret_delivery import secret_facts
from core.security.attempt_gate import GateAnswer


def record_start(
    run_context: RunContext,
    recorder: EngineRecorder,
    prepared: Prepared,
    attempt: int,
    answer: GateAnswer,
) -> None:
    """Record that an attempt starts, what policies warn of, and which secrets and files it reads.

    What an attempt that is refused would have read is not recorded: it is not read.
    """
    task = prepared.task
    task_id = task.task_id
    recorder.emit(
        AttemptStarted(
            at=run_context.clock.now(),
            execution_id=task.execution_id,
            task_id=task_id,
            attempt=attempt,
            from_state=task.state,
            inputs=prepared.inputs,
        )
    )
    for warning in answer.warnings:
        recorder.note("policy.warning", {"attempt": attempt, **warning}, task_id=task_id)
    if prepared.refusal is not None:
        return
    names = prepared.step.secret_names
    if names:
        recorder.note("secret.read", secret_facts(run_context, names, attempt), task_id=task_id)
    if prepared.env_files:
        files = [file.facts for file in prepared.env_files]
        recorder.note("env.read", {"attempt": attempt, "files": files}, task_id=task_id)
