"""The filters of home: executions by a query of the database, missions by words of their files."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

from core.domain.state_word import WORDS
from core.domain.states import Coverage, ExecutionState
from core.ports.execution_query import ExecutionQuery
from core.value.timestamp import SECOND_NS
from tui.search.filter_terms import Term, one_of, parse_terms, seconds_of

_FIELDS = {"state": "state", "s": "state", "mission": "mission", "by": "by", "is": "is"}
_STATES = {
    **{state.value.lower(): state for state in ExecutionState},
    **{WORDS[state.value]: state for state in ExecutionState},
    "ok": ExecutionState.SUCCESS,
    "canceled": ExecutionState.CANCELLED,
}
_SHOWN_STATES = tuple(WORDS[state.value] for state in ExecutionState)
_COVERAGES = {coverage.value: coverage for coverage in Coverage}
_MISSION_FIELDS = {"is": "is"}
_KINDS = ("valid", "invalid")

EXECUTION_SYNTAX = (
    ("state:failed,running", "in one of these states; the beginning of the word is enough"),
    ("mission:etl", "with this in the mission's name"),
    ("by:ada", "asked for by"),
    ("dur>30s  dur<5m", "took longer, or shorter: ms s m h d"),
    ("is:subset", "that left out steps; is:full: that left out none"),
    ("words", "in name, number, id, person, state or reason code"),
    ("-word", "without"),
)
"""What a filter of executions may say, for the help. It is asked of the database."""
MISSION_SYNTAX = (
    ("is:valid  is:invalid", "by whether the file validates"),
    ("words", "in name or path"),
    ("-word", "without"),
)
"""What a filter of missions may say, for the help."""


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """A filter as a query without order and page, and a sentence for what is not understood."""

    text: str
    query: ExecutionQuery
    problems: tuple[str, ...] = ()

    @property
    def is_timed(self) -> bool:
        """Whether what passes changes while nothing happens."""
        return self.query.longer_than is not None or self.query.shorter_than is not None


def parse_execution_filter(text: str, now: int) -> ExecutionFilter:
    """Read a filter of executions; it looks also among sub-missions."""
    terms, problems = parse_terms(text, _FIELDS, ("dur",))
    asked: dict[str, object] = {}
    words: list[str] = []
    without: list[str] = []
    for term in terms:
        if not term.field:
            (words if term.wanted else without).append(term.value)
        elif problem := _add(asked, term):
            problems.append(problem)
    if words or without or asked:
        asked |= {"words": tuple(words), "without": tuple(without), "include_children": True}
    return ExecutionFilter(text, ExecutionQuery(**asked, now=now), tuple(problems))  # type: ignore[arg-type] # by name


def _add(asked: dict[str, object], term: Term) -> str:
    """Add a term to a query; say what is wrong with it."""
    match term.field:
        case "state":
            states = _states(term.values)
            if isinstance(states, str):
                return states
            states = states if term.wanted else frozenset(ExecutionState) - states
            before = asked.get("states", frozenset(ExecutionState))
            if not isinstance(before, frozenset) or not states & before:
                return "no run is in two states at once"
            asked["states"] = states & before
        case "is":
            coverage = _COVERAGES.get(term.value)
            if coverage is None:
                return one_of(term.value, _COVERAGES)
            other = Coverage.FULL if coverage is Coverage.SUBSET else Coverage.SUBSET
            asked["coverage"] = coverage if term.wanted else other
        case "dur":
            limit = round(seconds_of(term.value) * SECOND_NS)
            if term.sign == "=":
                return "dur= finds nothing: use dur> and dur<"
            longer = term.sign.startswith(">") == term.wanted
            asked["longer_than" if longer else "shorter_than"] = limit
        case field:
            if not term.wanted:
                return f"-{field}: is not known here; use a word: -{term.value}"
            asked["actor" if field == "by" else "mission"] = term.value
    return ""


def _states(values: Collection[str]) -> frozenset[ExecutionState] | str:
    found: set[ExecutionState] = set()
    for value in values:
        fitting = {state for name, state in _STATES.items() if name.startswith(value)}
        if not fitting:
            return one_of(value, _SHOWN_STATES)
        found |= fitting
    return frozenset(found)


class ListedMission(Protocol):
    """What the filter of the missions looks at."""

    @property
    def name(self) -> str:
        """The name of the mission."""

    @property
    def path(self) -> str:
        """Where its file is."""

    @property
    def valid(self) -> bool:
        """Whether it may be launched."""


Listed = TypeVar("Listed", bound=ListedMission)


def fitting_missions(
    missions: Collection[Listed], text: str
) -> tuple[list[Listed], tuple[str, ...]]:
    """Return the missions that a filter lets through, and what of it was not understood."""
    terms, problems = parse_terms(text, _MISSION_FIELDS)
    known = []
    for term in terms:
        if term.field and term.value not in _KINDS:
            problems.append(one_of(term.value, _KINDS))
        else:
            known.append(term)
    found = [mission for mission in missions if all(_fits(mission, term) for term in known)]
    return found, tuple(problems)


def _fits(mission: ListedMission, term: Term) -> bool:
    if term.field:
        fits = mission.valid == (term.value == "valid")
    else:
        fits = term.value in f"{mission.name} {mission.path}".lower()
    return fits == term.wanted
