"""The executions that home shows, read at once: groups of rows, counts, outcomes of missions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, is_terminal
from core.operations.queue import QueuePlace, queue_places
from core.ports.execution_query import NEWEST, ExecutionOrder, ExecutionQuery
from core.ports.reader import Reader, RunOutcome
from tui.words.run_label import run_name

MAX_CHILDREN = 1000
"""How many sub-missions are listed under one execution."""
MAX_HISTORY_RUNS = 20
"""How many runs the history of a mission considers."""
MAX_NEEDS = 100
"""How many failures, and how many approvals, are listed among what needs somebody."""
MAX_LIVE = 500
"""How many executions that have not ended are listed."""
LIVE = frozenset(state for state in ExecutionState if not is_terminal(state))
ENDED = frozenset(ExecutionState) - LIVE


class Group(StrEnum):
    """The groups of executions in the order of the list; the value is the heading."""

    NEEDS_YOU = "needs you"
    RUNNING = "running"
    ENDED = "ended"


class Need(StrEnum):
    """Why an execution needs somebody."""

    APPROVAL = "approval"
    LOST = "lost"
    BREAKPOINT = "breakpoint"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class HomeQuery:
    """What home wants to show. The sub-missions of the `expanded` executions are listed."""

    executions: ExecutionQuery = NEWEST
    expanded: frozenset[str] = frozenset()
    looked_at: frozenset[str] = frozenset()
    """The failures that somebody has looked at."""
    failed_since: int = 0
    """Older failures need nobody any more (an instant)."""
    missions: tuple[str, ...] = ()
    """The names of the missions whose last runs are read."""
    detail: str | None = None
    """The name of the mission whose history is read."""


@dataclass(frozen=True, slots=True)
class GroupHead:
    """The heading of a group; `count` is None where only a part of it is listed."""

    group: Group
    count: int | None


@dataclass(frozen=True, slots=True)
class HomeRow:
    """An execution with its indentation, and the name of its parent if that is not shown above."""

    execution: Execution
    depth: int = 0
    parent: str = ""
    children: Mapping[ExecutionState, int] = field(default_factory=dict)
    is_expanded: bool = False
    need: Need | None = None
    questions: tuple[TaskRun, ...] = ()
    """Its steps that wait for an approval."""
    place: QueuePlace | None = None
    """Its place in its concurrency group while it waits there."""


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """The audit log does not verify: a row of what needs somebody that is no execution."""

    text: str


Row = GroupHead | ChainProblem | HomeRow


@dataclass(frozen=True, slots=True)
class HomePage:
    """The executions of home. `matched` counts those that pass the filter, `total` all."""

    rows: Sequence[Row] = ()
    listed: int = 0
    """How many of the `matched` executions are among the rows."""
    matched: int = 0
    total: int = 0
    running: int = 0
    queued: int = 0
    """How many executions wait for their turn in their concurrency group."""
    paused: int = 0
    """How many executions somebody has paused."""
    needs: int = 0
    """How many executions need somebody, whatever the filter."""
    last: Mapping[str, Execution] = EMPTY
    outcomes: Mapping[str, Sequence[RunOutcome]] = EMPTY
    history: Sequence[Execution] = ()
    detail: str | None = None
    short_ids: Mapping[str, str] = EMPTY


EMPTY_PAGE = HomePage()


def read_home(reader: Reader, home: HomeQuery) -> HomePage:
    """Read the page for a query of home. Raises what the reader raises."""
    query = home.executions
    needs = _read_needs(reader, home)
    found = _found(reader, query, needs)
    wanted = frozenset(one.execution_id for one in found[Group.NEEDS_YOU])
    rows = _Rows(reader, home.expanded, needs)
    everything = ExecutionQuery(include_children=query.include_children)
    roots = reader.count_executions()
    every = reader.count_executions(everything) if query.include_children else roots
    plain = query == replace(
        everything, now=query.now, order=query.order, reverse=query.reverse, limit=query.limit
    )
    listed = sum(
        query.include_children or one.parent_execution_id is None
        for group in found.values()
        for one in group
    )
    if plain:
        matched = sum(every.values())
    elif len(found[Group.RUNNING]) < MAX_LIVE and len(found[Group.ENDED]) < query.limit:
        matched = listed  # nothing was cut off: to count would read all executions once more
    else:
        matched = sum(reader.count_executions(query).values())
    is_whole = listed >= matched
    shown: list[Row] = []
    for group, executions in found.items():
        if executions:
            whole = is_whole if group is Group.ENDED else len(executions) < MAX_LIVE
            shown.append(GroupHead(group, len(executions) if whole else None))
            shown += rows.of(executions, needs=wanted if group is Group.NEEDS_YOU else frozenset())
    detail = home.detail
    return HomePage(
        rows=shown,
        listed=listed,
        matched=matched,
        total=sum(every.values()),
        running=sum(roots.get(state, 0) for state in LIVE - {ExecutionState.PAUSED}),
        queued=needs.queued,
        paused=max(0, roots.get(ExecutionState.PAUSED, 0) - needs.queued - needs.halted),
        needs=len(needs.ids),
        last=reader.latest_runs(home.missions),
        outcomes=reader.recent_outcomes(home.missions, limit=MAX_HISTORY_RUNS),
        history=()
        if detail is None
        else reader.executions(ExecutionQuery(mission_name=detail, limit=MAX_HISTORY_RUNS)),
        detail=detail,
        short_ids=reader.short_ids(
            list(dict.fromkeys(row.execution.execution_id for row in execution_rows(shown)))
        ),
    )


def with_chain_problem(rows: Sequence[Row], text: str) -> Sequence[Row]:
    """Return the rows with the problem of the audit log first; an empty text is none."""
    if not text:
        return rows
    head = rows[0] if rows else None
    if isinstance(head, GroupHead) and head.group is Group.NEEDS_YOU:
        more = None if head.count is None else head.count + 1
        return [GroupHead(Group.NEEDS_YOU, more), ChainProblem(text), *rows[1:]]
    return [GroupHead(Group.NEEDS_YOU, 1), ChainProblem(text), *rows]


def execution_rows(rows: Iterable[Row]) -> Iterator[HomeRow]:
    """Yield the rows that are executions."""
    return (row for row in rows if isinstance(row, HomeRow))


@dataclass(frozen=True, slots=True)
class _Needs:
    """What needs somebody, and what waits for its turn, by the id of the execution."""

    why: Mapping[str, Need]
    questions: Mapping[str, tuple[TaskRun, ...]]
    queued: int
    halted: int
    """How many of them are paused: their runner is lost, or they are at a breakpoint."""
    places: Mapping[str, QueuePlace]
    """The places of those that wait for their turn."""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self.why)


def _read_needs(reader: Reader, home: HomeQuery) -> _Needs:
    why: dict[str, Need] = {}
    questions: dict[str, tuple[TaskRun, ...]] = {}
    for task in reader.open_approvals(limit=MAX_NEEDS):
        why[task.execution_id] = Need.APPROVAL
        questions[task.execution_id] = (*questions.get(task.execution_id, ()), task)
    paused = reader.executions(
        ExecutionQuery(states=frozenset({ExecutionState.PAUSED}), limit=MAX_LIVE)
    )
    lost = [one.execution_id for one in paused if one.reason_code is Reason.RUNNER_LOST]
    queued = [one.execution_id for one in paused if one.reason_code is Reason.QUEUED]
    stopped = [one.execution_id for one in paused if one.reason_code is Reason.BREAKPOINT]
    why |= dict.fromkeys(lost, Need.LOST)
    why |= dict.fromkeys(stopped, Need.BREAKPOINT)
    failures = reader.unattended_failures(limit=MAX_NEEDS + len(home.looked_at))
    unseen = [
        one
        for one in failures
        if one.execution_id not in home.looked_at and (one.ended_at or 0) >= home.failed_since
    ]
    why |= {one.execution_id: Need.FAILURE for one in unseen[:MAX_NEEDS]}
    return _Needs(
        why,
        questions,
        len(queued),
        len(lost) + len(stopped),
        queue_places(reader, home.executions.now) if queued else EMPTY,
    )


def _found(
    reader: Reader, query: ExecutionQuery, needs: _Needs
) -> Mapping[Group, Sequence[Execution]]:
    """Return the executions of each group that pass the filter, in its order.

    Unless an order was chosen, what holds up a run comes first of what needs somebody.
    """
    states = query.states or frozenset(ExecutionState)
    attention: Sequence[Execution] = ()
    if needs.ids:
        attention = reader.executions(
            replace(query, ids=needs.ids, include_children=True, limit=len(needs.ids))
        )
    if query.order is ExecutionOrder.NEWEST:
        ranks = {need: rank for rank, need in enumerate(Need)}
        attention = sorted(attention, key=lambda one: ranks[needs.why[one.execution_id]])
    taken = {one.execution_id for one in attention}

    def rest(of: frozenset[ExecutionState], limit: int) -> Sequence[Execution]:
        if not states & of:
            return ()
        some = reader.executions(replace(query, states=states & of, limit=limit + len(taken)))
        return [one for one in some if one.execution_id not in taken][:limit]

    return {
        Group.NEEDS_YOU: attention,
        Group.RUNNING: rest(LIVE, MAX_LIVE),
        Group.ENDED: rest(ENDED, query.limit),
    }


class _Rows:
    """Arranges sub-missions under their parent: those found, or all of an expanded parent."""

    def __init__(self, reader: Reader, expanded: frozenset[str], needs: _Needs) -> None:
        self._reader = reader
        self._expanded = expanded
        self._needs = needs

    def of(self, found: Sequence[Execution], *, needs: frozenset[str]) -> Iterator[HomeRow]:
        """Yield the rows of a group in order; `needs` are those that need somebody."""
        ids = {one.execution_id for one in found}
        under: dict[str, list[Execution]] = {}
        tops = []
        for one in found:
            if one.parent_execution_id in ids:
                under.setdefault(one.parent_execution_id or "", []).append(one)
            else:
                tops.append(one)
        parents = {one.parent_execution_id for one in tops if one.parent_execution_id is not None}
        names = self._names(frozenset(parents))
        yield from self._rows(tops, 0, under, names, needs)

    def _rows(
        self,
        executions: Sequence[Execution],
        depth: int,
        under: Mapping[str, Sequence[Execution]],
        names: Mapping[str, str],
        needs: frozenset[str],
    ) -> Iterator[HomeRow]:
        counts = self._reader.child_counts([one.execution_id for one in executions])
        for one in executions:
            key = one.execution_id
            children = counts.get(key, {})
            below = under.get(key, ())
            if children and key in self._expanded:
                below = self._reader.executions(
                    ExecutionQuery(parent=key, limit=MAX_CHILDREN, reverse=True)
                )
            yield HomeRow(
                one,
                depth,
                names.get(one.parent_execution_id or "", "") if depth == 0 else "",
                children,
                bool(below),
                self._needs.why.get(key) if key in needs else None,
                self._needs.questions.get(key, ()),
                self._needs.places.get(key),
            )
            if below:
                yield from self._rows(below, depth + 1, under, names, needs)

    def _names(self, execution_ids: frozenset[str]) -> Mapping[str, str]:
        if not execution_ids:
            return {}
        query = ExecutionQuery(ids=execution_ids, include_children=True, limit=len(execution_ids))
        return {one.execution_id: run_name(one) for one in self._reader.executions(query)}
