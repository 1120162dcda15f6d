"""Retry decisions: whether and when a failed attempt is retried (Temporal's policy). Pure."""

from core.domain.mission import RetryPolicy
from core.domain.reasons import Reason

NEVER_RETRIED = frozenset(
    {Reason.SECURITY_VIOLATION, Reason.POLICY_VIOLATION, Reason.INVALID_PARAMETERS, Reason.REJECTED}
)
"""Failures that another attempt cannot change, or that must not be retried."""


def is_retryable(
    policy: RetryPolicy, reason: Reason, *, exit_code: int | None, http_status: int | None
) -> bool:
    """Tell whether the policy retries a failure of this kind.

    Without `retry_on` every failure is retried except those of `NEVER_RETRIED`. With it, a failure
    is retried if any of its lists names it.
    """
    if reason in NEVER_RETRIED:
        return False
    wanted = policy.retry_on
    if wanted is None or not (wanted.exit_codes or wanted.reason_codes or wanted.http_status):
        return True
    return (
        (exit_code is not None and exit_code in wanted.exit_codes)
        or reason.value in wanted.reason_codes
        or (http_status is not None and http_status in wanted.http_status)
    )


def backoff_seconds(policy: RetryPolicy, failed_attempts: int, chance: float) -> float:
    """Return the pause before the next attempt, in seconds.

    `initial_interval * backoff_coefficient ** (failed_attempts - 1)`, capped at `max_interval`,
    less up to the `jitter` fraction of it by `chance` in [0, 1).
    """
    exponent = min(failed_attempts - 1, 1000)  # float overflow guard; the cap holds long before
    try:
        raw = policy.initial_interval * policy.backoff_coefficient**exponent
    except OverflowError:
        raw = policy.max_interval
    interval = min(raw, policy.max_interval)
    return max(0.0, interval * (1.0 - policy.jitter * chance))
