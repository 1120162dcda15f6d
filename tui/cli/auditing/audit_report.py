"""Collects the executions of a report and writes it in the format that was asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from core.audit.verify.verdict import Report
from core.domain.records import AuditEvent, Execution
from core.ports.execution_query import ExecutionOrder, ExecutionQuery
from core.ports.reader import Reader
from tui.cli.following.stored_result import events_of
from tui.output.json_document import dump
from tui.output.report.report_data import Evidence, report_data
from tui.output.report.report_document import sections
from tui.output.report.report_html import html_lines
from tui.output.report.report_markdown import markdown_lines

_PAGE: Final = 1_000
"""Executions or events that are read at once."""
_OUTSIDE: Final = frozenset(
    {
        "audit.exported",
        "key.revoked",
        "key.rotated",
        "mission.rejected",
        "policy.violation",
        "policy.warning",
    }
)
"""Types of events that belong to no execution and are told in a report over a time."""


def family_of(reader: Reader, execution: Execution) -> list[Execution]:
    """Return an execution and its sub-missions at every depth, parents first."""
    found = [execution]
    for one in found:
        found += reader.children(one.execution_id)
    return found


def executions_since(reader: Reader, since: int) -> list[Execution]:
    """Return the executions that were created at or after an instant, oldest first."""
    found: list[Execution] = []
    query = ExecutionQuery(include_children=True, order=ExecutionOrder.NEWEST, limit=_PAGE)
    while True:
        page = reader.executions(query)
        recent = [one for one in page if one.created_at >= since]
        found += recent
        if len(recent) < len(page) or len(page) < _PAGE:
            return found[::-1]
        query = ExecutionQuery(
            include_children=True,
            order=ExecutionOrder.NEWEST,
            limit=_PAGE,
            offset=query.offset + _PAGE,
        )


def events_outside(reader: Reader, since: int) -> list[AuditEvent]:
    """Return what happened at or after an instant and belongs to no execution."""
    found: list[AuditEvent] = []
    after = 0
    while page := reader.audit_events(after_seq=after, limit=_PAGE):
        found += [
            event
            for event in page
            if event.execution_id is None
            and event.timestamp >= since
            and event.event_type in _OUTSIDE
        ]
        after = page[-1].seq
    return found


def written_report(
    reader: Reader,
    executions: Sequence[Execution],
    verification: Report,
    *,
    outside: Sequence[AuditEvent],
    form: str,
    now: int,
) -> str:
    """Return the report as the text of a file; `form` is one of `FORMS`."""
    evidence = (
        Evidence(
            execution=one,
            tasks=reader.task_runs(one.execution_id),
            attempts=reader.attempts(one.execution_id),
            events=events_of(reader, one.execution_id),
        )
        for one in executions
    )
    return FORMS[form](report_data(evidence, verification, log_events=outside, now=now))


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


FORMS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "md": lambda data: _lines(markdown_lines(sections(data))),
    "html": lambda data: _lines(html_lines(sections(data))),
    "json": lambda data: f"{dump(data, indent=1)}\n",
}
"""How a report is written, by the name of the format."""
