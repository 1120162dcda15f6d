"""The step that waits for the approval of a person."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from core.domain.approval_question import asked_inputs
from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.mission_file.keys.param_values import convert, resolve_values
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Seconds
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType
from core.value.regex import compile_pattern

InputName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Scalar = str | int | float | bool


class ApprovalInput(StepParameters):
    """What the approver is asked for: typed like the inputs of a mission."""

    type: Literal["string", "integer", "number", "boolean", "choice", "path"] = Field(
        default="string", description="The type of the value."
    )
    required: bool = Field(default=False, description="Whether an approval must give a value.")
    default: Scalar | None = Field(default=None, description="The value if an approval gives none.")
    choices: list[Scalar] = Field(default=[], description="The allowed values.")
    pattern: str | None = Field(
        default=None, description="A regular expression (RE2) that must match in the text."
    )
    description: str = Field(default="", description="What it is for.")

    @model_validator(mode="before")
    @classmethod
    def _is_no_secret(cls, data: Any) -> Any:
        """Refuse a secret: an answer is a row in the database, and what it gives is recorded."""
        if isinstance(data, Mapping) and data.get("secret"):
            raise ValueError(
                "an approver is asked for no secrets: `mission secrets set NAME` before the answer,"
                " and name it under `secrets` of the step that reads it"
            )
        return data

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Check the default by type, choices and pattern."""
        if self.type == "choice" and not self.choices:
            raise ValueError("an input of the type choice needs `choices`")
        if self.pattern is not None:
            compile_pattern(self.pattern)
        (param,) = asked_inputs({"inputs": {"it": self.model_dump()}})
        if param.default is not None:
            convert(param, param.default)
        return self


class ApprovalParameters(StepParameters):
    """The question, and who may answer it."""

    prompt: str = Field(min_length=1, description="The question to the approver.")
    approvers: list[str] = Field(
        default=[], description="Who may answer, as `user@host` or `user`; empty means anybody."
    )
    timeout: Seconds | None = Field(
        default=None, description="How long to wait before the step fails; default: for ever."
    )
    inputs: dict[InputName, ApprovalInput] = Field(
        default={}, description="What the approver is asked for, by name; never a secret."
    )


class ApprovalOutput(BaseModel):
    """Who answered."""

    approved_by: str = Field(description="Who approved, as recorded in the audit log.")
    comment: str = Field(description="The comment of the approver.")
    inputs: dict[str, Any] = Field(description="What the approver was asked for, by name.")


def _values(asked: ApprovalParameters, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of an approval as their types; `UsageError` says what is wrong."""
    inputs = {name: one.model_dump() for name, one in asked.inputs.items()}
    return resolve_values(asked_inputs({"inputs": inputs}), given, of="this approval")


class ApprovalStep(StepType):
    """Asks a person; `mission approve` and `mission reject` answer."""

    name = "approval"
    mode = Mode.ASYNC
    only_waits = True
    parameters = ApprovalParameters
    output = ApprovalOutput
    summary = "Wait until a person approves or rejects"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Wait for the answer; a rejection is a failure without retries."""
        asked: ApprovalParameters = call.parameters
        call.log(LogLevel.INFO, f"waiting for approval: {asked.prompt}")
        left = until = None
        if asked.timeout is not None:
            left = max(0.0, asked.timeout - call.waited)
            until = call.clock.now() + round((asked.timeout - call.waited) * 1e9)
        try:
            async with asyncio.timeout(left) as deadline:
                answer = await call.require_host().approval(
                    asked.prompt, tuple(asked.approvers), until, partial(_values, asked)
                )
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"nobody answered within {asked.timeout:g} s"
            return StepOutcome.failure(Reason.TIMEOUT, message, "ApprovalTimeout")
        said = f": {answer.comment}" if answer.comment else ""
        if not answer.approved:
            message = f"rejected by {answer.by}{said}"
            return StepOutcome.failure(Reason.REJECTED, message, "Rejected")
        return StepOutcome.success(
            {
                "approved_by": answer.by,
                "comment": answer.comment,
                "inputs": dict(answer.inputs),
            },
            reason=Reason.APPROVED,
            message=f"approved by {answer.by}{said}",
        )
