"""Asks the gate about a prepared attempt, and makes what it refuses a refusal of the attempt."""

from collections.abc import Mapping

from msgspec.structs import replace

from core.engine.preparation import Prepared, RunContext
from core.machine.environment import exported
from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.step_type.intent import NO_INTENT


def attempt_request(run_context: RunContext, prepared: Prepared, attempt: int) -> AttemptRequest:
    """Return what a prepared attempt is about to do."""
    step, task = prepared.step, prepared.task
    intent = NO_INTENT if prepared.type is None else prepared.type.intent(prepared.inputs)
    own = run_context.mission_env
    return AttemptRequest(
        mission_name=run_context.mission.name,
        mission_sha256=run_context.mission_digest,
        execution_id=run_context.execution_id,
        step_id=step.id,
        task_id=task.task_id,
        step_type=step.step_type,
        attempt=attempt,
        intent=intent,
        env={**own, **prepared.env} if prepared.env else own,
        working_dir=str(prepared.working_dir or run_context.working_dir),
        secrets=step.secret_names,
        secret_variables=(*step.secrets, *step.secret_files),
        environ=lambda: _environ(run_context, prepared),
    )


def gated(run_context: RunContext, prepared: Prepared, attempt: int) -> tuple[Prepared, GateAnswer]:
    """Ask the gate about a prepared attempt; return it, refused or not, and the answer."""
    if run_context.gate is None or prepared.refusal is not None:
        return prepared, ALLOWED
    answer = run_context.gate.answer(attempt_request(run_context, prepared, attempt))
    if answer is ALLOWED:
        return prepared, answer
    warnings = tuple(f"policy: {facts['message']}, but only warns" for facts in answer.warnings)
    return replace(prepared, refusal=answer.refusal, warnings=warnings), answer


def _environ(run_context: RunContext, prepared: Prepared) -> Mapping[str, str]:
    """Return the environment of the step's processes, without the values of secrets."""
    values, _ = exported(run_context.context.scope(prepared.task))
    return {**values, **run_context.environ, **prepared.env}
