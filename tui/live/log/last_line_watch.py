"""Keeps the last lines of the running steps in sight up to date, for the execution screen."""

from collections.abc import Callable, Mapping, Sequence

from core.errors import MissionDeckError
from core.ports.reader import Reader
from tui.live.coalescing_worker import CoalescingWorker, Start
from tui.live.log.last_lines import read_last_lines
from tui.live.lookup import Lookup

Attempts = Sequence[tuple[str, int]]
"""Task ids, each with the number of an attempt."""

_NOTHING: tuple[int, tuple[Attempts, int | None]] = (-1, ((), None))


class LastLineWatch:
    """Reads the last lines when asked to and anything was committed since; then calls `show`."""

    def __init__(
        self,
        execution_id: str,
        lookup: Callable[[], Lookup],
        show: Callable[[Mapping[str, str]], None],
        run: Start,
    ) -> None:
        self._execution_id = execution_id
        self._lookup = lookup
        self._show = show
        self._worker = CoalescingWorker(self._read, run)
        self._wanted: tuple[Attempts, int | None] = ((), None)
        self._shown_at: tuple[int, tuple[Attempts, int | None]] = _NOTHING
        """For which version of the database, and which attempts, they are shown."""

    def look(self, attempts: Attempts, until: int | None = None) -> None:
        """Bring the last lines of these attempts up to date; those until an instant of the past."""
        self._wanted = attempts, until
        if attempts or self._shown_at[1][0]:
            self._worker.request()

    def clear(self) -> None:
        """Show none until they are looked for again."""
        self._shown_at = _NOTHING
        self._show({})

    async def _read(self) -> None:
        wanted = self._wanted
        try:
            found = await self._lookup().read(lambda reader: self._news(reader, wanted))
        except MissionDeckError:
            return  # the feed reports the same failure
        if found is not None and wanted[1] == self._wanted[1]:
            version, lines = found
            self._shown_at = version, wanted
            self._show(lines)

    def _news(
        self, reader: Reader, wanted: tuple[Attempts, int | None]
    ) -> tuple[int, Mapping[str, str]] | None:
        version = reader.data_version()
        if (version, wanted) == self._shown_at:
            return None
        return version, read_last_lines(reader, self._execution_id, *wanted)
