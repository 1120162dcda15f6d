"""The step that runs another mission as a linked execution."""

from typing import Any

from pydantic import BaseModel, Field

from core.domain.reasons import VIOLATIONS, Reason
from core.domain.records import LogLevel
from core.domain.states import ExecutionState
from core.errors import MissionDeckError, MissionInvalidError, PolicyViolationError
from core.explain.failure_line import SUB_MISSION_FAILED
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.render import place_and_message
from core.step_type.host import SubMissionEnd
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType


class MissionParameters(StepParameters):
    """The mission to run, and its parameters."""

    file: str = Field(
        min_length=1, description="The mission file, relative to this mission's file."
    )
    params: dict[str, Any] = Field(default={}, description="Values for its parameters.")


class MissionOutput(BaseModel):
    """How the sub-mission ended."""

    execution_id: str = Field(description="The linked execution.")
    overall_status: str = Field(description="Success, Partial or Failed.")
    state: str = Field(description="SUCCESS, FAILED or CANCELLED.")
    steps_completed: int = Field(description="Number of steps that completed.")
    steps_failed: int = Field(description="Number of steps that failed.")
    steps_skipped: int = Field(description="Number of steps that were skipped.")
    outputs: dict[str, Any] = Field(description="The output of each of its steps, by id.")


class MissionStepType(StepType):
    """Runs a mission inside a mission, as an execution with its own steps, logs and audit."""

    name = "mission"
    mode = Mode.ASYNC
    parameters = MissionParameters
    output = MissionOutput
    summary = "Run another mission and wait for its end"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run the mission; if it fails, this step fails."""
        wanted: MissionParameters = call.parameters
        try:
            end = await call.require_host().run_mission(wanted.file, wanted.params)
        except MissionDeckError as error:
            return refused(call, error)
        return outcome_of(call, end)


def refused(call: StepCall, error: MissionDeckError) -> StepOutcome:
    """Return the failure of a step whose mission cannot be run."""
    hint = f" ({error.hint})" if error.hint else ""
    found = _diagnostics(error)
    for line in found:
        call.log(LogLevel.ERROR, line)
    first = f": {found[0]}" if found else ""
    if isinstance(error, PolicyViolationError) and error.rules:
        return StepOutcome.failure(Reason.POLICY_VIOLATION, error.message, error.rules[0])
    return StepOutcome.failure(
        Reason.INVALID_PARAMETERS,
        f"{error.message}{first}{hint}",
        error.code,
        stack_trace="\n".join(found),
    )


def outcome_of(call: StepCall, end: SubMissionEnd) -> StepOutcome:
    """Return the outcome of a step from the end of the mission that it ran."""
    result = end.result
    call.log(LogLevel.INFO, f"execution {result.mission_id} ended {result.state}")
    output = {
        "execution_id": result.mission_id,
        "overall_status": result.overall_status.value,
        "state": result.state.value,
        "steps_completed": result.steps_completed,
        "steps_failed": result.steps_failed,
        "steps_skipped": result.steps_skipped,
        "outputs": {name: dict(step.output) for name, step in result.step_results.items()},
    }
    if result.state is ExecutionState.SUCCESS:
        return StepOutcome.success(output, message=f"execution {result.mission_id}")
    if result.reason_code in VIOLATIONS:  # it halts what it is a part of, too
        rules = (one.rule for one in result.step_results.values() if one.rule is not None)
        return StepOutcome.failure(
            result.reason_code,
            end.cause or f"sub-mission {result.mission_id}: {result.reason_code}",
            next(rules, SUB_MISSION_FAILED),
            output=output,
        )
    return StepOutcome.failure(
        Reason.STEP_FAILED,
        end.cause or f"sub-mission {result.mission_id} ended {result.state}",
        SUB_MISSION_FAILED,
        output=output,
    )


def _diagnostics(error: MissionDeckError) -> list[str]:
    """Return the errors of a mission file with their positions, one line each."""
    if not isinstance(error, MissionInvalidError):
        return []
    return [
        place_and_message(one)
        for one in error.diagnostics
        if isinstance(one, Diagnostic) and one.severity is Severity.ERROR
    ]
