"""The step that waits for the approval of a person."""

import asyncio

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Seconds
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType


class ApprovalParameters(StepParameters):
    """The question, and who may answer it."""

    prompt: str = Field(min_length=1, description="The question to the approver.")
    approvers: list[str] = Field(
        default=[], description="Who may answer, as `user@host` or `user`; empty means anybody."
    )
    timeout: Seconds | None = Field(
        default=None, description="How long to wait before the step fails; default: for ever."
    )


class ApprovalOutput(BaseModel):
    """Who answered."""

    approved_by: str = Field(description="Who approved, as recorded in the audit log.")
    comment: str = Field(description="The comment of the approver.")


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
                    asked.prompt, tuple(asked.approvers), until
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
            {"approved_by": answer.by, "comment": answer.comment},
            reason=Reason.APPROVED,
            message=f"approved by {answer.by}{said}",
        )
