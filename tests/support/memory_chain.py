"""An audit log in memory, the counterpart of the one in SQLite; tests can damage it in any way."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from core.audit.chain.chain import EMPTY_HEAD, ChainWriter, Link, SubChain, encode_head
from core.audit.format.checkpoint import log_verifier, origin_of, sign_checkpoint
from core.audit.format.key_revocation import KEY_REVOKED, revocation_details
from core.audit.format.key_rotation import KEY_ROTATED, rotation_details
from core.audit.verify.source import (
    ATTEMPT,
    EXECUTION,
    MISSION,
    TASK_RUN,
    OutputChunk,
    Record,
    Row,
)
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    Noted,
    StepExpanded,
    TaskStateChanged,
    dump_json,
    error_json,
)
from core.domain.fold import Snapshot, apply
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream, TaskError
from core.domain.states import AttemptState, ExecutionState, State, TaskState
from core.ports.journal import LogSegment
from storage.rows.codec import text

LOG_ID = "0193c0de-0000-7000-8000-000000000001"
START = 1_700_000_000_000_000_000
MISSION_CONTENT = b"name: release\n"
MISSION_DIGEST = hashlib.sha256(MISSION_CONTENT).hexdigest()


class MemorySigner:
    """An Ed25519 key made from a seed of one byte."""

    def __init__(self, seed: int = 1) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.key_name = "test"
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


class MemoryLog:
    """Implements `ChainSource`. Whatever it holds may be edited, like rows of a table.

    `commit` is one transaction: events, records and a checkpoint.
    """

    def __init__(self, log_id: str = LOG_ID, signer: MemorySigner | None = None) -> None:
        self.stored_log_id: object = log_id
        self.signer = signer or MemorySigner()
        self.verifier = log_verifier(log_id, self.signer.public_key)
        self.trusted = [self.verifier.vkey]
        self.revoked: list[tuple[str, str]] = []
        self.signing_vkey: str | None = None
        self.event_rows: list[list[Any]] = []
        self.notes: list[list[Any]] = []
        self.stored_head: object = None
        self.execution_rows: dict[str, dict[str, Any]] = {}
        self.task_rows: dict[str, list[dict[str, Any]]] = {}
        self.attempt_rows: dict[str, list[dict[str, Any]]] = {}
        self.mission_rows: list[list[Any]] = []
        """Digest, content, name, format, first seen."""
        self.file_problems: list[tuple[str, str]] = []
        self.stored_output: dict[tuple[str, str, int], list[Any]] = {}
        self.subs: dict[str, SubChain] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.run_numbers: dict[str, int] = {}
        self.last_numbers: dict[object, Any] = {}
        self.latest_output = 0
        """The instant of the latest line of output."""
        self.signs_run_numbers = True
        """False: creations are written as by the versions that knew no run numbers."""
        random = Random(log_id)
        self.sealed: set[str] = set()
        self.writer = ChainWriter(log_id, EMPTY_HEAD, random=random.randbytes, now=lambda: START)
        self.writer.start_log(self.verifier.vkey, START)
        self._store(self.writer.take_links())

    def commit(self, *events: Event, finalize: bool = False) -> None:
        """Append events of one execution (or of none) and project them."""
        for event in events:
            sub = None
            if event.execution_id:
                sub = self.subs.setdefault(event.execution_id, SubChain(event.execution_id))
                snapshot = self.snapshots.setdefault(event.execution_id, Snapshot())
                signed = event
                if isinstance(event, ExecutionCreated) and event.run_number is None:
                    event = replace(event, run_number=self._next_number(event.workflow_id))
                    signed = event if self.signs_run_numbers else signed
                apply(snapshot, event)
                event = signed
            self.writer.append_event(event, sub)
        if finalize:
            self.sealed.add(events[-1].execution_id)
            self.writer.finalize(self.subs[events[-1].execution_id], events[-1].at + 1)
        self._store(self.writer.take_links())
        for event in events:
            if isinstance(event, ExecutionCreated) and not self.mission_rows:
                self.mission_rows.append(
                    [MISSION_DIGEST, MISSION_CONTENT, "release.yaml", "yaml", event.at]
                )
        for execution_id in {event.execution_id for event in events if event.execution_id}:
            self._project(execution_id)

    def rotate(self, signer: MemorySigner, **forged: str) -> None:
        """Hand the log over to another key; `forged` replaces fields of the statement."""
        head = self.writer.head
        details = rotation_details(self.writer.log_id, head.size, head.root, self.signer, signer)
        self._note_key(KEY_ROTATED, details | forged)
        self.signer = signer
        self.signing_vkey = details["new"]

    def revoke(
        self, public_key: bytes, from_seq: int = 0, forged: Mapping[str, object] | None = None
    ) -> None:
        """Revoke a key from an event on; `forged` replaces fields of the details."""
        details = revocation_details(self.writer.log_id, public_key, "stolen", from_seq)
        self._note_key(KEY_REVOKED, {**details, **(forged or {})})

    def _note_key(self, kind: str, details: Mapping[str, object]) -> None:
        self.writer.append(
            type=kind,
            actor="ada",
            target=f"log/{self.writer.log_id}",
            details=details,
            at=self.writer.head.last_ts + 1,
            sub=None,
        )
        self._store(self.writer.take_links())

    def _next_number(self, workflow_id: str) -> int:
        self.run_numbers[workflow_id] = self.run_numbers.get(workflow_id, 0) + 1
        number = self.run_numbers[workflow_id]
        self.last_numbers[workflow_id] = max(number, self.last_numbers.get(workflow_id, 0))
        return number

    def _store(self, links: Iterable[Link]) -> None:
        self.event_rows += [list(link) for link in links]
        head = self.writer.head
        self.stored_head = encode_head(head)
        origin = origin_of(self.writer.log_id)
        self.notes.append([head.size, sign_checkpoint(origin, head.size, head.root, self.signer)])

    def _project(self, execution_id: str) -> None:
        snapshot = self.snapshots[execution_id]
        snapshot.take_changes()
        sub = self.subs[execution_id]
        self.execution_rows[execution_id] = _columns(snapshot.current, EXECUTION) | {
            "task_count": len(snapshot.tasks),
            "chain_events": sub.events,
            "chain_first_seq": sub.first_seq,
            "chain_last_seq": sub.last_seq,
            "chain_last_hash": sub.last_hash,
            "sealed": int(execution_id in self.sealed),
        }
        self.task_rows[execution_id] = [
            _columns(task, TASK_RUN)
            for task in sorted(snapshot.tasks.values(), key=lambda task: task.position)
        ]
        self.attempt_rows[execution_id] = [
            _columns(attempt, ATTEMPT)
            for task_id in snapshot.tasks
            for attempt in snapshot.attempts.get(task_id, ())
        ]

    # --- ChainSource -------------------------------------------------------------------------

    def problems(self) -> Iterator[tuple[str, str]]:
        return iter(self.file_problems)

    def meta(self) -> Record:
        return {
            "log_id": self.stored_log_id,
            "created_at": str(START),
            "vkey": self.verifier.vkey,
        } | ({} if self.signing_vkey is None else {"signing_vkey": self.signing_vkey})

    def rows(self, *, after: int = 0) -> Iterator[Row]:
        return (
            row
            for row in sorted(self.event_rows, key=_number)
            if after <= 0 or _number(row) > after
        )

    def head(self) -> object:
        return self.stored_head

    def checkpoints(self, *, after: int = 0) -> Iterator[tuple[object, object]]:
        notes = sorted(self.notes, key=_number)
        return iter([(row[0], row[1]) for row in notes if after <= 0 or _number(row) > after])

    def last_checkpoint(self) -> tuple[object, object] | None:
        return max(self.checkpoints(), key=_number, default=None)

    def anchors(self, limit: int) -> Iterator[tuple[object, object]]:
        found = [(row[0], row[10]) for row in self.event_rows if row[3] == "audit.anchored"]
        return iter(found[-limit:])

    def prunes(self) -> Iterator[tuple[object, object]]:
        return iter(())

    def prune_rows(self) -> Iterator[tuple[object, object, object, object]]:
        return iter(())

    def output_gaps(self) -> Iterator[tuple[int, int]]:
        return iter(())

    def vkeys(self) -> Iterable[str]:
        return self.trusted

    def revoked_vkeys(self) -> Iterable[tuple[str, str]]:
        return self.revoked

    def missions(self) -> Iterator[Record]:
        order = ("digest", "content", "name", "format", "first_seen")
        assert sorted(order) == sorted(MISSION)
        return iter([dict(zip(order, row, strict=True)) for row in self.mission_rows])

    def last_run_numbers(self) -> Iterator[tuple[object, object]]:
        return iter(self.last_numbers.items())

    def execution_ids(self) -> Iterator[object]:
        return iter([row["execution_id"] for row in self.execution_rows.values()])

    def execution(self, execution_id: str) -> Record | None:
        rows = [r for r in self.execution_rows.values() if r["execution_id"] == execution_id]
        return rows[0] if rows else None

    def task_runs(self, execution_id: str) -> Iterator[Record]:
        return iter(self.task_rows.get(execution_id, []))

    def attempts(self, execution_id: str) -> Iterator[Record]:
        return iter(self.attempt_rows.get(execution_id, []))

    def attempts_with_output(self, execution_id: str) -> Iterator[tuple[object, object]]:
        return (
            (task_id, attempt)
            for owner, task_id, attempt in self.stored_output
            if owner == execution_id
        )

    def output(self, execution_id: str, task_id: str, attempt: int) -> Iterator[OutputChunk]:
        stored = self.stored_output.get((execution_id, task_id, attempt), [])
        first_seq = 1
        for number, data in enumerate(stored, 1):
            is_whole = isinstance(data, bytes)
            lines = data.count(b"\n") if is_whole else 0
            columns = {
                "execution_id": execution_id, "row": number, "chunk": number,
                "first_seq": first_seq, "lines": lines, "data": data,
            }  # fmt: skip
            origin = (START, LogStream.STDOUT, LogLevel.INFO, "process")
            yield OutputChunk(
                columns=columns,
                segments=(LogSegment(*origin, len(data), lines),) if is_whole else None,
                derived={"lines": lines},
            )
            first_seq += lines

    def output_totals(self, execution_id: str) -> tuple[object, object]:
        chunks = [
            chunk
            for (owner, task_id, attempt) in self.stored_output
            if owner == execution_id
            for chunk in self.output(owner, task_id, attempt)
        ]
        return sum(chunk.columns["lines"] for chunk in chunks), self.latest_output  # type: ignore[misc]  # numbers


def _number(row: Sequence[Any]) -> int:
    return row[0] if row and type(row[0]) is int else 0


def _columns(record: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: _value(name, getattr(record, name)) for name in names}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in ("params", "counts", "item_counts", "inputs", "outputs", "item", "census"):
        return dump_json(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, TaskError):
        return dump_json(error_json(value))
    if isinstance(value, State | Reason):
        return value.value
    if isinstance(value, str):
        return text(value)  # as a table keeps it
    return value


EXECUTION_ID = "0193c0de-0000-7000-8000-00000000000a"


def a_run(
    execution_id: str = EXECUTION_ID, start: int = START + 1000
) -> Iterator[tuple[tuple[Event, ...], bool]]:
    """Yield an execution as its transactions: (events, is it the last).

    `fetch` succeeds with output; `build` fails, is retried and succeeds; `each` fans out over two
    items; `ship` is skipped because somebody cancelled.
    """
    clock = iter(range(start, start + 10_000_000, 1000))
    common: dict[str, Any] = {"execution_id": execution_id}

    def task(
        task_id: str, source: TaskState, target: TaskState, reason: Reason, **more: Any
    ) -> Event:
        return TaskStateChanged(
            **common, at=next(clock), task_id=task_id, from_state=source, to_state=target,
            reason_code=reason, **more,
        )  # fmt: skip

    def started(task_id: str, attempt: int, **inputs: Any) -> Event:
        return AttemptStarted(
            **common, at=next(clock), task_id=task_id, attempt=attempt, inputs=inputs
        )

    def ended(task_id: str, attempt: int, to: AttemptState, reason: Reason, **more: Any) -> Event:
        return AttemptEnded(
            **common, at=next(clock), task_id=task_id, attempt=attempt, to_state=to,
            reason_code=reason, **more,
        )  # fmt: skip

    t = TaskState
    yield (
        (
            ExecutionCreated(
                **common,
                at=next(clock),
                actor="ada",
                workflow_id="0193c0de-0000-5000-8000-00000000000b",
                mission_name="release \ud800 \u2028 \U0001f680",
                mission_digest=MISSION_DIGEST,
                step_ids=("fetch", "build", "each", "ship"),
                params={"target": "staging", "ratio": 0.5, "big": 2**70},
                source_path="/missions/release.yaml",
            ),
            ExecutionStateChanged(
                **common,
                at=next(clock),
                from_state=ExecutionState.PENDING,
                to_state=ExecutionState.RUNNING,
                reason_code=Reason.STARTED,
            ),
            task("fetch", t.PENDING, t.READY, Reason.DEPS_MET),
            started("fetch", 1, url="https://example.com/\u2603"),
        ),
        False,
    )
    yield (
        (
            ended(
                "fetch", 1, AttemptState.SUCCESS, Reason.EXIT_ZERO, exit_code=0,
                outputs={"size": 12.5}, **sealed_log(b"fetched\n"),
            ),
            task("fetch", t.RUNNING, t.SUCCESS, Reason.EXIT_ZERO),
            task("build", t.PENDING, t.READY, Reason.DEPS_MET),
            started("build", 1),
        ),
        False,
    )  # fmt: skip
    yield (
        (
            ended(
                "build", 1, AttemptState.FAILED, Reason.EXIT_NONZERO, exit_code=2,
                message="exit \x00 2", error=TaskError(message="no", kind="Exit", exit_code=2),
                **sealed_log(b"trying\n", b"failed\n"), census={"processes": 1, "survivors": 0},
            ),
            task("build", t.RUNNING, t.WAITING, Reason.BACKOFF, resume_at=start + 10**9),
            task("each", t.PENDING, t.READY, Reason.DEPS_MET),
            StepExpanded(**common, at=next(clock), task_id="each", items=("a", {"b": [1, None]})),
        ),
        False,
    )  # fmt: skip
    yield (
        (
            task("build", t.WAITING, t.READY, Reason.DEPS_MET),
            started("build", 2),
            ended("build", 2, AttemptState.SUCCESS, Reason.EXIT_ZERO, exit_code=0, outputs={}),
            task("build", t.RUNNING, t.SUCCESS, Reason.EXIT_ZERO),
            Noted(
                **common, at=next(clock), kind="request.refused", task_id="ship",
                facts={"rule": "deny \udc80", "score": 0.5, "größe": 1, "n": {"\U0001f680": 2**60}},
            ),
            CancelRequested(**common, at=next(clock), actor="eve \udcff", message="stop"),
        ),
        False,
    )  # fmt: skip
    yield (
        (
            task("ship", t.PENDING, t.SKIPPED, Reason.USER_CANCELLED, message="x" * 5000),
            task("each[0]", t.PENDING, t.CANCELLED, Reason.USER_CANCELLED),
            task("each[1]", t.PENDING, t.CANCELLED, Reason.USER_CANCELLED),
            task("each", t.RUNNING, t.CANCELLED, Reason.USER_CANCELLED),
            ExecutionStateChanged(
                **common,
                at=next(clock),
                from_state=ExecutionState.RUNNING,
                to_state=ExecutionState.CANCELLED,
                reason_code=Reason.USER_CANCELLED,
            ),
        ),
        True,
    )


def sealed_log(*chunks: bytes) -> dict[str, Any]:
    """Return the fields of an `AttemptEnded` that seal this output."""
    data = b"".join(chunks)
    return {
        "log_entry_count": data.count(b"\n"),
        "log_bytes": len(data),
        "log_digest": hashlib.sha256(data).hexdigest(),
    }


def a_log(
    executions: int = 1,
    *,
    whole: bool = True,
    signs_run_numbers: bool = True,
    forgets_run_numbers: bool = False,
) -> MemoryLog:
    """Return a log with so many executions of `a_run`, the last one unfinished unless `whole`."""
    log = MemoryLog()
    log.signs_run_numbers = signs_run_numbers
    log.commit(Noted(at=START + 10, execution_id="", kind="mission.validated", facts={"ok": True}))
    for number in range(executions):
        execution_id = EXECUTION_ID[:-1] + "abcdef"[number]
        if forgets_run_numbers:
            log.run_numbers.clear()
        for events, is_last in a_run(execution_id, START + 1000 + number * 10**7):
            if whole or number < executions - 1 or not is_last:
                log.commit(*events, finalize=is_last)
        log.stored_output[execution_id, "fetch", 1] = [b"fetched\n"]
        log.stored_output[execution_id, "build", 1] = [b"trying\n", b"failed\n"]
    return log
