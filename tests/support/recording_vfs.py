"""A disk that remembers every write and sync of SQLite, and what a power loss can make of them.

The store runs on apsw here, whose VFS can be written in Python; `sqlite3` offers none. Between two
syncs of a file a disk may keep each write, lose it, or tear it at the edges of sectors, in any
order. A deleted file is gone for certain once its folder is synced: with the first sync of the next
journal or WAL that is created (`UNIXFILE_DIRSYNC` of SQLite's `os_unix.c`).
"""

import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

apsw: Any = pytest.importorskip(
    "apsw", reason="`make setup` installs apsw, whose VFS records writes"
)

SECTOR_BYTES = 512


class Write(Struct, frozen=True):
    """Bytes written to a file at an offset, not yet durable."""

    name: str
    offset: int
    data: bytes


class Truncate(Struct, frozen=True):
    """A file cut to a size, not yet durable."""

    name: str
    size: int


class Sync(Struct, frozen=True):
    """Everything written to the file before is durable."""

    name: str


class Delete(Struct, frozen=True):
    """A file removed from its folder, which is not durable until the folder is synced."""

    name: str


class Acknowledged(Struct, frozen=True):
    """Everything up to audit event `size` was reported as durable."""

    size: int


Operation = Write | Truncate | Sync | Delete | Acknowledged


class RecordingDisk(apsw.VFS):  # type: ignore[misc] # apsw need not be installed
    """A VFS over the system's own that keeps a list of operations on databases and WALs."""

    def __init__(self, name: str) -> None:
        self.vfs = name
        self.operations: list[Operation] = []
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> "RecordedFile":  # noqa: N802 - of apsw
        """Open a file whose writes are recorded."""
        return RecordedFile(self, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802 - of apsw
        """Record and delete."""
        super().xDelete(name, sync_folder)
        self.operations.append(Delete(Path(name).name))


class RecordedFile(apsw.VFSFile):  # type: ignore[misc] # as above
    """An open file of a `RecordingDisk`."""

    def __init__(self, disk: RecordingDisk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path or "").name
        self._operations = disk.operations

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - of apsw
        """Record and write."""
        self._operations.append(Write(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802 - of apsw
        """Record and truncate."""
        self._operations.append(Truncate(self._name, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - of apsw
        """Record; nothing needs to reach the real disk."""
        self._operations.append(Sync(self._name))


class ApswConnection:
    """An apsw connection with as much of the interface of `sqlite3` as the writer uses."""

    def __init__(self, path: Path, vfs: str) -> None:
        self._connection = apsw.Connection(str(path), vfs=vfs)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._connection.in_transaction)

    def execute(self, sql: str, values: Any = ()) -> "ApswCursor":
        """Run one statement."""
        return ApswCursor(self._connection, sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> "ApswCursor":
        """Run one statement for every row."""
        before = self._connection.total_changes()
        for row in rows:
            self._connection.execute(sql, row)
        cursor = ApswCursor(self._connection, "SELECT 1 WHERE 0", ())
        cursor.rowcount = self._connection.total_changes() - before
        return cursor

    def executescript(self, script: str) -> None:
        """Run a script."""
        self._connection.execute(script)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class ApswCursor:
    """The rows and counts of one statement."""

    def __init__(self, connection: Any, sql: str, values: Any) -> None:
        before = connection.total_changes()
        self._rows = connection.execute(sql, values).fetchall()
        self.rowcount = connection.total_changes() - before
        self.lastrowid = connection.last_insert_rowid()

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows: list[Any] = self._rows
        self._rows = []
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


def after_power_loss(
    operations: Sequence[Operation], at: int, chance: random.Random, folder: Path
) -> int:
    """Write to `folder` what a disk may hold after a power loss before operation `at`.

    Return up to which audit event everything had been reported as durable by then.
    """
    durable: dict[str, bytearray] = {}
    pending: dict[str, list[Write | Truncate]] = {}
    deleted: dict[str, bytearray] = {}
    acknowledged = 0
    for operation in operations[:at]:
        if isinstance(operation, Acknowledged):
            acknowledged = operation.size
        elif isinstance(operation, Delete):
            pending.pop(operation.name, None)
            deleted[operation.name] = durable.pop(operation.name, bytearray())
        elif isinstance(operation, Sync):
            if operation.name not in durable:
                deleted.clear()
            content = durable.setdefault(operation.name, bytearray())
            for one in pending.pop(operation.name, ()):
                _apply(content, one)
        else:
            pending.setdefault(operation.name, []).append(operation)
    for name, lost in pending.items():
        content = durable.setdefault(name, bytearray())
        mood = chance.choice(["all", "none", "some", "torn"])
        for one in lost:
            if mood == "all" or (mood != "none" and chance.random() < 0.5):
                _apply(content, one)
            elif mood == "torn" and isinstance(one, Write):
                for piece in _sectors(one):
                    if chance.random() < 0.5:
                        _apply(content, piece)
    for name, content in deleted.items():
        if chance.random() < 0.5:
            durable.setdefault(name, content)
    for name, content in durable.items():
        (folder / name).write_bytes(content)
    return acknowledged


def _sectors(write: Write) -> Iterator[Write]:
    """Yield a write in pieces that end where sectors of the disk do."""
    at = 0
    while at < len(write.data):
        size = SECTOR_BYTES - (write.offset + at) % SECTOR_BYTES
        yield Write(write.name, write.offset + at, write.data[at : at + size])
        at += size


def _apply(content: bytearray, operation: Write | Truncate) -> None:
    if isinstance(operation, Truncate):
        del content[operation.size :]
        content.extend(bytes(operation.size - len(content)))
        return
    if len(content) < operation.offset:
        content.extend(bytes(operation.offset - len(content)))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data


def connect_on(disk: RecordingDisk, path: Path) -> sqlite3.Connection:
    """Open a database on a recording disk; it passes for a connection of `sqlite3`."""
    return ApswConnection(path, disk.vfs)  # type: ignore[return-value] # as much of it as is used
