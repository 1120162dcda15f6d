"""The defaults of missions' parameters, by the digest of the file: what a run was given differs."""

from collections.abc import Iterable, Mapping
from typing import Any

from core.domain.records import Execution
from core.ports.reader import Reader
from tui.live.backend import Backend
from tui.live.home.run_preview import read_defaults
from tui.live.lookup import Lookup

MAX_READ_AT_ONCE = 20
"""How many mission files are parsed in one go, so that other lookups need not wait for long."""


class ParamDefaults:
    """Remembers what was read; a recorded file never changes."""

    def __init__(self, lookup: Lookup, backend: Backend) -> None:
        self._lookup = lookup
        self._backend = backend
        self.known: dict[str, Mapping[str, Any]] = {}

    async def learn(self, executions: Iterable[Execution]) -> bool:
        """Read what is not known yet of executions with parameters; tell whether there was any."""
        new: dict[str, Execution] = {}
        for one in executions:
            if one.params and one.mission_digest not in self.known:
                new.setdefault(one.mission_digest, one)
        wanted = dict(list(new.items())[:MAX_READ_AT_ONCE])

        def read(reader: Reader) -> dict[str, Mapping[str, Any]]:
            return {
                digest: read_defaults(reader, self._backend, one) for digest, one in wanted.items()
            }

        if wanted:
            self.known |= await self._lookup.read(read)
        return bool(wanted)
