"""What the screen remembers from one session to the next: none of it is evidence."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from core.value.timestamp import SECOND_NS

ATTENTION_DAYS = 7
"""For how many days a failure needs somebody; older ones are listed among what has ended."""
ATTENTION_NS = ATTENTION_DAYS * 86_400 * SECOND_NS


class ScreenMemory(Protocol):
    """A small store of the user's own. What cannot be written is forgotten with the session."""

    def looked_at(self) -> frozenset[str]:
        """Return the ids of the failures that were looked at."""

    def look_at(self, execution_ids: Iterable[str], now: int) -> None:
        """Remember that failures were looked at, for as long as they could need somebody."""

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of panes that the user has chosen, in cells, by name."""

    def keep_size(self, pane: str, cells: int) -> None:
        """Remember the size of a pane."""


def attention_floor(now: int) -> int:
    """Return since when a failure needs somebody, rounded to the hour."""
    floor = now - ATTENTION_NS
    return floor - floor % (3600 * SECOND_NS)
