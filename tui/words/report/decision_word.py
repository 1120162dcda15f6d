"""What would become of an attempt or a launch, in a word. Pure."""

from core.operations.admission.planned_verdicts import PlanDecision, PlannedVerdict

_WORDS = {
    PlanDecision.ALLOW: "allowed",
    PlanDecision.WARN: "warning",
    PlanDecision.DENY: "refused",
}


def decision_word(verdict: PlannedVerdict) -> str:
    """Return the word; of what only the run can tell, whether a rule speaks against it so far."""
    unknown = "not known yet" if verdict.rule is None else "may be refused"
    return _WORDS.get(verdict.decision, unknown)
