"""The gate of safety: refuses an attempt for the first finding that the settings do not allow."""

from collections.abc import Set as AbstractSet

from core.domain.reasons import Reason
from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.security.safety.safety_check import findings
from core.step_type.step_type import StepOutcome


class SafetyGate:
    """Implements `AttemptGate`. `allowed` are the ids of the rules that do not refuse."""

    def __init__(self, allowed: AbstractSet[str] = frozenset()) -> None:
        self.allowed = frozenset(allowed)

    def answer(self, request: AttemptRequest) -> GateAnswer:
        """Refuse for the first finding that is not allowed; name those that are."""
        found = findings(request)
        if not found:
            return ALLOWED
        for one in found:
            if one.id not in self.allowed:
                refusal = StepOutcome.failure(
                    Reason.SECURITY_VIOLATION,
                    f"refused by {one.id}: {one.sentence}; allowed by {one.allow}",
                    one.id,
                )
                return GateAnswer(refusal=refusal)
        return GateAnswer(safety=tuple(dict.fromkeys(one.id for one in found)))
