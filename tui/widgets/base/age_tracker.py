"""Finds the rows whose age text ("34s ago") has changed since they were drawn."""

from collections.abc import Callable, Iterable, Iterator


class AgeTracker:
    """Remembers the age text of each row, to find those that have changed."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}

    def changed(self, rows: Iterable[int], age_of: Callable[[int], str]) -> Iterator[int]:
        """Yield the rows whose age text differs from that of the last call."""
        before, self._told = self._told, {row: age_of(row) for row in rows}
        yield from (row for row, age in self._told.items() if before.get(row) != age)
