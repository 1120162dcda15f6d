"""Decides which executions a prune takes: pure functions over what is known of each of them.

Executions that refer to one another (sub-missions, retries, repetitions) are kept or pruned
together: none of them is left to name one that is gone. One whose artifacts a later execution shows
as its own stays as long as that does.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Candidate(Struct, frozen=True, kw_only=True):
    """An execution: `ended_at` in nanoseconds since the epoch, None while it has not ended.

    `linked` are the ids of executions that it refers to; `is_root` is false for a sub-mission.
    `uses` are those that have the artifacts of its steps that were up to date.
    """

    execution_id: str
    workflow_id: str
    ended_at: int | None
    is_sealed: bool
    linked: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    is_root: bool = True


def choose(candidates: Sequence[Candidate], *, ended_before: int, keep: int) -> list[str]:
    """Return the ids of all that may go, in the given order, which is that of their creation.

    A group of linked executions may go when each of them has ended before `ended_before`
    (nanoseconds since the epoch) and none is among the `keep` newest of its workflow.
    """
    kept = _newest(candidates, keep)
    may_go = {
        one.execution_id
        for one in candidates
        if one.is_sealed
        and one.ended_at is not None
        and one.ended_at < ended_before
        and one.execution_id not in kept
    }
    groups = list(_groups(candidates))
    before = -1
    while before != len(may_go):
        before = len(may_go)
        for group in groups:
            if not may_go.issuperset(group):
                may_go.difference_update(group)
        for one in candidates:
            if one.execution_id not in may_go:
                may_go.difference_update(one.uses)
    return [one.execution_id for one in candidates if one.execution_id in may_go]


def _newest(candidates: Sequence[Candidate], keep: int) -> set[str]:
    counts: dict[str, int] = defaultdict(int)
    found = set()
    for one in reversed(candidates):
        if one.is_root and counts[one.workflow_id] < keep:
            counts[one.workflow_id] += 1
            found.add(one.execution_id)
    return found


def _groups(candidates: Iterable[Candidate]) -> Iterable[list[str]]:
    """Return the ids of linked executions, group by group (union-find with path halving)."""
    above: dict[str, str] = {one.execution_id: one.execution_id for one in candidates}

    def top(key: str) -> str:
        while above[key] != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for one in candidates:
        for other in one.linked:
            if other in above:
                above[top(one.execution_id)] = top(other)
    groups: dict[str, list[str]] = defaultdict(list)
    for key in above:
        groups[top(key)].append(key)
    return groups.values()
