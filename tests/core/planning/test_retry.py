"""Retry policies: which failures are retried, and the pauses between tries."""

from hypothesis import given
from hypothesis import strategies as st

from core.domain.mission import RetryOn, RetryPolicy
from core.domain.reasons import Reason
from core.planning.retry import NEVER_RETRIED, backoff_seconds, is_retryable

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    initial_interval=st.floats(0, 1e6),
    backoff_coefficient=st.floats(1, 1e6),
    max_interval=st.floats(0, 1e6),
    jitter=st.floats(0, 1),
)


def retryable(policy: RetryPolicy, reason: Reason, **facts: int) -> bool:
    return is_retryable(
        policy, reason, exit_code=facts.get("exit_code"), http_status=facts.get("http_status")
    )


@given(policies, st.integers(1, 10**6), st.floats(0, 0.999))
def test_a_pause_is_never_negative_nor_above_the_maximum(
    policy: RetryPolicy, failed: int, chance: float
) -> None:
    assert 0 <= backoff_seconds(policy, failed, chance) <= policy.max_interval


@given(policies, st.integers(1, 50))
def test_pauses_without_jitter_never_shrink(policy: RetryPolicy, failed: int) -> None:
    assert backoff_seconds(policy, failed, 0) <= backoff_seconds(policy, failed + 1, 0)


def test_pauses_double_until_the_maximum() -> None:
    policy = RetryPolicy(initial_interval=2, backoff_coefficient=2, max_interval=10)
    assert [backoff_seconds(policy, n, 0) for n in (1, 2, 3, 4)] == [2, 4, 8, 10]


def test_jitter_takes_off_at_most_its_fraction() -> None:
    policy = RetryPolicy(initial_interval=10, jitter=0.5)
    assert backoff_seconds(policy, 1, 0.999999) > 5


def test_without_a_list_every_failure_is_retried_that_can_change() -> None:
    for reason in Reason:
        assert retryable(RetryPolicy(max_attempts=3), reason) is (reason not in NEVER_RETRIED)


def test_lists_name_what_is_retried() -> None:
    policy = RetryPolicy(
        max_attempts=3,
        retry_on=RetryOn(exit_codes=(75,), reason_codes=("TIMEOUT",), http_status=(503,)),
    )
    assert retryable(policy, Reason.EXIT_NONZERO, exit_code=75)
    assert not retryable(policy, Reason.EXIT_NONZERO, exit_code=1)
    assert retryable(policy, Reason.TIMEOUT)
    assert retryable(policy, Reason.STEP_ERROR, http_status=503)
    assert not retryable(policy, Reason.STEP_ERROR, http_status=404)


def test_a_violation_is_never_retried_even_when_listed() -> None:
    policy = RetryPolicy(max_attempts=3, retry_on=RetryOn(reason_codes=("SECURITY_VIOLATION",)))
    assert not retryable(policy, Reason.SECURITY_VIOLATION)
