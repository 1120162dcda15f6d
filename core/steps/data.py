"""Steps that read structured text: parse_json, parse_yaml, parse_csv."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.reasons import Reason
from core.steps.base import Mode, StepCall, StepOutcome, StepParameters, StepType, clip
from core.steps.file_step import shown_size
from core.steps.json_text import JsonTextError, parse_json_text


class ParseParameters(StepParameters):
    """Parameters of parse_json and parse_yaml."""

    content: str = Field(description="the text to read")


class ParseOutput(BaseModel):
    """What parse_json and parse_yaml leave."""

    parsed: Any = Field(description="the data")
    valid: bool = Field(description="true: a text that cannot be read fails the step")


class ParseJson(StepType):
    """Reads JSON text. Of a key that is there twice, the last counts."""

    name: ClassVar[str] = "parse_json"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = ParseParameters
    output: ClassVar[type[BaseModel]] = ParseOutput
    summary: ClassVar[str] = "Read JSON text into data"

    def run(self, call: StepCall) -> StepOutcome:
        """Parse; an error names line and column."""
        parameters: ParseParameters = call.parameters
        try:
            parsed = parse_json_text(parameters.content)
        except JsonTextError as error:
            return StepOutcome.failure(Reason.STEP_ERROR, f"not JSON: {error}", "parse")
        return StepOutcome.success({"parsed": parsed, "valid": True})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say how much would be parsed."""
        return clip(f"would parse {shown_size(parameters.get('content'))} as JSON")
