"""The models of noop, log, fail and wait: their parameters and their output."""

from pydantic import BaseModel, Field

from core.domain.records import LogLevel
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Level, Printable, Seconds
from core.step_type.plain_parameters import FAIL_MESSAGE


class NoopParameters(StepParameters):
    """Parameters of noop."""

    message: Printable | None = Field(default=None, description="a message to log")
    level: Level = Field(default=LogLevel.INFO, description="DEBUG, INFO, WARN or ERROR")


class LogParameters(StepParameters):
    """Parameters of log."""

    message: Printable = Field(description="what to log; lists and objects are logged as JSON")
    level: Level = Field(default=LogLevel.INFO, description="DEBUG, INFO, WARN or ERROR")


class LogOutput(BaseModel):
    """Output of log."""

    message: str = Field(description="the text that was logged")
    level: str = Field(description="its level")


class FailParameters(StepParameters):
    """Parameters of fail."""

    message: Printable = Field(default=FAIL_MESSAGE, description="the reason, for the operator")
    level: Level = Field(default=LogLevel.ERROR, description="DEBUG, INFO, WARN or ERROR")


class WaitParameters(StepParameters):
    """Parameters of wait."""

    seconds: Seconds = Field(description="how long to wait: seconds, or text like 500ms or 1h30m")


class WaitOutput(BaseModel):
    """Output of wait."""

    waited_ms: float = Field(description="how long it waited, in milliseconds")
