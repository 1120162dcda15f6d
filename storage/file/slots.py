"""Slots shared by all runners of a user: one lock file per slot, released by the kernel."""

import fcntl
import os
from pathlib import Path

from core.errors import UnavailableError


class FileSlots:
    """Implements `core.ports.Slots` with `flock` on `limit` files in a folder.

    When a runner dies, its slots are free at once: the kernel releases the locks of a dead process.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._open: dict[int, int] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UnavailableError(f"{folder}: {error.strerror or error}") from error

    def try_take(self) -> int | None:
        """Lock the first free slot, or return None while all are locked."""
        for slot in range(self._limit):
            if slot in self._open:
                continue
            handle = os.open(
                self._folder / f"slot-{slot}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            self._open[slot] = handle
            return slot
        return None

    def give_back(self, slot: int) -> None:
        """Release a slot. Idempotent."""
        handle = self._open.pop(slot, None)
        if handle is not None:
            os.close(handle)
