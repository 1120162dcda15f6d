"""A complete step type: parameters, output, implementation, and its description in a plan."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.step_type import (
    LogLevel,
    Mode,
    Reason,
    StepCall,
    StepOutcome,
    StepParameters,
    StepType,
)


class ShoutParameters(StepParameters):
    """Parameters of shout; each description becomes part of `mission explain step.shout`."""

    text: str = Field(description="the text to shout")
    times: int = Field(default=1, ge=1, le=10, description="the number of repetitions")


class ShoutOutput(BaseModel):
    """Output of shout, for templates: `{{ steps.ID.output.shouted }}`."""

    shouted: str = Field(description="the text in capitals")


class Shout(StepType):
    """Converts a text to capitals."""

    name: ClassVar[str] = "shout"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = ShoutParameters
    output: ClassVar[type[BaseModel]] = ShoutOutput
    summary: ClassVar[str] = "Shout a text"

    def run(self, call: StepCall) -> StepOutcome:
        """Shout the text; an empty text is an expected failure, which is returned, not raised."""
        parameters: ShoutParameters = call.parameters
        if not parameters.text.strip():
            return StepOutcome.failure(Reason.STEP_ERROR, "there is nothing to shout", "silence")
        shouted = " ".join([parameters.text.upper()] * parameters.times)
        call.log(LogLevel.INFO, shouted)
        return StepOutcome.success({"shouted": shouted})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be shouted."""
        return f"would shout {parameters.get('text')!r}"
