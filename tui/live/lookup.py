"""Runs single queries on committed records in a thread of its own, without delaying the feed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from core.errors import MissionDeckError
from core.ports.reader import Reader

Result = TypeVar("Result")


class Lookup:
    """Runs queries one at a time, on a thread with a read-only connection of its own."""

    def __init__(self, open_reader: Callable[[], Reader]) -> None:
        self._open_reader = open_reader
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookup")
        self._reader: Reader | None = None

    async def read(self, query: Callable[[Reader], Result]) -> Result:
        """Return the result of `query`, which runs in the lookup's thread.

        Raises what the query raises, such as `NotFoundError` and `UnavailableError`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, query)

    def _run(self, query: Callable[[Reader], Result]) -> Result:
        if self._reader is None:
            self._reader = self._open_reader()
        try:
            return query(self._reader)
        except MissionDeckError:
            reader, self._reader = self._reader, None
            reader.close()
            raise

    def stop(self) -> None:
        """Close the connection in the thread that opened it, and end the thread."""

        def close() -> None:
            if self._reader is not None:
                self._reader.close()

        self._pool.submit(close)
        self._pool.shutdown(wait=True, cancel_futures=False)
