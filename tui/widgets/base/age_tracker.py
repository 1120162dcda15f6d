"""Finds the rows whose age text has changed since they were drawn ("34s ago" soon is not true)."""

from collections.abc import Callable, Iterable, Iterator


class Ages:
    """Remembers what each row said; asked once a second, it tells those that say another thing."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}

    def changed(self, rows: Iterable[int], age_of: Callable[[int], str]) -> Iterator[int]:
        """Yield the rows whose age is written in another way than at the last call."""
        before, self._told = self._told, {row: age_of(row) for row in rows}
        yield from (row for row, age in self._told.items() if before.get(row) != age)
