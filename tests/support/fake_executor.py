"""Executors for tests: an `Act` scripts what a job does, in memory or in a real process."""

import asyncio
import contextlib
import shlex
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.domain.records import LogStream
from core.ports.executor import (
    Census,
    Job,
    LateEnd,
    LeftProcess,
    Outcome,
    OutcomeKind,
    OutputSink,
    Placement,
    WorkerLoad,
    is_within,
)


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a job does: write, perhaps copy its stdin, wait, and end. `exit_code` -N is signal N."""

    out: bytes = b""
    err: bytes = b""
    copies_stdin: bool = False
    seconds: float = 0.0
    exit_code: int = 0
    ignores_term: bool = False
    children: int = 0
    where: Placement | None = None
    """The worker of a cluster that it says it runs on."""
    outcome: Outcome | None = None
    """Ends like this instead of exiting: LOST, UNPLACEABLE, UNSTARTABLE."""


@dataclass
class RecordingSink:
    """Keeps what is written; refuses more while `is_full` until `room` is called."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    writes: int = 0
    censuses: list[tuple[int, int]] = field(default_factory=list)
    left: list[LeftProcess] = field(default_factory=list)
    places: list[Placement] = field(default_factory=list)
    is_full: bool = False
    drains: int = 0
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    first_write: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, stream: LogStream, data: bytes) -> bool:
        assert stream is not LogStream.SYSTEM
        assert data
        (self.out if stream is LogStream.STDOUT else self.err).extend(data)
        self.writes += 1
        self.first_write.set()
        return not self.is_full

    async def drain(self) -> None:
        self.drains += 1
        await self._room.wait()

    def room(self) -> None:
        """Let the writers go on."""
        self.is_full = False
        self._room.set()

    def placed(self, where: Placement) -> None:
        self.places.append(where)

    def census(self, census: Census) -> None:
        self.censuses.append((census.processes, census.survivors))
        self.left += census.left


class FakeExecutor:
    """Plays acts in memory and records jobs. Time is the event loop's.

    `acts` gives the act of a job, by a function or by step id (`STEP/PART` for a part of one); a
    list has one for each attempt, the last for all that follow. A step it does not name succeeds
    at once.
    """

    def __init__(
        self, acts: Callable[[Job], Act] | Mapping[str, Act | Sequence[Act]] | None = None
    ) -> None:
        self._acts = acts if acts is not None else {}
        self.jobs: list[Job] = []
        self.running: dict[str, Job] = {}
        self.most_at_once = 0
        self.ended: list[str] = []
        self.is_closed = False
        self.late: list[LateEnd] = []
        self._stops: set[asyncio.Event] = set()
        self._graces: dict[asyncio.Event, str] = {}
        self._without_grace: set[str] = set()
        self._ends: set[asyncio.Future[None]] = set()

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        if self.is_closed:
            return Outcome(kind=OutcomeKind.UNSTARTABLE, message="the executor is closed")
        act = self._act(job)
        self.jobs.append(job)
        self.running[job.key] = job
        self.most_at_once = max(self.most_at_once, len(self.running))
        stop = asyncio.Event()
        self._stops.add(stop)
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.add(end)
        try:
            return await _play(act, job, sink, stop)
        except asyncio.CancelledError:
            if act.ignores_term:
                await _to_its_end(self._grace(job))
            sink.census(Census(processes=1 + act.children, survivors=0))
            raise
        finally:
            self._stops.discard(stop)
            self._ends.discard(end)
            end.set_result(None)
            del self.running[job.key]
            self.ended.append(job.key)

    async def slots(self) -> int | None:
        return None

    async def workers(self) -> Sequence[WorkerLoad] | None:
        return None

    async def end_leftovers(self, execution_id: str) -> Census:
        return Census(processes=0)

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:
        found, self.late = self.late, []
        return found

    def hurry(self, scope: str | None = None) -> None:
        if scope is not None:
            self._without_grace.add(scope)
        for grace, key in self._graces.items():
            if scope is None or is_within(key, scope):
                grace.set()

    async def close(self) -> None:
        self.is_closed = True
        for stop in self._stops:
            stop.set()
        await asyncio.gather(*self._ends)

    async def _grace(self, job: Job) -> None:
        """Wait for the grace of a job, or until somebody ends it."""
        hurried = asyncio.Event()
        if any(is_within(job.key, scope) for scope in self._without_grace):
            return
        self._graces[hurried] = job.key
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(job.grace_seconds):
                await hurried.wait()
        del self._graces[hurried]

    def _act(self, job: Job) -> Act:
        if callable(self._acts):
            return self._acts(job)
        _, step, attempt, *part = job.key.split("/")
        acts = self._acts.get("/".join([step, *part]), Act())
        return acts if isinstance(acts, Act) else acts[min(int(attempt), len(acts)) - 1]


async def _play(act: Act, job: Job, sink: OutputSink, stop: asyncio.Event) -> Outcome:
    if act.where is not None:
        sink.placed(act.where)
    copied = job.stdin or b"" if act.copies_stdin else b""
    for stream, data in ((LogStream.STDOUT, act.out + copied), (LogStream.STDERR, act.err)):
        if data and not sink.write(stream, data):
            await sink.drain()
    try:
        async with asyncio.timeout(act.seconds):
            await stop.wait()
    except TimeoutError:
        return act.outcome or Outcome(kind=OutcomeKind.EXITED, exit_code=act.exit_code)
    sink.census(Census(processes=1 + act.children, survivors=0))
    return Outcome(kind=OutcomeKind.EXITED, exit_code=-15)


async def _to_its_end(work: Coroutine[object, object, None]) -> None:
    """Await `work` however often this is cancelled meanwhile."""
    task = asyncio.create_task(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


def as_argv(act: Act, folder: Path) -> tuple[str, ...]:
    """Return a command line that does what `act` says, its output in files of `folder`."""
    lines = []
    if act.ignores_term:
        lines.append("trap '' TERM")
    lines += [f"sleep {900 + number} >/dev/null 2>&1 &" for number in range(act.children)]
    for name, data, redirect in (("out", act.out, ""), ("err", act.err, " >&2")):
        if data:
            file = folder / f"{name}-{abs(hash(data))}"
            file.write_bytes(data)
            lines.append(f"cat {shlex.quote(str(file))}{redirect}")
    if act.copies_stdin:
        lines.append("cat")
    if act.seconds:
        lines.append(f"sleep {act.seconds}")
    lines.append(f"exit {act.exit_code}" if act.exit_code >= 0 else f"kill {act.exit_code} $$")
    return ("sh", "-c", "\n".join(lines))
