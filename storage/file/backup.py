"""Consistent copies of the database; copying only the main file would lose what is in the WAL."""

import sqlite3
from pathlib import Path

from storage.file.private_file import create_private_file


def copy_into(connection: sqlite3.Connection, target: Path) -> None:
    """Write a consistent, compact copy to `target`, a new file of mode 0600 (`VACUUM INTO`).

    Raises `FileExistsError` when the target exists, `sqlite3.Error` when it cannot be written.
    """
    create_private_file(target)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error:
        target.unlink(missing_ok=True)
        raise
