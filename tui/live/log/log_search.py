"""The search of a log and its matches. Plain data; does no I/O and draws nothing."""

from collections.abc import Sequence

from core.value.regex import PatternError, compile_pattern
from tui.live.log.log_pages import Line, Place, place_of
from tui.search.log_filter import LogWanted, parse_log_search
from tui.words.numbers import percent
from tui.words.safe_text import clean_line

MAX_MATCHES = 50_000
MAX_MATCH_CHARACTERS = 16_000_000
"""How much of matching lines is held; a search with more ends there and says so."""


class LogSearch:
    """A search text and the matching lines, one of them the current one.

    Matches are added in the order of the log while it is read. `searched_to` is the row id of the
    chunk up to which that was done.
    """

    def __init__(self) -> None:
        self.text = ""
        self.wanted = LogWanted()
        self.problem = ""
        """Why nothing is looked for, empty for none."""
        self.begin("")

    def begin(self, text: str) -> None:
        """Set another text, without matches yet."""
        self.text = text
        self.wanted = parse_log_search(text)
        self.problem = self.wanted.problem
        self.restart()

    def restart(self, *, start: Line | None = None, at_last: bool = False) -> None:
        """Forget the matches: the log is searched from its first line again.

        The last match becomes the current one, or the first from the line `start` on.
        """
        self.searched_to = 0
        self.share: float | None = None
        """How much of the log has been searched; None while it is not being searched."""
        self._matches: list[Line] = []
        self._places: set[Place] = set()
        self._characters = 0
        self._at = -1
        self.has_more = False
        """Whether the log has more matches than are held."""
        self._start = start
        self._at_last = at_last
        self._is_settled = False

    def refuse(self, problem: str) -> None:
        """Take note of why the pattern cannot be looked for."""
        self.problem = problem
        self.share = None

    def add(self, lines: Sequence[Line], *, searched_to: int, up_to: int) -> bool:
        """Add matches; return True if the current one has just been chosen."""
        self.searched_to = searched_to
        self.share = searched_to / up_to if up_to else 1.0
        first_new = len(self._matches)
        for line in lines:
            if len(self._matches) >= MAX_MATCHES or self._characters >= MAX_MATCH_CHARACTERS:
                self.has_more = True
                break
            self._matches.append(line)
            self._places.add(place_of(line))
            self._characters += len(line[1].message)
        return not self._at_last and self._settle(first_new)

    def finish(self) -> bool:
        """End the search; return True if the current match has just been chosen."""
        self.share = None
        chooses = bool(self._matches) and not self._is_settled
        if chooses:
            self._at = len(self._matches) - 1 if self._at_last else 0
        self._is_settled = True
        return chooses

    def _settle(self, first_new: int) -> bool:
        """Choose the first match from the start on, if it is among the new ones."""
        if self._is_settled:
            return False
        for at in range(first_new, len(self._matches)):
            if self._start is None or _order(self._matches[at]) >= _order(self._start):
                self._at, self._is_settled = at, True
                return True
        return False

    def step(self, step: int) -> bool:
        """Move by a number of matches, wrapping around; return False if there are none."""
        if not self._matches:
            return False
        self._is_settled = True
        at = 0 if self._at < 0 and step < 0 else self._at  # from before the first: to the last
        self._at = (at + step) % len(self._matches)
        return True

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
        """The number of the current match and of all (`1/50,000+` for more), or the problem.

        While the log is being searched, also how much of it is done.
        """
        if self.problem:
            return f"? {clean_line(self.problem)}"
        at, total = self.position
        done = "" if self.share is None else f" searching {percent(self.share)}"
        return f"{at:,}/{total:,}{'+' if self.has_more else ''}{done}"

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
