"""Trigger rules as a table over all small combinations of upstream outcomes."""

import itertools

import pytest

from core.domain.mission import TriggerRule
from core.planning.trigger_rule import Outcomes, Verdict, judge

COMBINATIONS = [
    Outcomes(*numbers) for numbers in itertools.product(range(3), repeat=5) if sum(numbers)
]


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_nothing_waits_once_nothing_is_pending(rule: TriggerRule) -> None:
    for seen in COMBINATIONS:
        if not seen.pending:
            assert judge(rule, seen) is not Verdict.WAIT


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_an_early_verdict_is_never_revised(rule: TriggerRule) -> None:
    """Whatever the pending steps still do, a verdict other than WAIT stays what it is."""
    for seen in COMBINATIONS:
        if not seen.pending:
            continue
        early = judge(rule, seen)
        if early is Verdict.WAIT:
            continue
        for field in ("ok", "tolerated", "failed", "skipped"):
            later = Outcomes(seen.pending - 1, seen.ok, seen.tolerated, seen.failed, seen.skipped)
            setattr(later, field, getattr(later, field) + 1)
            assert (judge(rule, later) is Verdict.RUN) is (early is Verdict.RUN)


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_a_step_without_upstream_runs(rule: TriggerRule) -> None:
    assert judge(rule, Outcomes()) is Verdict.RUN


@pytest.mark.parametrize(
    ("rule", "seen", "verdict"),
    [
        (TriggerRule.ALL_SUCCESS, Outcomes(ok=2), Verdict.RUN),
        (TriggerRule.ALL_SUCCESS, Outcomes(ok=1, tolerated=1), Verdict.RUN),
        (TriggerRule.ALL_SUCCESS, Outcomes(pending=3, failed=1), Verdict.SKIP_FAILED),
        (TriggerRule.ALL_SUCCESS, Outcomes(ok=1, skipped=1), Verdict.SKIP_SKIPPED),
        (TriggerRule.ALL_DONE, Outcomes(ok=1, failed=1, skipped=1), Verdict.RUN),
        (TriggerRule.ALL_DONE, Outcomes(pending=1, failed=5), Verdict.WAIT),
        (TriggerRule.ALL_FAILED, Outcomes(failed=1, tolerated=1), Verdict.RUN),
        (TriggerRule.ALL_FAILED, Outcomes(failed=1, ok=1), Verdict.SKIP_RULE),
        (TriggerRule.ONE_SUCCESS, Outcomes(pending=5, ok=1), Verdict.RUN),
        (TriggerRule.ONE_SUCCESS, Outcomes(failed=2), Verdict.SKIP_FAILED),
        (TriggerRule.ONE_FAILED, Outcomes(pending=5, failed=1), Verdict.RUN),
        (TriggerRule.ONE_FAILED, Outcomes(tolerated=1), Verdict.RUN),
        (TriggerRule.ONE_FAILED, Outcomes(ok=2), Verdict.SKIP_RULE),
        (TriggerRule.ONE_DONE, Outcomes(pending=1, failed=1), Verdict.RUN),
        (TriggerRule.ONE_DONE, Outcomes(skipped=1), Verdict.SKIP_SKIPPED),
        (TriggerRule.NONE_FAILED, Outcomes(ok=1, skipped=1), Verdict.RUN),
        (TriggerRule.NONE_FAILED, Outcomes(failed=1, pending=1), Verdict.SKIP_FAILED),
        (TriggerRule.NONE_SKIPPED, Outcomes(ok=1, failed=1), Verdict.RUN),
        (TriggerRule.NONE_SKIPPED, Outcomes(ok=1, skipped=1), Verdict.SKIP_SKIPPED),
        (TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, Outcomes(skipped=2), Verdict.SKIP_SKIPPED),
        (TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, Outcomes(ok=1, skipped=2), Verdict.RUN),
        (TriggerRule.ALWAYS, Outcomes(pending=9), Verdict.RUN),
    ],
)
def test_rules_decide_as_documented(rule: TriggerRule, seen: Outcomes, verdict: Verdict) -> None:
    assert judge(rule, seen) is verdict
