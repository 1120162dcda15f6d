"""The sources of the lines of `mission logs`: an execution and, on request, its sub-missions."""

import heapq
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from core.domain.item_label import step_title
from core.domain.records import Execution, LogEntry
from core.ports.reader import LogQuery, Reader


class Line(Struct, frozen=True):
    """A log entry, the titles of the steps above its step, and the row id of its chunk."""

    entry: LogEntry
    above: tuple[str, ...]
    chunk: int


class LogSource(Struct, frozen=True):
    """The query for one execution; `above` are the steps above it, outermost first."""

    query: LogQuery
    above: tuple[str, ...] = ()

    def lines(self, reader: Reader, query: LogQuery) -> Iterator[Line]:
        """Yield the lines of `query`, which must be for this execution, in order of arrival."""
        return (Line(entry, self.above, chunk) for chunk, entry in reader.logs(query))

    def unfinished(self, reader: Reader) -> list[Line]:
        """Return the lines in progress."""
        return [Line(entry, self.above, 0) for entry in reader.unfinished_lines(self.query)]


def log_sources(reader: Reader, query: LogQuery, *, children: bool) -> list[LogSource]:
    """Return the execution as a source and, with `children`, all sub-missions below it.

    If the query names a step or an attempt, only its sub-missions are included.
    """
    found = [LogSource(query)]
    if children:
        wanted = [child for child in reader.children(query.execution_id) if _is_of(child, query)]
        for child in wanted:
            _add(reader, child, query, (), found)
    return found


def merged(reader: Reader, sources: list[LogSource]) -> Iterator[Line]:
    """Yield the lines of all sources ordered by time, keeping the order within each source."""
    return heapq.merge(
        *(source.lines(reader, source.query) for source in sources),
        key=lambda line: line.entry.timestamp,
    )


def _add(
    reader: Reader,
    child: Execution,
    query: LogQuery,
    above: tuple[str, ...],
    found: list[LogSource],
) -> None:
    title = child.mission_name
    if child.parent_execution_id is not None and child.parent_task_id is not None:
        title = step_title(reader.task_run(child.parent_execution_id, child.parent_task_id))
    above = (*above, title)
    own = replace(query, execution_id=child.execution_id, task_id=None, attempt=None)
    found.append(LogSource(own, above))
    for grandchild in reader.children(child.execution_id):
        _add(reader, grandchild, query, above, found)


def _is_of(child: Execution, query: LogQuery) -> bool:
    step = child.parent_task_id or ""
    if query.task_id is None:
        return True
    is_step = step == query.task_id or step.startswith(f"{query.task_id}[")
    return is_step and query.attempt in (None, child.parent_attempt)
