"""The filters of home: executions are filtered by a database query, missions in memory."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from core.domain.state_word import WORDS
from core.domain.states import Coverage, ExecutionState
from core.ports.execution_query import ExecutionField, ExecutionQuery, FieldCondition
from core.value.timestamp import SECOND_NS
from tui.search.filter_terms import Term, one_of, parse_terms, seconds_of
from tui.search.label_term import label_condition
from tui.words.numbers import parse_since

_FIELDS = {
    "state": "state",
    "s": "state",
    "name": "name",
    "mission": "name",
    "since": "since",
    "who": "who",
    "by": "who",
    "param": "param",
    "label": "label",
    "is": "is",
}
_EXACT_FIELDS = ("label",)
_TEXT_FIELDS = {
    "name": ExecutionField.MISSION,
    "who": ExecutionField.ACTOR,
    "param": ExecutionField.PARAM,
}
_STATES = {
    **{state.value.lower(): state for state in ExecutionState},
    **{WORDS[state.value]: state for state in ExecutionState},
    "ok": ExecutionState.SUCCESS,
    "canceled": ExecutionState.CANCELLED,
}
_SHOWN_STATES = tuple(WORDS[state.value] for state in ExecutionState)
_QUEUED = "queued"
"""No state of its own: what waits for its turn is paused with this reason."""
_COVERAGES = {coverage.value: coverage for coverage in Coverage}
_MISSION_FIELDS = {"is": "is"}
_KINDS = ("valid", "invalid")

EXECUTION_SYNTAX = (
    ("state:queued", "waiting for its turn in its concurrency group"),
    ("state:failed,running", "in one of these states; the beginning of the word is enough"),
    ("name:etl", "with this in the mission's name; mission: is the same"),
    ("since:2h", "started in the last two hours, or since a day: since:2025-01-20"),
    ("who:ada", "started by this user; by: is the same"),
    ("param:tag=v2", "with this in the value of a parameter, or of any: param:v2"),
    ("label:team=data", "with this label, case counts; label:team: with any value of it"),
    ("dur>30s  dur<5m", "took longer, or shorter: ms s m h d"),
    ("is:subset", "that left out steps; is:full: that left out none"),
    ("words", "in name, number, id, person, state or reason code"),
    ("!word  !name:etl", "without; - is the same as !"),
)
"""The syntax of a filter of executions, for the help. The database evaluates it."""
MISSION_SYNTAX = (
    ("is:valid  is:invalid", "by whether the file validates"),
    ("words", "in name or path"),
    ("-word", "without"),
)
"""The syntax of a filter of missions, for the help."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """A filter as a query without order and limit, and the problems of its invalid terms."""

    text: str
    query: ExecutionQuery
    problems: tuple[str, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether the result changes with time alone."""
        query = self.query
        limits = (query.longer_than, query.shorter_than, query.created_from, query.created_until)
        return any(limit is not None for limit in limits)


def parse_execution_filter(text: str, now: int) -> ExecutionFilter:
    """Parse a filter of executions, which also finds sub-missions."""
    terms, problems = parse_terms(text, _FIELDS, ("dur",), exact=_EXACT_FIELDS)
    conditions: dict[str, object] = {}
    words: list[str] = []
    without: list[str] = []
    for term in terms:
        if not term.field:
            (words if term.wanted else without).append(term.value)
        elif problem := _add(conditions, term, now):
            problems.append(problem)
    if words or without or conditions:
        conditions |= {"words": tuple(words), "without": tuple(without), "include_children": True}
    return ExecutionFilter(text, ExecutionQuery(**conditions, now=now), tuple(problems))  # type: ignore[arg-type] # by name


def _add(conditions: dict[str, object], term: Term, now: int) -> str:
    """Add a term to the conditions of a query; return its problem, empty for none."""
    match term.field:
        case "state" if term.value == _QUEUED:
            _add_field(conditions, FieldCondition(ExecutionField.REASON, _QUEUED, term.wanted))
        case "state":
            states = _states(term.values)
            if isinstance(states, str):
                return states
            states = states if term.wanted else frozenset(ExecutionState) - states
            before = conditions.get("states", frozenset(ExecutionState))
            if not isinstance(before, frozenset) or not states & before:
                return "no run is in two states at once"
            conditions["states"] = states & before
        case "is":
            coverage = _COVERAGES.get(term.value)
            if coverage is None:
                return one_of(term.value, _COVERAGES)
            other = Coverage.FULL if coverage is Coverage.SUBSET else Coverage.SUBSET
            conditions["coverage"] = coverage if term.wanted else other
        case "dur":
            limit = round(seconds_of(term.value) * SECOND_NS)
            if term.sign == "=":
                return "dur= finds nothing: use dur> and dur<"
            longer = term.sign.startswith(">") == term.wanted
            conditions["longer_than" if longer else "shorter_than"] = limit
        case "since":
            try:
                start = parse_since(term.value, now)
            except ValueError as error:
                return f"since: {error}"
            conditions["created_from" if term.wanted else "created_until"] = start
        case "label":
            try:
                label = label_condition(term.value, wanted=term.wanted)
            except ValueError as error:
                return f"label: {error}"
            labels = conditions.get("labels", ())
            conditions["labels"] = (*labels, label) if isinstance(labels, tuple) else (label,)
        case field:
            _add_field(conditions, FieldCondition(_TEXT_FIELDS[field], term.value, term.wanted))
    return ""


def _add_field(conditions: dict[str, object], one: FieldCondition) -> None:
    before = conditions.get("fields", ())
    conditions["fields"] = (*before, one) if isinstance(before, tuple) else (one,)


def _states(values: Collection[str]) -> frozenset[ExecutionState] | str:
    found: set[ExecutionState] = set()
    for value in values:
        fitting = {state for name, state in _STATES.items() if name.startswith(value)}
        if not fitting:
            return one_of(value, _SHOWN_STATES)
        found |= fitting
    return frozenset(found)


class ListedMission(Protocol):
    """The properties of a mission that the filter of missions uses."""

    @property
    def name(self) -> str:
        """The name of the mission."""

    @property
    def path(self) -> str:
        """The path of its file."""

    @property
    def valid(self) -> bool:
        """Whether it may be launched."""


Listed = TypeVar("Listed", bound=ListedMission)


def filter_missions(
    missions: Collection[Listed], text: str
) -> tuple[list[Listed], tuple[str, ...]]:
    """Return the missions that pass a filter, and the problems of its invalid terms."""
    terms, problems = parse_terms(text, _MISSION_FIELDS)
    known = []
    for term in terms:
        if term.field and term.value not in _KINDS:
            problems.append(one_of(term.value, _KINDS))
        else:
            known.append(term)
    found = [mission for mission in missions if all(_matches(mission, term) for term in known)]
    return found, tuple(problems)


def _matches(mission: ListedMission, term: Term) -> bool:
    if term.field:
        fits = mission.valid == (term.value == "valid")
    else:
        fits = term.value in f"{mission.name} {mission.path}".lower()
    return fits == term.wanted
