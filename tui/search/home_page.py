"""The executions that home shows, read at once: rows, counts and latest outcomes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.ports.execution_query import NEWEST, ExecutionOrder, ExecutionQuery
from core.ports.reader import Reader
from tui.words.run_label import run_name

MAX_CHILDREN = 1000
"""How many sub-missions are listed under one execution."""
MAX_HISTORY_RUNS = 20
"""How many runs the history of a mission considers."""
LIVE = frozenset(state for state in ExecutionState if not is_terminal(state))


@dataclass(frozen=True, slots=True)
class HomeQuery:
    """What home wants to show. The sub-missions of the `expanded` executions are listed."""

    executions: ExecutionQuery = NEWEST
    expanded: frozenset[str] = frozenset()
    missions: tuple[str, ...] = ()
    """The names of the missions whose latest run is read."""
    detail: str | None = None
    """The name of the mission whose history is read."""


@dataclass(frozen=True, slots=True)
class HomeRow:
    """An execution with its indentation, and the name of its parent if that is not shown above."""

    execution: Execution
    depth: int = 0
    parent: str = ""
    children: Mapping[ExecutionState, int] = field(default_factory=dict)
    is_expanded: bool = False


@dataclass(frozen=True, slots=True)
class HomePage:
    """The executions of home. `matched` counts those that pass the filter, `total` all."""

    rows: Sequence[HomeRow] = ()
    listed: int = 0
    """How many of the `matched` executions are among the rows."""
    matched: int = 0
    total: int = 0
    live: int = 0
    last: Mapping[str, Execution] = EMPTY
    history: Sequence[Execution] = ()
    detail: str | None = None
    short_ids: Mapping[str, str] = EMPTY


EMPTY_PAGE = HomePage()


def read_home(reader: Reader, home: HomeQuery) -> HomePage:
    """Read the page for a query of home. Raises what the reader raises."""
    query = home.executions
    found = reader.executions(query)
    if query.order is ExecutionOrder.NEWEST and not query.reverse and len(found) == query.limit:
        known = {one.execution_id for one in found}
        states = query.states & LIVE if query.states else LIVE
        if states:
            live = reader.executions(replace(query, states=states))
            found += [one for one in live if one.execution_id not in known]
    rows = list(_Rows(reader, home.expanded, found).all())
    everything = ExecutionQuery(include_children=query.include_children)
    roots = reader.count_executions()
    every = reader.count_executions(everything) if query.include_children else roots
    plain = query == replace(
        everything, now=query.now, order=query.order, reverse=query.reverse, limit=query.limit
    )
    matched = every if plain else reader.count_executions(query)
    detail = home.detail
    return HomePage(
        rows=rows,
        listed=len(found),
        matched=sum(matched.values()),
        total=sum(every.values()),
        live=sum(number for state, number in roots.items() if state in LIVE),
        last=reader.latest_runs(home.missions),
        history=()
        if detail is None
        else reader.executions(ExecutionQuery(mission_name=detail, limit=MAX_HISTORY_RUNS)),
        detail=detail,
        short_ids=reader.short_ids([row.execution.execution_id for row in rows]),
    )


class _Rows:
    """Arranges sub-missions under their parent: those found, or all of an expanded parent."""

    def __init__(
        self, reader: Reader, expanded: frozenset[str], found: Sequence[Execution]
    ) -> None:
        self._reader = reader
        self._expanded = expanded
        self._found = found
        self._ids = {one.execution_id for one in found}
        self._under: dict[str, list[Execution]] = {}
        for one in found:
            if one.parent_execution_id in self._ids:
                self._under.setdefault(one.parent_execution_id or "", []).append(one)
        self._names: dict[str, str] = {}

    def all(self) -> Iterator[HomeRow]:
        """Yield all rows in order."""
        tops = [one for one in self._found if one.parent_execution_id not in self._ids]
        yield from self._rows(tops, 0)

    def _rows(self, executions: Sequence[Execution], depth: int) -> Iterator[HomeRow]:
        counts = self._reader.child_counts([one.execution_id for one in executions])
        for one in executions:
            execution_id = one.execution_id
            children = counts.get(execution_id, {})
            below = self._under.get(execution_id, [])
            if children and execution_id in self._expanded:
                below = self._reader.executions(
                    ExecutionQuery(parent=execution_id, limit=MAX_CHILDREN, reverse=True)
                )
            parent = one.parent_execution_id if depth == 0 else None
            yield HomeRow(one, depth, self._name(parent), children, bool(below))
            if below:
                yield from self._rows(below, depth + 1)

    def _name(self, execution_id: str | None) -> str:
        if execution_id is None:
            return ""
        if execution_id not in self._names:
            parent = self._reader.find_execution(execution_id)
            self._names[execution_id] = run_name(parent)
        return self._names[execution_id]
