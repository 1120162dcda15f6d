"""Adapters for the contract tests: one on a SQLite file, one in memory."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.domain.records import Attempt, Execution, TaskRun
from core.ports.control import RunnerIdentity
from storage.read.reader import SqliteReader, open_reader
from storage.write.store import Store, open_store
from tests.support.contract_journal import Process
from tests.support.memory_journal import MemoryControl, MemoryJournal, MemoryWorld
from tests.support.story import SteppingClock, StorySigner


class SqliteWorld:
    """A real file; every `open` is another store on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SteppingClock()
        self.stores: list[Store] = []

    async def open(self, runner: RunnerIdentity | None = None) -> Process:
        """Open the file once more, as a process that says it is `runner`."""
        store = await open_store(self.path, StorySigner(), clock=self.clock, runner=runner)
        self.stores.append(store)
        return Process(store.journal, store.control)

    async def close(self) -> None:
        """Close every store."""
        for store in self.stores:
            await store.close()

    @contextlib.contextmanager
    def reader(self) -> Iterator[SqliteReader]:
        """Open a reader for one question."""
        reader = open_reader(self.path)
        try:
            yield reader
        finally:
            reader.close()

    def execution(self, execution_id: str) -> Execution:
        """Return the committed record."""
        with self.reader() as reader:
            return reader.find_execution(execution_id)

    def task_runs(self, execution_id: str) -> Sequence[TaskRun]:
        """Return the committed records."""
        with self.reader() as reader:
            return reader.task_runs(execution_id)

    def attempts(self, execution_id: str) -> Sequence[Attempt]:
        """Return the committed records."""
        with self.reader() as reader:
            return reader.attempts(execution_id)

    def log_data(self, execution_id: str, task_id: str, attempt: int) -> bytes:
        """Return the committed output."""
        with self.reader() as reader:
            rows = reader._connection.execute(
                "SELECT data FROM log_chunk JOIN task_run ON task_run.id = task_run "
                "JOIN execution ON execution.id = log_chunk.execution WHERE execution_id = ? "
                "AND task_id = ? AND log_chunk.attempt = ? ORDER BY chunk",
                (execution_id, task_id, attempt),
            )
            return b"".join(row[0] for row in rows.fetchall())

    def event_count(self) -> int:
        """Return the number of audit events."""
        with self.reader() as reader:
            return reader.last_seq()


class MemoryWorldAdapter:
    """The twin: every `open` is another journal and control on one `MemoryWorld`."""

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.clock = SteppingClock()

    async def open(self, runner: RunnerIdentity | None = None) -> Process:
        """Add a process that says it is `runner`."""
        journal = MemoryJournal(clock=self.clock, world=self.world)
        return Process(journal, MemoryControl(journal, clock=self.clock, runner=runner))

    async def close(self) -> None:
        """Nothing is open."""

    def execution(self, execution_id: str) -> Execution:
        """Return the record."""
        return self.world.runs[execution_id].execution

    def task_runs(self, execution_id: str) -> Sequence[TaskRun]:
        """Return the records in file order."""
        return list(self.world.runs[execution_id].tasks.values())

    def attempts(self, execution_id: str) -> Sequence[Attempt]:
        """Return the records by step and number."""
        run = self.world.runs[execution_id]
        order = {task_id: position for position, task_id in enumerate(run.tasks)}
        return sorted(run.attempts.values(), key=lambda one: (order[one.task_id], one.attempt))

    def log_data(self, execution_id: str, task_id: str, attempt: int) -> bytes:
        """Return the output."""
        return b"".join(
            chunk.data
            for chunk in self.world.chunks
            if (chunk.execution_id, chunk.task_id, chunk.attempt)
            == (execution_id, task_id, attempt)
        )

    def event_count(self) -> int:
        """Return the number of audit events."""
        return self.world.chain.head.size
