"""Checks the preconditions of a step as the first part of its attempt."""

from msgspec.structs import replace

from core.domain.mission import Precondition
from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.errors import BugError
from core.expression.condition import ConditionError, decide
from core.step_type.plain_parameters import plain_parameters
from core.step_type.registry import step_type
from core.step_type.step_type import StepCall, StepOutcome

SCRIPT = "script"


async def unmet(preconditions: tuple[Precondition, ...], call: StepCall) -> StepOutcome | None:
    """Return how an attempt ends whose preconditions do not all hold; None when they do.

    They are checked in their order, up to the first that does not hold. One that cannot be checked
    is a failure. A script has the environment and the folder of the step, and its output is in the
    log of the attempt.
    """
    for number, one in enumerate(preconditions, start=1):
        outcome = _of_expression(one, call) if one.expression else await _of_script(one, call)
        if outcome is not None:
            which = "" if len(preconditions) == 1 else f" {number} of {len(preconditions)}"
            call.log(LogLevel.INFO, f"precondition{which}: {outcome.message}")
            return outcome
    return None


def _of_expression(one: Precondition, call: StepCall) -> StepOutcome | None:
    try:
        holds = decide(one.expression, call.scope)
    except ConditionError as error:
        message = f"preconditions: {error}"
        return StepOutcome.failure(Reason.INVALID_PARAMETERS, message, "InvalidParameters")
    return None if holds else _not_met(f"`{one.expression}` is false")


async def _of_script(one: Precondition, call: StepCall) -> StepOutcome | None:
    kind = step_type(SCRIPT)
    if kind is None:
        raise BugError("there is no step type for scripts")
    parameters = plain_parameters(SCRIPT, {"script": one.script, "shell": one.shell})
    if parameters is None:
        message = "preconditions: the script is not valid text"
        return StepOutcome.failure(Reason.INVALID_PARAMETERS, message, "InvalidParameters")
    outcome = await kind.run_async(replace(call, parameters=parameters))
    if outcome.state is AttemptState.SUCCESS:
        return None
    if outcome.reason_code is not Reason.EXIT_NONZERO:
        return outcome
    lines = one.script.strip().splitlines()
    told = f"{lines[0]} …" if len(lines) > 1 else lines[0]
    return _not_met(f"`{told}`: {outcome.message}")


def _not_met(message: str) -> StepOutcome:
    return StepOutcome(
        state=AttemptState.CANCELLED, reason_code=Reason.PRECONDITION_UNMET, message=message
    )
