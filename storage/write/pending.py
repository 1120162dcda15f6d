"""Rows collected from the entries of a group, to be written together at its end."""

from typing import Any

from core.domain.records import Execution
from storage.rows import codec
from storage.write import statement
from storage.write.cached_execution import CachedExecution


class Pending:
    """The rows of one group; of a record that changes several times, only the last version."""

    __slots__ = (
        "begun", "chunks", "ended", "events", "logged", "records", "runs", "sealed", "started",
        "tasks",
    )  # fmt: skip

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.started: dict[int, tuple[Any, ...]] = {}
        self.tasks: dict[int, tuple[Any, ...]] = {}
        self.begun: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.ended: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.chunks: list[tuple[Any, ...]] = []
        self.records: dict[int, Execution] = {}
        self.runs: dict[int, CachedExecution] = {}
        self.logged: dict[int, tuple[int, int]] = {}
        self.sealed: dict[int, Execution | None] = {}

    def put_task(self, key: int, values: tuple[Any, ...]) -> None:
        """Set the newest values of a task run; those of a starting one end with its inputs."""
        before = self.started.get(key)
        if len(values) == statement.START_VALUES:
            self.tasks.pop(key, None)
            self.started[key] = values
        elif before is not None:
            self.started[key] = (*values, before[-1])
        else:
            self.tasks[key] = values

    def put_attempt(self, key: tuple[int, int], values: tuple[Any, ...]) -> None:
        """Set the newest values of an attempt; if it starts, with the fixed columns in front."""
        before = self.begun.get(key)
        if len(values) == len(codec.ATTEMPT):
            self.begun[key] = values
        elif before is not None:
            self.begun[key] = (*before[: len(codec.ATTEMPT_FIXED)], *values)
        else:
            self.ended[key] = values
