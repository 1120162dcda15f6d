"""Steps without effects outside the mission: noop, log, fail, wait."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.step_type.parameter_types import Level, Printable, Seconds
from core.step_type.step_type import (
    Mode,
    NoOutput,
    StepCall,
    StepOutcome,
    StepParameters,
    StepType,
    clip,
    plain_text,
)

_DONE = StepOutcome.success()


class NoopParameters(StepParameters):
    """Parameters of noop."""

    message: Printable | None = Field(default=None, description="a message to log")
    level: Level = Field(default=LogLevel.INFO, description="DEBUG, INFO, WARN or ERROR")


class Noop(StepType):
    """The step that does nothing: a join, a placeholder, or a measure of the engine's overhead."""

    name: ClassVar[str] = "noop"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = NoopParameters
    output: ClassVar[type[BaseModel]] = NoOutput
    summary: ClassVar[str] = "Do nothing, successfully"

    def run(self, call: StepCall) -> StepOutcome:
        """Succeed."""
        parameters: NoopParameters = call.parameters
        if parameters.message is not None:
            call.log(parameters.level, parameters.message)
        return _DONE


class LogParameters(StepParameters):
    """Parameters of log."""

    message: Printable = Field(description="what to log; lists and objects are logged as JSON")
    level: Level = Field(default=LogLevel.INFO, description="DEBUG, INFO, WARN or ERROR")


class LogOutput(BaseModel):
    """Output of log."""

    message: str = Field(description="the text that was logged")
    level: str = Field(description="its level")


class Log(StepType):
    """Writes one entry to the step's log."""

    name: ClassVar[str] = "log"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = LogParameters
    output: ClassVar[type[BaseModel]] = LogOutput
    summary: ClassVar[str] = "Write a message to the log"

    def run(self, call: StepCall) -> StepOutcome:
        """Log the message and return it."""
        parameters: LogParameters = call.parameters
        call.log(parameters.level, parameters.message)
        return StepOutcome.success({"message": parameters.message, "level": parameters.level.value})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show level and message."""
        level = plain_text(parameters.get("level", "INFO"))
        return clip(f"log {level}: {plain_text(parameters.get('message', ''))}")


class FailParameters(StepParameters):
    """Parameters of fail."""

    message: Printable = Field(
        default="failed on purpose", description="the reason, for the operator"
    )
    level: Level = Field(default=LogLevel.ERROR, description="DEBUG, INFO, WARN or ERROR")


class Fail(StepType):
    """Always fails: the end of a branch that must not be reached."""

    name: ClassVar[str] = "fail"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = FailParameters
    output: ClassVar[type[BaseModel]] = NoOutput
    summary: ClassVar[str] = "Fail with a message"

    def run(self, call: StepCall) -> StepOutcome:
        """Log the message and fail with it."""
        parameters: FailParameters = call.parameters
        call.log(parameters.level, parameters.message)
        return StepOutcome.failure(Reason.STEP_ERROR, parameters.message, "Fail")


class WaitParameters(StepParameters):
    """Parameters of wait."""

    seconds: Seconds = Field(description="how long to wait: seconds, or text like 500ms or 1h30m")


class WaitOutput(BaseModel):
    """Output of wait."""

    waited_ms: float = Field(description="how long it waited, in milliseconds")


class Wait(StepType):
    """Waits without occupying a thread or a process."""

    name: ClassVar[str] = "wait"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar[type[StepParameters]] = WaitParameters
    output: ClassVar[type[BaseModel]] = WaitOutput
    summary: ClassVar[str] = "Wait for a number of seconds"
    only_waits: ClassVar[bool] = True

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Sleep on the event loop's clock."""
        parameters: WaitParameters = call.parameters
        now = asyncio.get_running_loop().time
        start = now()
        await asyncio.sleep(max(0.0, parameters.seconds - call.waited))
        waited = call.waited + now() - start
        return StepOutcome.success({"waited_ms": round(waited * 1000, 3)})
