"""Stores the final error of a runner whose database cannot be written any more.

It is written to `NAME.reserve` beside the database, a file whose blocks are allocated in advance,
so that writing in place works even on a full disk (except on copy-on-write file systems such as
btrfs and zfs). Several processes share the file; each error takes one slot.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.errors import MissionDeckError

SLOT_BYTES = 1024
SLOTS = 16
"""The most errors kept until a command has read them; later ones are dropped."""

MAX_MESSAGE_BYTES = 600
MAX_EXECUTIONS = 6
_EMPTY = bytes(SLOT_BYTES)


class FinalError(Struct, frozen=True, kw_only=True):
    """Why a process stopped writing: time (nanoseconds since the epoch), pid and message.

    `executions` are the ids of the first few executions that it ran.
    """

    at: int
    pid: int
    message: str
    executions: tuple[str, ...] = ()


class Reserve:
    """The reserve file of an open database. Never raises: storing the error is best effort."""

    def __init__(self, path: Path) -> None:
        """Open the reserve of the database at `path`, and allocate it on first use."""
        try:
            self._descriptor = _open(_place(path), os.O_RDWR | os.O_CREAT)
        except OSError:
            self._descriptor = -1
            return
        try:
            _allocate(self._descriptor)
        except OSError:  # the disk is full; the part that is already allocated can still be used
            return

    def write(self, at: int, error: MissionDeckError, executions: Sequence[str]) -> None:
        """Store the final error of this process, which ends its work on `executions`."""
        if self._descriptor < 0:
            return
        message = error.message.encode("utf-8", "replace")[:MAX_MESSAGE_BYTES]
        word = {
            "at": at,
            "pid": os.getpid(),
            "message": message.decode("utf-8", "ignore"),
            "executions": list(executions[:MAX_EXECUTIONS]),
        }
        data = json.dumps(word, ensure_ascii=False).encode().ljust(SLOT_BYTES, b"\0")
        if len(data) > SLOT_BYTES:  # control characters in the message grow when escaped
            word["message"] = error.code
            data = json.dumps(word).encode().ljust(SLOT_BYTES, b"\0")
        try:
            with _locked(self._descriptor):
                for slot, taken in _slots(self._descriptor):
                    if taken == _EMPTY:
                        os.pwrite(self._descriptor, data, slot * SLOT_BYTES)
                        os.fsync(self._descriptor)
                        return
        except OSError:
            return

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_final_errors(path: Path) -> list[FinalError]:
    """Return the errors stored beside the database at `path`, oldest first; skip invalid ones."""
    try:
        descriptor = _open(_place(path), os.O_RDONLY)
    except OSError:
        return []
    try:
        words = [_decode(data) for _, data in _slots(descriptor)]
    except OSError:
        return []
    finally:
        os.close(descriptor)
    return sorted((word for word in words if word is not None), key=lambda word: word.at)


def clear_final_errors(path: Path, words: Sequence[FinalError]) -> None:
    """Remove errors that were read, so that their slots can be reused; best effort."""
    if not words:
        return
    try:
        descriptor = _open(_place(path), os.O_RDWR)
    except OSError:
        return
    try:
        with _locked(descriptor):
            for slot, data in _slots(descriptor):
                if _decode(data) in words:
                    os.pwrite(descriptor, _EMPTY, slot * SLOT_BYTES)
    except OSError:
        return
    finally:
        os.close(descriptor)


def _place(path: Path) -> Path:
    return path.with_name(f"{path.name}.reserve")


def _open(place: Path, flags: int) -> int:
    return os.open(place, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)


def _allocate(descriptor: int) -> None:
    """Allocate the file's blocks by writing zeros up to its full size."""
    size = os.fstat(descriptor).st_size
    if size < SLOTS * SLOT_BYTES:
        with _locked(descriptor):
            size = os.fstat(descriptor).st_size
            os.pwrite(descriptor, bytes(max(0, SLOTS * SLOT_BYTES - size)), size)


def _slots(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each complete slot of the file."""
    for slot in range(SLOTS):
        data = os.pread(descriptor, SLOT_BYTES, slot * SLOT_BYTES)
        if len(data) < SLOT_BYTES:
            return
        yield slot, data


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _decode(data: bytes) -> FinalError | None:
    try:
        found: Any = json.loads(data.rstrip(b"\0"))
        return FinalError(
            at=int(found["at"]),
            pid=int(found["pid"]),
            message=str(found["message"]),
            executions=tuple(map(str, found["executions"])),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
