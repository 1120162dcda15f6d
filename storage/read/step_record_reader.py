"""Reads the records of steps from the database, for comparisons by several threads."""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from core.errors import UnavailableError
from core.ports.step_record import StepRecordKey, StoredStepRecord
from storage.file.connection import open_readonly, unavailable
from storage.file.step_record_key import read_step_record_key
from storage.rows import codec

_SELECT = "SELECT holder, data FROM step_record WHERE mission = ? AND folder = ? AND step = ?"


class StepRecordReader:
    """Implements `core.ports.StepRecords`. The connection is opened on first use."""

    def __init__(self, path: Path, keys: Path) -> None:
        self._path = path
        self._keys = keys
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

    @cached_property
    def secret(self) -> bytes:
        """The key of the digests, created on first use."""
        return read_step_record_key(self._keys)

    def read(self, keys: Sequence[StepRecordKey]) -> Mapping[StepRecordKey, StoredStepRecord]:
        """Return those of the records that exist."""
        found = {}
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the records of steps were closed")
            try:
                if self._connection is None:
                    self._connection = open_readonly(self._path)
                for key in keys:
                    names = (codec.text(key.mission), codec.text(key.folder), codec.text(key.step))
                    row = self._connection.execute(_SELECT, names).fetchone()
                    if row is not None:
                        found[key] = StoredStepRecord(*row)
            except sqlite3.Error as error:
                raise unavailable(error, self._path) from error
        return found

    def close(self) -> None:
        """Close the connection, if it was opened."""
        with self._lock:
            self._is_closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
