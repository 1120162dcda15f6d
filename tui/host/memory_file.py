"""The screen's memory as a JSON file beside the log files; several screens may share it."""

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import DecodeError, Struct, field
from msgspec.json import decode
from msgspec.structs import replace

from tui.live.home.screen_memory import ATTENTION_NS

MAX_BYTES = 4 * 1024 * 1024
"""A larger file is not ours; it is neither read nor kept."""


class _Content(Struct, kw_only=True):
    looked_at: dict[str, int] = field(default_factory=dict)
    """When failures were looked at (instants), by execution id."""
    sizes: dict[str, int] = field(default_factory=dict)


class MemoryFile:
    """Implements `tui.live.home.screen_memory.ScreenMemory`. May be called from several threads.

    Every change reads the file again, so that what other screens remembered is kept. A file that
    cannot be read counts as empty; one that cannot be written changes nothing but this object.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._content = self._read() or _Content()

    def looked_at(self) -> frozenset[str]:
        """Return the ids of the failures that were looked at."""
        with self._lock:
            return frozenset(self._content.looked_at)

    def look_at(self, execution_ids: Iterable[str], now: int) -> None:
        """Remember that failures were looked at, for as long as they could need somebody."""
        new = dict.fromkeys(execution_ids, now)

        def change(content: _Content) -> _Content:
            kept = {one: at for one, at in content.looked_at.items() if at > now - ATTENTION_NS}
            return replace(content, looked_at=kept | new)

        self._change(change)

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of panes that the user has chosen, in cells, by name."""
        with self._lock:
            return dict(self._content.sizes)

    def keep_size(self, pane: str, cells: int) -> None:
        """Remember the size of a pane."""
        self._change(lambda content: replace(content, sizes={**content.sizes, pane: cells}))

    def _change(self, change: Callable[[_Content], _Content]) -> None:
        with self._lock:
            stored = self._read()
            if stored is not None:
                stored.looked_at = {**self._content.looked_at, **stored.looked_at}
            self._content = change(stored or self._content)
            with suppress(OSError):
                self._write()

    def _read(self) -> _Content | None:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                return None
            return decode(self._path.read_bytes(), type=_Content)
        except (OSError, DecodeError):
            return None

    def _write(self) -> None:
        """Replace the file at once, so that no reader sees a part of it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {"looked_at": self._content.looked_at, "sizes": self._content.sizes}, indent=1
        )
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
