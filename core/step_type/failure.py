"""The exception by which a built-in step fails; its `run` turns it into a FAILED outcome.

It never leaves a step's `run`.
"""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.step_type.step_type import StepCall, StepOutcome


class StepFailedError(Exception):
    """Raised where a step cannot do what was requested; becomes a FAILED outcome."""

    def __init__(
        self,
        message: str,
        kind: str,
        *,
        reason: Reason = Reason.STEP_ERROR,
        output: Mapping[str, Any] = EMPTY,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.reason = reason
        self.output = output
        self.http_status = http_status

    def outcome(self) -> StepOutcome:
        """Return the failed outcome."""
        return StepOutcome.failure(
            self.reason, self.message, self.kind, output=self.output, http_status=self.http_status
        )


def check_cancelled(call: StepCall) -> None:
    """Raise if the attempt was cancelled: for long loops in threads, which nothing interrupts."""
    if call.cancelled is not None and call.cancelled.is_set():
        raise StepFailedError("stopped: the attempt was cancelled", "cancelled")


def os_failure(error: OSError, subject: str = "") -> StepOutcome:
    """Return the outcome for an operating system error: `out/x.txt: No space left on device`."""
    what = error.strerror or str(error)
    name = error.filename if isinstance(error.filename, str) else subject
    return StepOutcome.failure(
        Reason.STEP_ERROR, f"{name}: {what}" if name else what, type(error).__name__
    )
