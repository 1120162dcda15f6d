"""The filter language of the chain list: `type:attempt actor:ada step:build run:0193 some text`."""

from collections.abc import Callable
from dataclasses import dataclass

from core.audit.format.body import columns_of
from core.domain.records import AuditEvent
from core.ports.reader import Reader
from tui.output.report.act_text import act_text
from tui.search.filter_terms import Term, parse_terms

PAGE_EVENTS = 500
"""How many events are read at once."""
MAX_MATCHES = 2000
"""How many matches are kept; the search ends there."""

_FIELDS = {"type": "type", "actor": "actor", "step": "step", "run": "run", "by": "actor"}

SYNTAX = (
    ("type:attempt", "whose type contains this"),
    ("actor:ada", "by this actor"),
    ("step:build", "of this step and its attempts"),
    ("run:0193c0de", "of this execution, by the beginning of its id"),
    ("words", "in type, target, actor or sentence"),
    ("-word  -type:step", "without"),
)
"""The syntax, for the help."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """A parsed filter; `problems` are those of invalid terms, which are ignored."""

    terms: tuple[Term, ...]
    problems: tuple[str, ...]

    def accepts(self, event: AuditEvent) -> bool:
        """Tell whether an event matches all terms."""
        return all(_holds(term, event) is term.wanted for term in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


@dataclass(frozen=True, slots=True)
class Scanned:
    """The matches of one page in order, and the number of its first event (from 1)."""

    matches: tuple[AuditEvent, ...]
    first: int


def parse_audit_filter(text: str) -> AuditFilter:
    """Parse a filter."""
    terms, problems = parse_terms(text, _FIELDS)
    return AuditFilter(tuple(terms), tuple(problems))


def scan_page(found: AuditFilter, last: int) -> Callable[[Reader], Scanned]:
    """Return the query for the matches among the page of events that ends with `last`."""
    first = max(1, last - PAGE_EVENTS + 1)

    def query(reader: Reader) -> Scanned:
        events = reader.audit_events(after_seq=first - 1, limit=last - first + 1)
        return Scanned(
            tuple(event for event in events if event.seq <= last and found.accepts(event)), first
        )

    return query


def _holds(term: Term, event: AuditEvent) -> bool:
    match term.field:
        case "type":
            return any(value in event.event_type.lower() for value in term.values)
        case "actor":
            return any(value in event.actor.lower() for value in term.values)
        case "step":
            return (columns_of(event.target)[0] or "").lower() in term.values
        case "run":
            return any((event.execution_id or "").startswith(value) for value in term.values)
        case _:
            texts = (event.event_type, event.target, event.actor, act_text(event))
            return any(term.value in text.lower() for text in texts)
