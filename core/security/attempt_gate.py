"""The gate before every attempt: the interface of what decides whether it may begin.

Knows no rule; safety and policy implement it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from core.security.attempt_request import AttemptRequest, requests_of
from core.step_type.step_type import StepOutcome


class GateAnswer(Struct, frozen=True, kw_only=True):
    """Whether an attempt may begin: not with a `refusal`, which becomes its outcome.

    A refusal has the reason SECURITY_VIOLATION or POLICY_VIOLATION and the id of the rule as the
    kind of its error.
    """

    refusal: StepOutcome | None = None
    warnings: tuple[Mapping[str, Any], ...] = ()
    """Facts of what a policy only warns of; each is a `policy.warning` beside the start."""
    safety: tuple[str, ...] = ()
    """The ids of findings of safety that the settings allow, for the gates that follow."""


ALLOWED = GateAnswer()


def ask(gate: "AttemptGate", request: AttemptRequest) -> GateAnswer:
    """Ask a gate about an attempt and about the commands that run on its behalf."""
    if not request.sources and not request.conditions:
        return gate.answer(request)
    warnings: tuple[Mapping[str, Any], ...] = ()
    safety: tuple[str, ...] = ()
    for one in requests_of(request):
        answer = gate.answer(one)
        warnings += answer.warnings
        safety += answer.safety
        if answer.refusal is not None:
            return GateAnswer(refusal=answer.refusal, warnings=warnings, safety=safety)
    return GateAnswer(warnings=warnings, safety=safety) if warnings or safety else ALLOWED


class AttemptGate(Protocol):
    """Decides whether an attempt may begin. It is asked in the engine's turn and must be quick."""

    def answer(self, request: AttemptRequest) -> GateAnswer:
        """Return whether the attempt may begin; never raise for what a mission says."""


class Gates:
    """Several gates in a row: the first refusal decides."""

    def __init__(self, gates: Sequence[AttemptGate]) -> None:
        self._gates = tuple(gates)

    def answer(self, request: AttemptRequest) -> GateAnswer:
        """Ask one gate after the other; each sees the ids that safety has found and let go."""
        warnings: tuple[Mapping[str, Any], ...] = ()
        safety: tuple[str, ...] = ()
        for gate in self._gates:
            found = gate.answer(replace(request, safety=safety) if safety else request)
            warnings += found.warnings
            safety += found.safety
            if found.refusal is not None:
                return GateAnswer(refusal=found.refusal, warnings=warnings, safety=safety)
        return GateAnswer(warnings=warnings, safety=safety) if warnings or safety else ALLOWED
