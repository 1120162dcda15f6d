"""The step that ends a mission early and successfully; what that means is the planner's."""

from pydantic import Field

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Printable
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType

DEFAULT_MESSAGE = "nothing is left to do"


class FinishParameters(StepParameters):
    """Why nothing is left to do."""

    message: Printable = Field(
        default=DEFAULT_MESSAGE, description="why nothing is left to do, for the operator"
    )


class Finish(StepType):
    """Ends the mission: what runs goes on, what has not started is skipped."""

    name = "finish"
    mode = Mode.INSTANT
    parameters = FinishParameters
    summary = "End the mission early and successfully"

    def run(self, call: StepCall) -> StepOutcome:
        """Log the message and succeed with the reason that makes the planner stop."""
        parameters: FinishParameters = call.parameters
        call.log(LogLevel.INFO, parameters.message)
        return StepOutcome.success(reason=Reason.FINISHED, message=parameters.message)
