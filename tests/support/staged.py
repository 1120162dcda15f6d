"""Writes executions with given outcomes into a real database, event by event, without an engine."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionStateChanged,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import Mission, MissionSource, MissionStep, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream, TaskError
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.launch.order import Order, launch
from core.machine.system_clock import SystemClock
from core.operations.snapshot import load_snapshot
from core.ports.journal import Batch, LogChunk, LogSegment
from storage.read.reader import open_reader
from storage.write.store import Store
from tui.host.places import find_paths
from tui.host.session import open_session

CONTENT = b"""\
version: "1.0"
name: release
steps:
  - {id: fetch, name: fetch, step_type: noop}
  - id: build
    name: build
    step_type: fail
    depends_on: [fetch]
    parameters: {message: no rule}
    retry: {max_attempts: 2}
  - {id: ship, name: ship, step_type: noop, depends_on: [build]}
"""
MISSION = Mission(
    version="1.0",
    name="release",
    steps=(
        MissionStep(id="fetch", name="fetch", step_type="noop"),
        MissionStep(
            id="build",
            name="build",
            step_type="fail",
            depends_on=("fetch",),
            parameters={"message": "no rule"},
            retry=RetryPolicy(max_attempts=2),
        ),
        MissionStep(id="ship", name="ship", step_type="noop", depends_on=("build",)),
    ),
)
SOURCE = MissionSource(
    digest=hashlib.sha256(CONTENT).hexdigest(), name="release", content=CONTENT, format="yaml"
)


class Stage:
    """Writes one execution after another; `step` methods are one transaction each."""

    def __init__(self, store: Store, clock: SystemClock) -> None:
        self._store = store
        self._clock = clock
        self._snapshot = Snapshot()
        self._seq: dict[tuple[str, int], tuple[int, int]] = {}

    @property
    def execution_id(self) -> str:
        """The execution being written."""
        return self._snapshot.current.execution_id

    async def create(self) -> None:
        """Begin an execution of the mission."""
        order = Order(mission=MISSION, source=SOURCE, actor="ada@host", source_path="release.yaml")
        self._snapshot, _ = await launch(order, self._clock, self._store.journal)

    async def adopt(self) -> None:
        """Continue the newest execution."""
        reader = open_reader(self._store.path)
        self._snapshot = load_snapshot(reader, "@last")
        reader.close()

    async def execution(self, state: ExecutionState, reason: Reason, message: str | None) -> None:
        """Move the execution."""
        before = self._snapshot.current.state
        await self._commit(
            lambda at: ExecutionStateChanged(
                at=at,
                execution_id=self.execution_id,
                from_state=before,
                to_state=state,
                reason_code=reason,
                message=message,
            ),
            finalize=is_terminal(state),
        )

    async def task(
        self, task_id: str, state: TaskState, reason: Reason, message: str | None = None
    ) -> None:
        """Move a task run."""
        before = self._snapshot.tasks[task_id].state
        await self._commit(
            lambda at: TaskStateChanged(
                at=at,
                execution_id=self.execution_id,
                task_id=task_id,
                from_state=before,
                to_state=state,
                reason_code=reason,
                message=message,
                resume_at=at + 60_000_000_000 if reason is Reason.BACKOFF else None,
            )
        )

    async def start(self, task_id: str) -> None:
        """Make a step READY and begin an attempt."""
        await self.task(task_id, TaskState.READY, Reason.DEPS_MET)
        number = self._snapshot.tasks[task_id].attempt + 1
        await self._commit(
            lambda at: AttemptStarted(
                at=at,
                execution_id=self.execution_id,
                task_id=task_id,
                attempt=number,
                inputs={"message": "no rule"},
            )
        )

    async def log(self, task_id: str, stream: LogStream, lines: Iterable[bytes]) -> None:
        """Write lines of the running attempt; they are durable with the next transaction."""
        number = self._snapshot.tasks[task_id].attempt
        chunk, seq = self._seq.get((task_id, number), (1, 1))
        data = b"".join(line + b"\n" for line in lines)
        level = LogLevel.WARN if stream is LogStream.STDERR else LogLevel.INFO
        count = data.count(b"\n")
        self._store.journal.append_log(
            LogChunk(
                execution_id=self.execution_id,
                task_id=task_id,
                attempt=number,
                chunk=chunk,
                first_seq=seq,
                segments=(
                    LogSegment(self._clock.now(), stream, level, "process", len(data), count),
                ),
                data=data,
            )
        )
        self._seq[task_id, number] = chunk + 1, seq + count
        await self._store.journal.flush()

    async def end(self, task_id: str, state: AttemptState, exit_code: int | None = None) -> None:
        """End the running attempt."""
        failed = state is AttemptState.FAILED
        number = self._snapshot.tasks[task_id].attempt
        _, seq = self._seq.get((task_id, number), (1, 1))
        error = TaskError(
            message=f"exit {exit_code}",
            kind="ProcessFailed",
            stack_trace="make: *** no rule to make target\n\x1b]0;owned\x07stop",
            exit_code=exit_code,
        )
        await self._commit(
            lambda at: AttemptEnded(
                at=at,
                execution_id=self.execution_id,
                task_id=task_id,
                attempt=number,
                to_state=state,
                reason_code=Reason.EXIT_NONZERO if failed else Reason.EXIT_ZERO,
                exit_code=exit_code,
                outputs={"exit_code": exit_code},
                error=error if failed else None,
                log_entry_count=seq - 1,
            )
        )

    async def _commit(self, make: Callable[[int], Event], *, finalize: bool = False) -> None:
        event = make(self._clock.now())
        apply(self._snapshot, event)
        await self._store.journal.submit(
            Batch(
                execution_id=self.execution_id,
                events=[event],
                changes=self._snapshot.take_changes(),
                finalize=finalize,
            )
        )


async def a_failed_execution(stage: Stage) -> None:
    """`fetch` succeeds, `build` fails twice, `ship` is skipped."""
    await stage.create()
    await stage.execution(ExecutionState.RUNNING, Reason.STARTED, None)
    await stage.start("fetch")
    await stage.log("fetch", LogStream.STDOUT, [b"one", b"two [red]not markup[/]", b"\xff bin"])
    await stage.end("fetch", AttemptState.SUCCESS, 0)
    await stage.task("fetch", TaskState.SUCCESS, Reason.EXIT_ZERO)
    await stage.start("build")
    await stage.log("build", LogStream.STDERR, [b"first try"])
    await stage.end("build", AttemptState.FAILED, 75)
    await stage.task("build", TaskState.WAITING, Reason.BACKOFF)
    await stage.start("build")
    await stage.log("build", LogStream.STDOUT, [b"second try"])
    await stage.log("build", LogStream.STDERR, [b"no rule", b"\x1b]52;c;cm0=\x07\x1b[31mstop"])
    await stage.end("build", AttemptState.FAILED, 2)
    await stage.task("build", TaskState.FAILED, Reason.RETRIES_EXHAUSTED, "2 attempts failed")
    await stage.task("ship", TaskState.SKIPPED, Reason.UPSTREAM_FAILED, "`build` failed")
    await stage.execution(ExecutionState.FAILED, Reason.STEP_FAILED, "`build` failed")


def staged(home: Path, *fates: Callable[[Stage], object]) -> list[str]:
    """Write executions into the database of `home` and return their ids."""

    async def write() -> list[str]:
        clock = SystemClock()
        paths = find_paths({"MISSION_HOME": str(home)})
        async with open_session(paths, clock) as store:
            ids = []
            for fate in fates:
                stage = Stage(store, clock)
                await fate(stage)  # type: ignore[misc]  # a coroutine function
                ids.append(stage.execution_id)
            return ids

    return asyncio.run(write())
