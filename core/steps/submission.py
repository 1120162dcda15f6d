"""The step that runs another mission as a linked execution."""

from typing import Any

from pydantic import BaseModel, Field

from core.errors import MissionDeckError
from core.model import LogLevel
from core.reasons import Reason
from core.states import ExecutionState
from core.steps.base import Mode, StepCall, StepOutcome, StepParameters, StepType


class MissionParameters(StepParameters):
    """Which mission, with which parameters."""

    file: str = Field(
        min_length=1, description="The mission file, relative to this mission's file."
    )
    params: dict[str, Any] = Field(default={}, description="Values for its parameters.")


class MissionOutput(BaseModel):
    """How the sub-mission ended."""

    execution_id: str = Field(description="The linked execution.")
    overall_status: str = Field(description="Success, Partial or Failed.")
    state: str = Field(description="SUCCESS, FAILED or CANCELLED.")
    steps_completed: int = Field(description="Steps that completed.")
    steps_failed: int = Field(description="Steps that failed.")
    steps_skipped: int = Field(description="Steps that were skipped.")
    outputs: dict[str, Any] = Field(description="The output of each of its steps, by id.")


class MissionStepType(StepType):
    """Runs a mission inside a mission; its steps, logs and audit are those of its own execution."""

    name = "mission"
    mode = Mode.ASYNC
    parameters = MissionParameters
    output = MissionOutput
    summary = "Run another mission and wait for its end"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run it; its failure is this step's failure."""
        wanted: MissionParameters = call.parameters
        try:
            result = await call.require_host().run_mission(wanted.file, wanted.params)
        except MissionDeckError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return StepOutcome.failure(
                Reason.INVALID_PARAMETERS, f"{error.message}{hint}", error.code
            )
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
        return StepOutcome.failure(
            Reason.STEP_FAILED,
            f"sub-mission {result.mission_id} ended {result.state} ({result.reason_code})",
            "SubMissionFailed",
            output=output,
        )
