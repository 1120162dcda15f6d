"""What the runs of a mission, or of one of its steps, have in common. Pure."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from msgspec import Struct

from core.domain.mission import EMPTY

SUCCESS = "SUCCESS"
FAILED = "FAILED"


class RunOutcome(Struct, frozen=True, kw_only=True):
    """One run of a mission or a step: how it ended, and what it was given."""

    reference: str
    execution_id: str
    task_id: str | None = None
    """Of a step, its id in that execution; an item of a fan-out may have another in each."""
    state: str
    started_at: int | None = None
    ended_at: int | None = None
    """Instants in nanoseconds since the epoch."""
    seconds: float | None = None
    attempts: int = 1
    """Attempts of a step; of a mission always 1."""
    mission_digest: str = ""
    params: Mapping[str, Any] = EMPTY
    message: str | None = None

    @property
    def is_decided(self) -> bool:
        """Whether it succeeded or failed, and did not end otherwise or run still."""
        return self.state in (SUCCESS, FAILED)


class HistorySummary(Struct, frozen=True, kw_only=True):
    """How often it succeeded, how long it takes, and how often it ended otherwise for no reason.

    `flips` counts neighbouring runs of the same file and parameters with different outcomes, of
    `comparable` such pairs. `retried` counts successes that took more than one attempt.
    """

    runs: int
    succeeded: int
    failed: int
    retried: int
    flips: int
    comparable: int
    median_seconds: float | None
    """Of the successes."""
    longest_seconds: float | None
    """Of the successes."""

    @property
    def flakiness(self) -> float | None:
        """The share of comparable pairs whose outcome differs; None without such pairs."""
        return self.flips / self.comparable if self.comparable else None


def summary_of(runs: Sequence[RunOutcome]) -> HistorySummary:
    """Summarize runs, which may be in either order of time."""
    decided = [run for run in runs if run.is_decided]
    pairs = [
        (one, other)
        for one, other in pairwise(decided)
        if (one.mission_digest, one.params) == (other.mission_digest, other.params)
    ]
    took = [run.seconds for run in decided if run.state == SUCCESS and run.seconds is not None]
    return HistorySummary(
        runs=len(runs),
        succeeded=sum(run.state == SUCCESS for run in decided),
        failed=sum(run.state == FAILED for run in decided),
        retried=sum(run.state == SUCCESS and run.attempts > 1 for run in decided),
        flips=sum(one.state != other.state for one, other in pairs),
        comparable=len(pairs),
        median_seconds=median(took) if took else None,
        longest_seconds=max(took, default=None),
    )


def changed_since(run: RunOutcome, earlier: RunOutcome) -> list[str]:
    """Name what a run was given that an earlier one was not: the file, and parameters."""
    found = [] if run.mission_digest == earlier.mission_digest else ["file"]
    names = [*earlier.params, *(name for name in run.params if name not in earlier.params)]
    return found + [n for n in names if run.params.get(n) != earlier.params.get(n)]
