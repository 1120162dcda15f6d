"""The gate of safety: refuses an attempt for the first finding that the settings do not allow."""

from collections.abc import Set as AbstractSet

from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.security.safety.finding import Finding, violation
from core.security.safety.safety_check import FindPlaces, findings
from core.security.safety.shell.dangerous_place import Places


class SafetyGate:
    """Implements `AttemptGate`. `allowed` are the ids of the rules that do not refuse."""

    def __init__(
        self, allowed: AbstractSet[str] = frozenset(), places: FindPlaces = Places
    ) -> None:
        self.allowed = frozenset(allowed)
        self._places = places

    def findings(self, request: AttemptRequest) -> list[Finding]:
        """Return all that is found of an attempt, allowed or not."""
        return findings(request, self._places)

    def answer(self, request: AttemptRequest) -> GateAnswer:
        """Refuse for the first finding that is not allowed; name those that are."""
        found = self.findings(request)
        if not found:
            return ALLOWED
        for one in found:
            if one.id not in self.allowed:
                return GateAnswer(refusal=violation(one.id, one.sentence))
        return GateAnswer(safety=tuple(dict.fromkeys(one.id for one in found)))
