"""The search of a log and its matches. Plain data; does no I/O and draws nothing."""

from collections.abc import Sequence

from core.value.regex import PatternError, compile_pattern
from tui.live.log.log_pages import Line, Place, place_of
from tui.search.log_filter import LogWanted, parse_log_search
from tui.words.safe_text import clean_line


class LogSearch:
    """A search text and the matching lines, one of them the current one."""

    def __init__(self) -> None:
        self.text = ""
        self.wanted = LogWanted()
        self.problem = ""
        """Why nothing is looked for, empty for none."""
        self._matches: Sequence[Line] = ()
        self._places: set[Place] = set()
        self._at = -1
        self._has_more = False

    def begin(self, text: str) -> None:
        """Set another text, without matches yet."""
        self.text = text
        self.wanted = parse_log_search(text)
        self.problem = self.wanted.problem
        self.found(())

    def refuse(self, problem: str) -> None:
        """Take note of why the pattern cannot be looked for."""
        self.problem = problem

    def found(
        self,
        matches: Sequence[Line],
        *,
        last: bool = False,
        start: Line | None = None,
        has_more: bool = False,
    ) -> None:
        """Set the matches; the last becomes the current one, or the first from a line on.

        `has_more` says that the log has more matches than were read.
        """
        self._has_more = has_more
        self._matches = matches
        self._places = {place_of(line) for line in matches}
        self._at = (len(matches) - 1 if last else 0) if matches else -1
        if start is not None and matches and not last:
            behind = (i for i, line in enumerate(matches) if _order(line) >= _order(start))
            self._at = next(behind, 0)

    def step(self, step: int) -> bool:
        """Move by a number of matches, wrapping around; return False if there are none."""
        if self._matches:
            self._at = (self._at + step) % len(self._matches)
        return bool(self._matches)

    @property
    def matches(self) -> Sequence[Line]:
        """The matching lines."""
        return self._matches

    @property
    def current(self) -> Line | None:
        """The current match."""
        return self._matches[self._at] if self._matches else None

    @property
    def position(self) -> tuple[int, int]:
        """The number of the current match (from 1; 0 for none) and of all matches."""
        return self._at + 1, len(self._matches)

    @property
    def count_text(self) -> str:
        """The number of the current match and of all (`1/50,000+` for more), or the problem."""
        if self.problem:
            return f"? {clean_line(self.problem)}"
        at, total = self.position
        return f"{at:,}/{total:,}{'+' if self._has_more else ''}"

    def holds(self, line: Line) -> bool:
        """Tell whether a line is a match."""
        return bool(self._places) and place_of(line) in self._places

    def is_current(self, line: Line) -> bool:
        """Tell whether a line is the current match."""
        return self.current is not None and place_of(self.current) == place_of(line)

    def ranges(self, text: str) -> list[tuple[int, int]]:
        """Return where the matches are in the text of a matching line, as it is shown.

        Where they cannot be told, the whole text is one.
        """
        if self.wanted.pattern:
            try:
                found = compile_pattern(self.wanted.pattern).spans_in(text)
            except PatternError:
                found = []
        else:
            found = _occurrences(text, self.wanted.text)
        return found or [(0, len(text))]


def _occurrences(text: str, wanted: str) -> list[tuple[int, int]]:
    wanted, folded = wanted.lower(), text.lower()
    found: list[tuple[int, int]] = []
    at = 0
    while wanted and len(folded) == len(text) and (place := folded.find(wanted, at)) >= 0:
        at = place + len(wanted)
        found.append((place, at))
    return found


def _order(line: Line) -> tuple[int, int]:
    chunk, entry = line
    return chunk, entry.seq
