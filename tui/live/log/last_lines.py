"""The last line that running steps wrote, for lists that show it beside them."""

from collections.abc import Mapping, Sequence

from core.domain.records import LogEntry
from core.ports.reader import LogQuery, Reader
from tui.words.safe_text import clean

MAX_STEPS = 40
"""For how many steps it is read at once: as many as a list shows."""


def read_last_lines(
    reader: Reader,
    execution_id: str,
    attempts: Sequence[tuple[str, int]],
    until: int | None = None,
) -> Mapping[str, str]:
    """Return the last line by task id, safe to draw, of each of these attempts that has one.

    An attempt is told by its task id and number. A line in progress counts as the last one.
    `until` is an instant of the past, in nanoseconds; None for now.
    """
    found: dict[str, str] = {}
    for task_id, attempt in attempts[:MAX_STEPS]:
        query = LogQuery(
            execution_id=execution_id, task_id=task_id, attempt=attempt, tail=1, until=until
        )
        entry = _last(reader, query)
        if entry is not None and (text := clean(entry.message).strip()):
            found[task_id] = text
    return found


def _last(reader: Reader, query: LogQuery) -> LogEntry | None:
    unfinished = reader.unfinished_lines(query)
    if unfinished:
        return unfinished[-1]
    return next((entry for _chunk, entry in reader.logs(query)), None)
