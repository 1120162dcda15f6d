"""A step type in full: parameters, output, what it does, what a plan says about it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepParameters, StepType


class ShoutParameters(StepParameters):
    """Parameters of shout; each description becomes part of `mission explain step.shout`."""

    text: str = Field(description="what to shout")
    times: int = Field(default=1, ge=1, le=10, description="how often")


class ShoutOutput(BaseModel):
    """What shout leaves, for templates: `{{ steps.ID.output.shouted }}`."""

    shouted: str = Field(description="the text, loud")


class Shout(StepType):
    """Turns a text into capitals."""

    name: ClassVar[str] = "shout"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = ShoutParameters
    output: ClassVar[type[BaseModel]] = ShoutOutput
    summary: ClassVar[str] = "Shout a text"

    def run(self, call: StepCall) -> StepOutcome:
        """Shout; an empty text is a failure, which is returned and not raised."""
        parameters: ShoutParameters = call.parameters
        if not parameters.text.strip():
            return StepOutcome.failure(Reason.STEP_ERROR, "there is nothing to shout", "silence")
        shouted = " ".join([parameters.text.upper()] * parameters.times)
        call.log(LogLevel.INFO, shouted)
        return StepOutcome.success({"shouted": shouted})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say what would be shouted."""
        return f"would shout {parameters.get('text')!r}"
