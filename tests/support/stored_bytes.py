"""Everything that is stored below a folder, for tests that search it."""

from pathlib import Path


def stored_bytes(folder: Path) -> dict[Path, bytes]:
    """Return the contents of all files below `folder`.

    SQLite moves its write-ahead log into the database and removes it when the last connection is
    closed. If a file was removed while they were read, all are read again: what it held may be in
    one that was read before.
    """
    while True:
        try:
            return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        except FileNotFoundError:
            continue
