"""Asks the gate about a prepared attempt, and makes what it refuses a refusal of the attempt."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.records import LogLevel
from core.engine.preparation import Prepared, RunContext
from core.machine.environment import exported
from core.security.attempt_gate import ALLOWED, GateAnswer, ask
from core.security.attempt_request import AttemptRequest, requests_of
from core.step_type.intent import NO_INTENT, Intent
from core.step_type.registry import step_type
from core.step_type.step_type import StepOutcome

PRECONDITIONS = "preconditions"
"""What stands for a step where the preconditions of the mission are checked."""


def preconditions_step(mission: Mission) -> MissionStep:
    """Return the check of the preconditions of a mission as a step that does nothing else."""
    return MissionStep(
        id=PRECONDITIONS,
        name=PRECONDITIONS,
        step_type="log",
        parameters={"message": "all of them hold"},
        preconditions=mission.preconditions,
        service=True,  # so that its scripts run on the machine of the runner
    )


def only_scripts(request: AttemptRequest) -> Iterator[AttemptRequest]:
    """Yield what the scripts of `preconditions_step` do: the step itself is nobody's."""
    for script in islice(requests_of(request), 1, None):
        yield replace(script, step_type="script")


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
        sources=sources_of(run_context.mission, step),
        secret_variables=(*step.secrets, *step.secret_files),
        environ=lambda: _environ(run_context, prepared),
        conditions=conditions_of(step, prepared.ready),
    )


def conditions_of(step: MissionStep, ready: Mapping[str, Any] | None) -> tuple[Intent, ...]:
    """Return what the scripts among the preconditions of a step do, and what is probed for it."""
    wanted = [
        ("script", {"script": one.script, "shell": one.shell})
        for one in step.preconditions
        if one.script
    ]
    if ready and "run" in ready:
        wanted.append(("script", {"script": ready["run"]}))
    elif ready and "log" not in ready:
        wanted.append(("wait_for", dict(ready)))
    found = [(step_type(name), parameters) for name, parameters in wanted]
    return tuple(kind.intent(parameters) for kind, parameters in found if kind is not None)


def sources_of(mission: Mission, step: MissionStep) -> Mapping[str, str]:
    """Return where the secrets of a step come from, by name; without those of the store."""
    names = step.secret_names
    if not names:
        return EMPTY
    return {
        one.name: one.source
        for one in mission.secrets
        if one.source is not None and one.name in names
    }


def gated(run_context: RunContext, prepared: Prepared, attempt: int) -> tuple[Prepared, GateAnswer]:
    """Ask the gate about a prepared attempt; return it, refused or not, and the answer."""
    if run_context.gate is None or prepared.refusal is not None:
        return prepared, ALLOWED
    answer = ask(run_context.gate, attempt_request(run_context, prepared, attempt))
    if answer is ALLOWED:
        return prepared, answer
    warnings = tuple(f"policy: {facts['message']}, but only warns" for facts in answer.warnings)
    return replace(prepared, refusal=answer.refusal, warnings=warnings), answer


def recheck(
    run_context: RunContext, prepared: Prepared, attempt: int, log: Callable[[LogLevel, str], None]
) -> Callable[[Intent], StepOutcome | None]:
    """Return what asks the gate again about an attempt that turns out to do something else."""

    def refusal(intent: Intent) -> StepOutcome | None:
        if run_context.gate is None:
            return None
        request = attempt_request(run_context, prepared, attempt)
        request = replace(request, intent=intent, secrets=(), sources=EMPTY, conditions=())
        # the rest was asked for before
        answer = run_context.gate.answer(request)
        for facts in answer.warnings:
            log(LogLevel.WARN, f"policy: {facts['message']}, but only warns")
        return answer.refusal

    return refusal


def _environ(run_context: RunContext, prepared: Prepared) -> Mapping[str, str]:
    """Return the environment of the step's processes, without the values of secrets."""
    values, _ = exported(run_context.context.scope(prepared.task))
    return {**values, **run_context.environ, **prepared.env}
