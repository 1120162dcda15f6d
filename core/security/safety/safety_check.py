"""Finds what safety refuses in what is about to be attempted. Pure: it opens and asks nothing."""

from core.security.attempt_request import AttemptRequest
from core.security.safety.environment_rule import environment_findings
from core.security.safety.finding import Finding


def findings(request: AttemptRequest) -> list[Finding]:
    """Return all that safety refuses of an attempt, in the order of what it says."""
    return environment_findings(request.env, request.secret_variables)
