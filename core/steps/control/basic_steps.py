"""Steps without effects outside the mission: noop, log, fail, wait."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from core.domain.reasons import Reason
from core.step_type.lazy_model import lazy_model
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip, plain_text

if TYPE_CHECKING:  # pydantic: a plain step runs without it
    from pydantic import BaseModel

    from core.step_type.parameter_model import StepParameters
    from core.steps.control.basic_models import (
        FailParameters,
        LogParameters,
        NoopParameters,
        WaitParameters,
    )

_DONE = StepOutcome.success()


class Noop(StepType):
    """The step that does nothing: a join, a placeholder, or a measure of the engine's overhead."""

    name: ClassVar[str] = "noop"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.control.basic_models:NoopParameters"
    )
    summary: ClassVar[str] = "Do nothing, successfully"

    def run(self, call: StepCall) -> StepOutcome:
        """Succeed."""
        parameters: NoopParameters = call.parameters
        if parameters.message is not None:
            call.log(parameters.level, parameters.message)
        return _DONE


class Log(StepType):
    """Writes one entry to the step's log."""

    name: ClassVar[str] = "log"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.control.basic_models:LogParameters"
    )
    output: ClassVar["type[BaseModel]"] = lazy_model("core.steps.control.basic_models:LogOutput")
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


class Fail(StepType):
    """Always fails: the end of a branch that must not be reached."""

    name: ClassVar[str] = "fail"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.control.basic_models:FailParameters"
    )
    summary: ClassVar[str] = "Fail with a message"

    def run(self, call: StepCall) -> StepOutcome:
        """Log the message and fail with it."""
        parameters: FailParameters = call.parameters
        call.log(parameters.level, parameters.message)
        return StepOutcome.failure(Reason.STEP_ERROR, parameters.message, "Fail")


class Wait(StepType):
    """Waits without occupying a thread or a process."""

    name: ClassVar[str] = "wait"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.control.basic_models:WaitParameters"
    )
    output: ClassVar["type[BaseModel]"] = lazy_model("core.steps.control.basic_models:WaitOutput")
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
