"""Builders for the history of an execution: events folded into batches, output, clocks, keys."""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from core.audit.format.key import Verifier
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import MissionSource
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream, TaskError, TaskRun
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.explain.error_line import brief_error
from core.output.log_digest import LogDigest
from core.ports.control import RunnerIdentity
from core.ports.journal import Batch, LogChunk, LogSegment

EPOCH = 1_700_000_000_000_000_000

ELSEWHERE = RunnerIdentity(pid=1, start_time=1, boot_id="another", host="another.example")
"""A runner on another machine, which cannot be observed: only its lease counts."""


class SteppingClock:
    """A wall clock that goes on a microsecond at every look, and as told."""

    def __init__(self, start: int = EPOCH) -> None:
        self.at = start

    def now(self) -> int:
        """Return the next microsecond."""
        self.at += 1000
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += round(seconds * 1_000_000_000)


class StorySigner:
    """An Ed25519 key made from one byte, so that two processes can have the same."""

    key_name = "story"

    def __init__(self, seed: int = 7) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`."""
        return self._key.sign(message)

    def vkey(self, log_id: str) -> str:
        """Return the public key as verification of that log wants it."""
        return Verifier(f"missiondeck/{log_id}", self.public_key).vkey


class Story:
    """One execution: every verb emits events, `batch` takes what was emitted since the last.

    Its run number is `number`, which is what a journal gives to stories that come in their order.
    """

    def __init__(self, *steps: str, clock: Any = None, number: int = 1, **fields: Any) -> None:
        self.clock = clock or SteppingClock()
        self.execution_id = str(UUID(int=(0x0190 << 112) + (7 << 76) + (2 << 62) + number))
        self.snapshot = Snapshot()
        self.steps = steps
        self.events: list[Event] = []
        self._emitted: list[Event] = []
        self._chunks: dict[tuple[str, int], int] = {}
        self._seqs: dict[tuple[str, int], int] = {}
        self._bytes: dict[tuple[str, int], int] = {}
        self._digests: dict[tuple[str, int], LogDigest] = {}
        content = b"name: story\n"
        self.mission = MissionSource(
            digest=hashlib.sha256(content).hexdigest(), name="story", content=content, format="yaml"
        )
        birth: dict[str, Any] = {
            "workflow_id": "w-1",
            "mission_name": "story",
            "run_number": number,
        }
        self._fields = birth | fields

    def emit(self, event: Event) -> None:
        """Fold an event of any kind."""
        apply(self.snapshot, event)
        self.events.append(event)
        self._emitted.append(event)

    def create(self) -> "Story":
        """Emit the creation."""
        self.emit(
            ExecutionCreated(
                **self._about(),
                mission_digest=self.mission.digest,
                step_ids=self.steps,
                **self._fields,
            )
        )
        return self

    def move(
        self, to: ExecutionState, reason: Reason = Reason.STARTED, message: str | None = None
    ) -> "Story":
        """Emit a transition of the execution."""
        self.emit(
            ExecutionStateChanged(
                **self._about(),
                from_state=self.snapshot.current.state,
                to_state=to,
                reason_code=reason,
                message=message,
            )
        )
        return self

    def task(self, step: str, to: TaskState, reason: Reason, **fields: Any) -> "Story":
        """Emit a transition of a step."""
        self.emit(
            TaskStateChanged(
                **self._about(),
                task_id=step,
                from_state=self.snapshot.tasks[step].state,
                to_state=to,
                reason_code=reason,
                **fields,
            )
        )
        return self

    def begin(self, step: str, **fields: Any) -> "Story":
        """Emit the start of the next attempt of a step, made READY first when it is PENDING."""
        task = self.snapshot.tasks[step]
        if task.state is TaskState.PENDING:
            self.task(step, TaskState.READY, Reason.DEPS_MET)
            task = self.snapshot.tasks[step]
        self.emit(
            AttemptStarted(
                **self._about(),
                task_id=step,
                attempt=task.attempt + 1,
                from_state=task.state,
                **({"inputs": {"command": "true", "step": step}} | fields),
            )
        )
        return self

    def end(self, step: str, state: AttemptState = AttemptState.SUCCESS, **fields: Any) -> "Story":
        """Emit the end of a step's attempt, its log counted as appended; the step follows it."""
        ok = state is AttemptState.SUCCESS
        attempt = self.snapshot.tasks[step].attempt
        digest = self._digests.get((step, attempt))
        error = TaskError(message="exit 1", kind="ExitCode", stack_trace="boom\n", exit_code=1)
        reason = Reason.EXIT_ZERO if ok else Reason.EXIT_NONZERO
        usual: dict[str, Any] = {
            "exit_code": 0 if ok else 1,
            "outputs": {"exit_code": 0} if ok else None,
            "error": None if ok else error,
            "log_entry_count": self._seqs.get((step, attempt), 0),
            "log_bytes": self._bytes.get((step, attempt), 0),
            "log_digest": digest.text if digest is not None else None,
        }
        self.emit(
            AttemptEnded(
                **self._about(),
                task_id=step,
                attempt=attempt,
                to_state=state,
                reason_code=reason,
                **(usual | fields),
            )
        )
        follows = {
            AttemptState.SUCCESS: TaskState.SUCCESS,
            AttemptState.CANCELLED: TaskState.CANCELLED,
            AttemptState.LOST: TaskState.WAITING,
        }
        return self.task(step, follows.get(state, TaskState.FAILED), reason)

    def expand(self, step: str, items: tuple[Any, ...]) -> "Story":
        """Emit the fan-out of a READY step."""
        self.emit(StepExpanded(**self._about(), task_id=step, items=items))
        return self

    def batch(self, *, finalize: bool = False) -> Batch:
        """Return everything emitted since the last call; the first has the mission file with it."""
        events, self._emitted = self._emitted, []
        first = bool(events) and isinstance(events[0], ExecutionCreated)
        return Batch(
            execution_id=self.execution_id,
            events=events,
            changes=self.snapshot.take_changes(),
            mission=self.mission if first else None,
            finalize=finalize,
        )

    def finish(self) -> Batch:
        """Emit what ends the execution well, and return the batch that seals it."""
        self.move(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        return self.batch(finalize=True)

    def chunk(self, step: str, *pieces: Any, attempt: int | None = None) -> LogChunk:
        """Return the next output of a step: pieces are bytes (stdout) or (stream, bytes).

        Empty bytes end the stream's line.
        """
        number = attempt or self.snapshot.tasks[step].attempt
        segments, data = [], b""
        for piece in pieces:
            stream, part = piece if isinstance(piece, tuple) else (LogStream.STDOUT, piece)
            level = LogLevel.ERROR if stream is LogStream.STDERR else LogLevel.INFO
            lines = part.count(b"\n") if part else 1
            segments.append(
                LogSegment(self.clock.now(), stream, level, "process", len(part), lines)
            )
            data += part
        key = (step, number)
        first = self._seqs.get(key, 0)
        self._seqs[key] = first + sum(segment.lines for segment in segments)
        self._bytes[key] = self._bytes.get(key, 0) + len(data)
        chunk = self._chunks[key] = self._chunks.get(key, -1) + 1
        digest = self._digests.setdefault(key, LogDigest(self.execution_id, step, number))
        digest.add(chunk, first + 1, segments, data)
        return LogChunk(
            execution_id=self.execution_id,
            task_id=step,
            attempt=number,
            chunk=chunk,
            first_seq=first + 1,
            segments=tuple(segments),
            data=data,
        )

    def _about(self) -> dict[str, Any]:
        return {"at": self.clock.now(), "execution_id": self.execution_id}


def without_data(tasks: Iterable[TaskRun]) -> list[TaskRun]:
    """Return task runs as a live screen gets them: of data only the brief error of failures."""
    found = []
    for task in tasks:
        failed = task.state is TaskState.FAILED and task.error is not None
        error = brief_error(task.error) if failed and task.error is not None else None
        found.append(replace(task, inputs=None, outputs=None, error=error))
    return found
