"""Trigger rules: whether the outcomes of a step's upstream steps let it run. A pure table."""

from enum import Enum

from msgspec import Struct

from core.domain.mission import TriggerRule


class Verdict(Enum):
    """What a trigger rule currently decides about a step."""

    WAIT = "wait"
    RUN = "run"
    SKIP_FAILED = "skip: upstream failed"
    SKIP_SKIPPED = "skip: upstream skipped"
    SKIP_RULE = "skip: the rule can no longer be met"


class Outcomes(Struct):
    """How many upstream steps have which outcome.

    A tolerated failure (`continue_on_error`) satisfies rules that want success and equally those
    that want failure: it counts in `tolerated`, neither in `ok` nor in `failed`.
    """

    pending: int = 0
    ok: int = 0
    tolerated: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def satisfied(self) -> int:
        """Steps that count as success."""
        return self.ok + self.tolerated

    @property
    def broken(self) -> int:
        """Steps that count as failure."""
        return self.failed + self.tolerated

    @property
    def total(self) -> int:
        """All upstream steps."""
        return self.pending + self.ok + self.tolerated + self.failed + self.skipped


def judge(rule: TriggerRule, seen: Outcomes) -> Verdict:
    """Return what `rule` decides, as early as the outcomes allow; never WAIT with none pending.

    A step without upstream steps runs under every rule.
    """
    if seen.total == 0 or rule is TriggerRule.ALWAYS:
        return Verdict.RUN
    return _RULES[rule](seen)


def _all_success(seen: Outcomes) -> Verdict:
    if seen.failed:
        return Verdict.SKIP_FAILED
    if seen.skipped:
        return Verdict.SKIP_SKIPPED
    return Verdict.WAIT if seen.pending else Verdict.RUN


def _all_done(seen: Outcomes) -> Verdict:
    return Verdict.WAIT if seen.pending else Verdict.RUN


def _all_failed(seen: Outcomes) -> Verdict:
    if seen.ok or seen.skipped:
        return Verdict.SKIP_RULE
    return Verdict.WAIT if seen.pending else Verdict.RUN


def _one_success(seen: Outcomes) -> Verdict:
    if seen.satisfied:
        return Verdict.RUN
    if seen.pending:
        return Verdict.WAIT
    return Verdict.SKIP_FAILED if seen.failed else Verdict.SKIP_SKIPPED


def _one_failed(seen: Outcomes) -> Verdict:
    if seen.broken:
        return Verdict.RUN
    return Verdict.WAIT if seen.pending else Verdict.SKIP_RULE


def _one_done(seen: Outcomes) -> Verdict:
    if seen.satisfied or seen.failed:
        return Verdict.RUN
    return Verdict.WAIT if seen.pending else Verdict.SKIP_SKIPPED


def _none_failed(seen: Outcomes) -> Verdict:
    if seen.failed:
        return Verdict.SKIP_FAILED
    return Verdict.WAIT if seen.pending else Verdict.RUN


def _none_skipped(seen: Outcomes) -> Verdict:
    if seen.skipped:
        return Verdict.SKIP_SKIPPED
    return Verdict.WAIT if seen.pending else Verdict.RUN


def _none_failed_min_one_success(seen: Outcomes) -> Verdict:
    if seen.failed:
        return Verdict.SKIP_FAILED
    if seen.pending:
        return Verdict.WAIT
    return Verdict.RUN if seen.satisfied else Verdict.SKIP_SKIPPED


_RULES = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_DONE: _all_done,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: _one_failed,
    TriggerRule.ONE_DONE: _one_done,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_SKIPPED: _none_skipped,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
}
