"""A witness file: appends heads of logs to it and reads them back."""

import os
from pathlib import Path

from core.audit.format.witness import MAX_LINE_BYTES, witness_line, witnessed_heads
from core.errors import NotFoundError, UnavailableError

_HINT = "--witness-file or the setting witness_file names another file"


class WitnessFile:
    """A file outside the database that remembers the heads of its log.

    It is only ever appended to, so that a medium or a mode of the file system that allows nothing
    else is enough.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def heads(self, log_id: str) -> list[tuple[int, bytes]]:
        """Return (events, root) of the heads of a log, oldest first; none if there is no file."""
        try:
            with self.path.open("rb") as file:
                lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
                return list(witnessed_heads(lines, log_id))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable("read", error) from error

    def require_writable(self) -> None:
        """Raise `UnavailableError` unless a line can be appended; creates the file."""
        try:
            os.close(self._open())
        except OSError as error:
            raise self._unusable("written", error) from error

    def append(self, log_id: str, size: int, root: bytes) -> None:
        """Append a head and return when it is on the disk; `UnavailableError`."""
        line = witness_line(log_id, size, root)
        try:
            file = self._open()
            try:
                end = os.fstat(file).st_size
                if end and os.pread(file, 1, end - 1) != b"\n":
                    line = b"\n" + line  # the last line was cut off by a loss of power
                if os.write(file, line) != len(line):
                    raise OSError(0, "only a part of the line was written")
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise self._unusable("written", error) from error

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)

    def _unusable(self, verb: str, error: OSError) -> UnavailableError:
        return UnavailableError(
            f"the witness file {self.path} cannot be {verb}: {error.strerror or error}", hint=_HINT
        )


def require_heads(path: Path, log_id: str) -> list[tuple[int, bytes]]:
    """Return the heads of a log in a witness file; `NotFoundError` if it has none."""
    found = WitnessFile(path).heads(log_id)
    if not found:
        raise NotFoundError(
            f"the witness file {path} has no head of the log {log_id}",
            hint="it is written with --witness-file; a single head is given with --head",
        )
    return found
