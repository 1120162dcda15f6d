"""The search text of a log and its matches. Plain data; does no I/O and draws nothing."""

from collections.abc import Sequence

from tui.live.log.log_pages import Line, Place, place_of

LOG_SYNTAX = (("any text", "in all lines of the log; upper and lower case are the same"),)
"""The syntax of a search, for the help."""


class LogSearch:
    """A search text and the matching lines, one of them the current one."""

    def __init__(self) -> None:
        self.text = ""
        self._matches: Sequence[Line] = ()
        self._places: set[Place] = set()
        self._at = -1
        self._has_more = False

    def begin(self, text: str) -> None:
        """Set another text, without matches yet."""
        self.text = text
        self.found(())

    def found(self, matches: Sequence[Line], *, last: bool = False, has_more: bool = False) -> None:
        """Set the matches; the first or the last becomes the current one.

        `has_more` says that the log has more matches than were read.
        """
        self._has_more = has_more
        self._matches = matches
        self._places = {place_of(line) for line in matches}
        self._at = (len(matches) - 1 if last else 0) if matches else -1

    def step(self, step: int) -> bool:
        """Move by a number of matches, wrapping around; return False if there are none."""
        if self._matches:
            self._at = (self._at + step) % len(self._matches)
        return bool(self._matches)

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
        """The number of the current match and of all matches: `1/50,000+` if there are more."""
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
        wanted, folded = self.text.lower(), text.lower()
        found: list[tuple[int, int]] = []
        at = 0
        while len(folded) == len(text) and (place := folded.find(wanted, at)) >= 0:
            at = place + len(wanted)
            found.append((place, at))
        return found or [(0, len(text))]
