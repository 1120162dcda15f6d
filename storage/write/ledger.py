"""Writes one group of batches, output and calls as one transaction (group commit).

A transaction holds events, records, log chunks, the new head and a signed checkpoint. Runs on the
connection's thread only. Everything cached between transactions (the head of the chain, the state
of executions) is dropped when `PRAGMA data_version` shows that another process has written, or
when a transaction was rolled back.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from core.audit.chain.chain import ChainWriter, SubChain, decode_head, encode_head
from core.audit.format.checkpoint import log_verifier, origin_of, sign_checkpoint
from core.domain.events import ExecutionCreated
from core.domain.records import Execution, TaskRun
from core.domain.states import AttemptState
from core.errors import BugError, ConflictError, LeaseHeldError, NotFoundError, UnavailableError
from core.launch.run_number import numbered
from core.ports.clock import Clock, Signer
from core.ports.control import TOO_LATE, RequestOutcome
from core.ports.journal import Batch, Receipt
from core.ports.step_record import StepRecordChange
from storage.file.connection import retry_while_busy, rollback
from storage.rows import codec
from storage.rows.lease import HeldLeases
from storage.rows.segment import open_streams
from storage.write import statement
from storage.write.cached_execution import CachedExecution, load_execution
from storage.write.entry import BatchEntry, CallEntry, ChunkEntry, NoteEntry, Work
from storage.write.pending import Pending

_HEAD = "SELECT data, (SELECT value FROM meta WHERE key = 'signing_vkey') FROM head"


class Ledger:
    """Writes groups of work, each in one transaction."""

    def __init__(self, log_id: str, signer: Signer, clock: Clock, leases: HeldLeases) -> None:
        self._chain = ChainWriter(log_id, now=clock.now)
        self._origin = origin_of(log_id)
        self._signer = signer
        self._vkey = log_verifier(log_id, signer.public_key).vkey
        self._clock = clock
        self._leases = leases
        self._head_version: int | None = None
        self._head = self._chain.head
        self._executions: dict[str, CachedExecution] = {}
        self._pending = Pending()

    def write(self, connection: sqlite3.Connection, group: Sequence[Work]) -> list[Any]:
        """Write `group` in one transaction and return the result of each entry, in order.

        The result of a batch is a `Receipt`, that of a refused entry the exception. An error that
        concerns the whole group is raised after a rollback.
        """
        for entry in group:
            if isinstance(entry, ChunkEntry) or (
                isinstance(entry, BatchEntry) and not _creates(entry.batch)
            ):
                entry.encode()
        retry_while_busy(lambda: connection.execute("BEGIN IMMEDIATE"))
        try:
            self._refresh(connection)
            results = [self._apply(connection, entry) for entry in group]
            root = self._flush(connection)
            connection.execute("COMMIT")
        except BaseException:
            self._forget()
            rollback(connection)
            raise
        self._settle()
        size = self._head.size
        return [
            Receipt(
                size=size, root=root, execution_events=found.events, run_number=found.run_number
            )
            if isinstance(found, _Added)
            else found
            for found in results
        ]

    # --- the cache ---------------------------------------------------------------------------

    def _refresh(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._head_version:
            row = connection.execute(_HEAD).fetchone()
            if row is None:
                raise UnavailableError("the head of the audit log is missing from the database")
            if row[1] not in (None, self._vkey):
                raise UnavailableError(
                    "the audit key was rotated while this process used the old one",
                    hint="start the command again; `mission resume` continues an execution",
                )
            self._head = decode_head(row[0])
            self._head_version = version
            for run in self._executions.values():
                run.is_fresh = False
        self._chain.rebase(self._head)

    def _forget(self) -> None:
        self._head_version = None
        self._executions.clear()
        self._leases.discard()
        self._pending = Pending()

    def _settle(self) -> None:
        self._head = self._chain.head
        if self._leases.settle():
            for run in self._executions.values():
                run.is_fresh = False
        for execution_id in [key for key, run in self._executions.items() if run.sealed]:
            del self._executions[execution_id]
        self._pending = Pending()

    def _execution(
        self, connection: sqlite3.Connection, execution_id: str
    ) -> CachedExecution | None:
        """Return the execution, after checking that this process may write to it (fencing)."""
        known = self._executions.get(execution_id)
        if known is not None and known.is_fresh:
            return known
        run = load_execution(connection, execution_id, known)
        self._leases.check_writer(connection, execution_id, self._clock.now())
        if run is not None:
            self._executions[execution_id] = run
        return run

    # --- one entry ---------------------------------------------------------------------------

    def _apply(self, connection: sqlite3.Connection, entry: Work) -> Any:
        if isinstance(entry, ChunkEntry):
            return self._add_chunk(connection, entry)
        try:
            if isinstance(entry, CallEntry):
                return entry.function(connection, self._leases)
            if isinstance(entry, NoteEntry):
                return self._add_note(connection, entry)
            return self._add_batch(connection, entry)
        except (ConflictError, NotFoundError) as refusal:  # raised before the entry wrote anything
            return refusal

    def _add_note(self, connection: sqlite3.Connection, entry: NoteEntry) -> int:
        entry.check(connection)
        self._chain.append_event(entry.event, None)
        self._take_links(None)
        seq = self._chain.head.size
        entry.then(connection, seq)
        return seq

    def _add_batch(self, connection: sqlite3.Connection, entry: BatchEntry) -> "_Added":
        batch = entry.batch
        if not batch.execution_id:
            for event in batch.events:
                self._chain.append_event(event, None)
            self._take_links(None)
            return _Added(0)
        run = self._execution(connection, batch.execution_id)
        number = None
        if _creates(batch):
            number, batch = self._number(connection, batch, run)
            run = self._create(connection, batch)
        elif run is None:
            raise NotFoundError(f"there is no execution {batch.execution_id}")
        elif run.sealed:
            raise ConflictError(f"execution {batch.execution_id} has ended and is sealed")
        else:
            self._add_records(connection, run, entry)
        for outcome in batch.outcomes:
            self._settle_request(connection, outcome)
        for change in batch.step_records:
            self._keep_step_record(connection, change)
        for event in batch.events:
            self._chain.append_event(event, run.sub)
        if batch.finalize:
            self._chain.finalize(run.sub, self._clock.now())
            run.sealed = True
            connection.execute(
                statement.SETTLE_LATE_REQUESTS, (TOO_LATE, self._clock.now(), run.row_id)
            )
            self._pending.sealed[run.row_id] = self._pending.records.get(run.row_id)
        self._take_links(run)
        self._pending.runs[run.row_id] = run
        return _Added(run.sub.events, number)

    def _number(
        self, connection: sqlite3.Connection, batch: Batch, known: CachedExecution | None
    ) -> tuple[int, Batch]:
        """Assign the next run number of its workflow to a new execution; `ConflictError`."""
        record = _created(batch)
        if known is not None:
            raise ConflictError(f"execution {batch.execution_id} exists already")
        if record.run_key is not None:
            self._check_run_key(connection, record)
        ((number,),) = connection.execute(statement.TAKE_RUN_NUMBER, (record.workflow_id,))
        return number, numbered(batch, number)

    def _create(self, connection: sqlite3.Connection, batch: Batch) -> CachedExecution:
        record = _created(batch)
        run = CachedExecution(row_id=0, sub=SubChain(batch.execution_id))
        inserted = connection.execute(statement.INSERT_EXECUTION, codec.execution_row(record))
        run.row_id = inserted.lastrowid or 0
        if batch.mission is not None:
            mission = batch.mission
            connection.execute(
                statement.INSERT_MISSION,
                (mission.digest, codec.text(mission.name), mission.format, mission.content,
                 record.created_at),
            )  # fmt: skip
        self._executions[batch.execution_id] = run
        self._insert_tasks(connection, run, batch.changes.tasks)
        texts = codec.JsonTexts()
        for attempt in batch.changes.attempts:
            key = (run.task_run(attempt.task_id), attempt.attempt)
            self._pending.begun[key] = (
                *codec.attempt_start(attempt, texts),
                *codec.attempt_end(attempt, texts),
            )
        return run

    def _check_run_key(self, connection: sqlite3.Connection, record: Execution) -> None:
        row = connection.execute(
            statement.SELECT_RUN_KEY, (record.workflow_id, codec.text(record.run_key))
        ).fetchone()
        if row is not None:
            raise ConflictError(
                f"the run key {record.run_key!r} was already used by execution {row[0]}",
                hint="`mission show` prints it; use another key to run the mission again",
            )

    def _insert_tasks(
        self, connection: sqlite3.Connection, run: CachedExecution, tasks: Sequence[TaskRun]
    ) -> None:
        """Insert task runs and cache their positions, which must follow the existing ones."""
        for count, task in enumerate(tasks, run.task_count):
            if task.position != count:
                raise BugError(f"step {task.task_id!r} is at {task.position}, not at {count}")
            run.positions[task.task_id] = count
        run.task_count += len(tasks)
        first = run.row_id << codec.POSITION_BITS
        texts = codec.JsonTexts()
        statement.insert_rows(
            connection,
            statement.INSERT_TASK_RUN,
            (
                (first + task.position, run.row_id, *codec.task_run_row(task, texts))
                for task in tasks
            ),
        )

    def _add_records(
        self, connection: sqlite3.Connection, run: CachedExecution, entry: BatchEntry
    ) -> None:
        changes = entry.batch.changes
        pending = self._pending
        added = []
        for task, values in zip(changes.tasks, entry.tasks, strict=True):
            if task.position < run.task_count:
                key = (run.row_id << codec.POSITION_BITS) + task.position
                pending.put_task(key, values)
            else:
                added.append(task)
        if added:
            self._insert_tasks(connection, run, added)
        for attempt, row in zip(changes.attempts, entry.attempts, strict=True):
            found = (run.task_run(attempt.task_id), attempt.attempt)
            pending.put_attempt(found, row)
            if attempt.state is not AttemptState.RUNNING:
                run.open_streams.pop(found, None)
        if changes.execution is not None:
            pending.records[run.row_id] = changes.execution

    def _settle_request(self, connection: sqlite3.Connection, found: RequestOutcome) -> None:
        word = "done" if found.done else "refused"
        values = (word, codec.text(found.why), self._clock.now(), found.request_id)
        connection.execute(statement.SETTLE_REQUEST, values)

    def _keep_step_record(self, connection: sqlite3.Connection, change: StepRecordChange) -> None:
        key, now = change.key, self._clock.now()
        names = (codec.text(key.mission), codec.text(key.folder), codec.text(key.step))
        if change.data is None:
            values: tuple[Any, ...] = (*names, codec.text(change.holder), now)
            connection.execute(statement.BEGIN_STEP_RECORD, values)
        else:
            values = (change.data, now, *names, codec.text(change.holder))
            connection.execute(statement.KEEP_STEP_RECORD, values)

    def _add_chunk(self, connection: sqlite3.Connection, entry: ChunkEntry) -> None:
        """Add output; drop it if another runner has taken over the execution."""
        chunk = entry.chunk
        try:
            run = self._execution(connection, chunk.execution_id)
        except LeaseHeldError:
            return
        if run is None or run.sealed:
            raise BugError(f"output of execution {chunk.execution_id}, which is not running")
        key = (run.task_run(chunk.task_id), chunk.attempt)
        before = run.open_streams.get(key)
        if before is None:
            row = connection.execute(statement.SELECT_OPEN_STREAMS, key).fetchone()
            before = 0 if row is None else row[0]
        left = run.open_streams[key] = open_streams(chunk.segments, chunk.data, before)
        lines, at_first, at_last, streams, levels, packed = entry.values
        self._pending.chunks.append(
            (run.row_id, *key, chunk.chunk, chunk.first_seq, lines, at_first, at_last, streams,
             levels, left, packed, chunk.data)
        )  # fmt: skip
        count, latest = self._pending.logged.get(run.row_id, (0, 0))
        self._pending.logged[run.row_id] = (count + lines, max(latest, at_last))

    def _take_links(self, run: CachedExecution | None) -> None:
        rows = self._pending.events
        for link in self._chain.take_links():
            (
                seq, event_id, ts, kind, actor, target, execution_id, exec_seq, task_id, attempt,
                body, digest,
            ) = link  # fmt: skip
            owner = task_run = None
            if execution_id is not None and run is not None:
                owner = run.row_id
                if task_id is not None:
                    task_run = run.task_run(task_id)
            rows.append(
                (seq, event_id, ts, kind, actor, target, owner, exec_seq, task_run, attempt,
                 body, digest)
            )  # fmt: skip

    # --- the end of the group ----------------------------------------------------------------

    def _flush(self, connection: sqlite3.Connection) -> str:
        """Write everything pending, head and checkpoint; return the root of the tree (hex)."""
        pending = self._pending
        many, insert = connection.executemany, statement.insert_rows
        if pending.events:
            insert(connection, statement.INSERT_EVENT, pending.events)
        if pending.started:
            many(statement.START_TASK_RUN, ((*row, key) for key, row in pending.started.items()))
        if pending.tasks:
            many(statement.UPDATE_TASK_RUN, ((*row, key) for key, row in pending.tasks.items()))
        if pending.begun:
            begun = ((key[0], *row) for key, row in pending.begun.items())
            insert(connection, statement.INSERT_ATTEMPT, begun)
        if pending.ended:
            ended = ((*row, *key) for key, row in pending.ended.items())
            if many(statement.END_ATTEMPT, ended).rowcount != len(pending.ended):
                raise BugError("an attempt ended that never started")
        if pending.chunks:
            many(statement.INSERT_LOG_CHUNK, pending.chunks)
        for row_id, (count, latest) in pending.logged.items():
            connection.execute(statement.COUNT_LOGS, (count, latest, row_id))
        for row_id, run in pending.runs.items():
            sub = run.sub
            place = (
                run.task_count, sub.events, sub.first_seq, sub.last_seq, sub.last_hash, row_id,
            )  # fmt: skip
            record = pending.records.get(row_id)
            if record is None:
                connection.execute(statement.UPDATE_CHAIN, place)
                continue
            if run.record is not None and codec.is_progress(run.record, record):
                values = codec.execution_progress(record)
                connection.execute(statement.UPDATE_PROGRESS, (*values, *place))
            else:
                values = codec.execution_changes(record)
                connection.execute(statement.UPDATE_EXECUTION, (*values, *place))
            run.record = record
        for row_id, sealed in pending.sealed.items():
            _seal(connection, row_id, sealed)
        head = self._chain.head
        root = head.root
        if pending.events:
            connection.execute("UPDATE head SET data = ?", (encode_head(head),))
            note = sign_checkpoint(self._origin, head.size, root, self._signer)
            connection.execute(statement.INSERT_CHECKPOINT, (head.size, note))
        return root.hex()


class _Added(Struct, frozen=True):
    """What the receipt of a batch will say about its execution."""

    events: int
    run_number: int | None = None


def _seal(connection: sqlite3.Connection, row_id: int, record: Execution | None) -> None:
    """Seal an execution: its counters become those of the audit chain, and are final."""
    if record is None:
        connection.execute("UPDATE execution SET sealed = 1 WHERE id = ?", (row_id,))
        return
    connection.execute(
        "UPDATE execution SET sealed = 1, log_entry_count = ?, updated_at = ? WHERE id = ?",
        (record.log_entry_count, record.updated_at, row_id),
    )


def _created(batch: Batch) -> Execution:
    """Return the record of the execution that a batch creates."""
    record = batch.changes.execution
    if record is None:
        raise BugError("the batch that creates an execution has no record of it")
    return record


def _creates(batch: Batch) -> bool:
    return bool(batch.events) and isinstance(batch.events[0], ExecutionCreated)
