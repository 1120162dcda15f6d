"""The matching lines of a log with the lines around them, read from the stored log."""

from collections import deque
from collections.abc import Iterator, Sequence

from core.ports.reader import LogQuery, Reader
from tui.live.log.log_pages import Line, Place, lines_from, place_of, read_before

CONTEXT_LINES = 2
"""How many lines are shown before and after a match."""
MAX_SHOWN_MATCHES = 500
"""With how many matches the lines around them are read at once."""
_NEAR_CHUNKS = 4
"""Matches whose chunks are closer than this are read in one go."""


class ContextPage:
    """Matching lines with their context in order, and before which of them others are left out."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.breaks: set[Place] = set()

    def add(self, line: Line, *, is_apart: bool) -> None:
        """Add a line; `is_apart` tells that those between it and the line before are left out."""
        if is_apart:
            self.breaks.add(place_of(line))
        self.lines.append(line)


def around(matches: Sequence[Line], at: int) -> Sequence[Line]:
    """Return the matches around the one at an index, as many as are shown."""
    first = max(0, min(at - MAX_SHOWN_MATCHES // 2, len(matches) - MAX_SHOWN_MATCHES))
    return matches[first : first + MAX_SHOWN_MATCHES]


def read_matches(
    reader: Reader, query: LogQuery, matches: Sequence[Line], context: int = CONTEXT_LINES
) -> ContextPage:
    """Return matches, in the order of the log, with as many lines before and after each."""
    page = ContextPage()
    for near in _groups(matches):
        before = read_before(reader, query, near[0], context)
        start = before.lines[0] if before.lines else near[0]
        _read_group(page, lines_from(reader, query, start), near, context)
    if page.lines:
        page.breaks.discard(place_of(page.lines[0]))
    return page


def _groups(matches: Sequence[Line]) -> Iterator[list[Line]]:
    group: list[Line] = []
    for line in matches:
        if group and line[0] - group[-1][0] >= _NEAR_CHUNKS:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _read_group(
    page: ContextPage, lines: Iterator[Line], matches: Sequence[Line], context: int
) -> None:
    left = {place_of(line) for line in matches}
    known = {place_of(line) for line in page.lines[-2 * context - 1 :]}
    before: deque[Line] = deque(maxlen=context)
    after, is_apart = 0, bool(page.lines)
    for line in lines:
        place = place_of(line)
        if place in known:  # it is behind the group before
            is_apart = False
            continue
        if place in left:
            left.discard(place)
            for one in (*before, line):
                page.add(one, is_apart=is_apart)
                is_apart = False
            before.clear()
            after = context
        elif after:
            after -= 1
            page.add(line, is_apart=False)
        else:
            if not left:
                return
            is_apart = is_apart or len(before) == context
            before.append(line)
