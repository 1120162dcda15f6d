"""The host of attempts on a worker: runs jobs for runners elsewhere, under its own supervisor.

It lives in one thread with an event loop of its own, so that output is read whatever the worker's
loop does. A runner that does not poll for the length of its lease counts as gone: everything that
it has running here is ended. Knows nothing of Dask.
"""

import asyncio
import contextlib
import platform
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

from msgspec.structs import replace

from core.domain.records import LogLevel
from core.errors import BugError
from core.executors.dask.batch_queue import BatchQueue
from core.executors.dask.job_place import job_here, result_of
from core.executors.dask.message import (
    BATCH_SECONDS,
    Answer,
    Cancel,
    End,
    EndLeftovers,
    Hello,
    Hurry,
    OutputBatch,
    Poll,
    Release,
    Request,
    Start,
    TakeOver,
    decode_request,
    encode,
)
from core.executors.dask.sealed_job import JobReader, SentJob
from core.executors.running import Running
from core.executors.supervised.supervised_executor import SupervisedExecutor
from core.machine.event_loop import SuspendAwareLoop
from core.output.mask_pipe import MASK_VARIABLE, MaskPipe
from core.output.masked_sink import MaskedSink
from core.output.masker import Masker
from core.ports.executor import Census, Job, Outcome, OutcomeKind, OutputSink
from core.value.non_utf8 import escape_non_utf8

KEPT_SECONDS = 3600.0
"""How long the output of attempts that nobody fetches is kept."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""An answer has no more output than this and one more attempt's."""

SUPERVISOR_SECONDS = 1.0
"""How much longer than the host's the supervisor's lease is, which only counts when that fails."""

_SLOT_SECONDS = 60.0
"""How long a slot waits for its job."""


class _Slot:
    """A slot of the worker that is taken for an attempt: its thread waits until `released`."""

    def __init__(self) -> None:
        self.released = threading.Event()


class _Attempt:
    """One job that runs here or has ended, until its runner has all that there is to tell."""

    def __init__(self, sent: SentJob, queue: BatchQueue, slot: _Slot) -> None:
        self.sent = sent
        self.queue = queue
        self.slot = slot
        self.task: asyncio.Task[None] | None = None
        self.has_lapsed = False


class _Session:
    """A runner: its attempts here, and until when it counts as alive."""

    def __init__(self) -> None:
        self.attempts: dict[str, _Attempt] = {}
        self.lease_seconds = 0.0
        self.until = 0.0
        self.more = asyncio.Event()

    def granted(self, at: float) -> None:
        """Take note that the runner has heard from here at `at`."""
        self.until = max(self.until, at + self.lease_seconds)


class _HostExecutor(SupervisedExecutor):
    """Remembers how jobs ended that were cancelled."""

    def __init__(self, *, adopts: bool) -> None:
        super().__init__(adopts=adopts)
        self.exit_codes: dict[str, int | None] = {}
        self._is_leased = False

    def _over(self, running: Running) -> None:
        super()._over(running)
        self.exit_codes[running.job.key] = running.exit_code

    def renew(self, seconds: float | None) -> None:
        """Let the supervisor end everything after `seconds`, should this process be frozen."""
        if self._link is None or self._link.is_lost or (seconds is None and not self._is_leased):
            return
        self._is_leased = seconds is not None
        self._link.lease(seconds)


class AttemptHost:
    """Runs jobs for runners. `start` and `close` are called once, `hold_slot` from any thread.

    `adopts` as `SupervisedExecutor` has it.
    """

    def __init__(self, version: str, *, adopts: bool = False) -> None:
        self._version = version
        self._adopts = adopts
        self._host = platform.node()
        self._reader = JobReader()
        self._loop = SuspendAwareLoop()
        self._thread = threading.Thread(target=self._serve, name="missiondeck", daemon=True)
        self._sessions: dict[str, _Session] = {}
        self._slots: dict[tuple[str, str], _Slot] = {}
        self._slots_lock = threading.Lock()
        self._executor: _HostExecutor | None = None
        self._watching: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def public_key(self) -> bytes:
        """The key for which jobs are sealed."""
        return self._reader.public_key

    @property
    def host(self) -> str:
        """The name of this machine."""
        return self._host

    def now(self) -> float:
        """Return seconds of this host's clock, suspended time included."""
        return self._loop.time()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def answer(self, message: bytes) -> "Future[bytes]":
        """Do what a runner asks; the answer comes from the thread of this host."""
        return asyncio.run_coroutine_threadsafe(self._answer(message), self._loop)

    def close(self) -> "Future[None]":
        """End everything that runs here, then the thread."""
        return asyncio.run_coroutine_threadsafe(self._close(), self._loop)

    def hold_slot(self, session: str, key: str, announce: Callable[[], None]) -> str:
        """Take a slot for an attempt, and block until the attempt is over or has no job.

        `announce` is called when a job may be sent.
        """
        slot = _Slot()
        with self._slots_lock:
            if self._is_closed:
                return "closed"
            self._slots[session, key] = slot
        announce()
        slot.released.wait(_SLOT_SECONDS)
        with self._slots_lock:
            unclaimed = self._slots.pop((session, key), None) is slot
        if unclaimed:
            return "unclaimed"
        slot.released.wait()
        return "over"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._executor = _HostExecutor(adopts=self._adopts)
        self._watching = self._loop.create_task(self._watch_leases(), name="leases")
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    # --- requests --------------------------------------------------------------------------------

    async def _answer(self, message: bytes) -> bytes:
        answer = await self._do(decode_request(message))
        return encode(
            replace(
                answer,
                at=self.now(),
                host=self._host,
                version=self._version,
                instance=self.public_key,
            )
        )

    async def _do(self, request: Request) -> Answer:
        answer = Answer(at=0.0)
        match request:
            case Hello():
                return answer
            case Start():
                return replace(answer, refusal=self._start(request))
            case Release():
                self._release(request)
            case Poll():
                return replace(answer, batches=await self._poll(request))
            case Cancel():
                self._cancel(request)
            case Hurry():
                self._own.hurry(request.scope)
            case EndLeftovers():
                census = await self._own.end_leftovers(request.execution_id)
                return replace(answer, census=census)
            case TakeOver():
                return replace(answer, census=await self._take_over(request))
        return answer

    @property
    def _own(self) -> _HostExecutor:
        if self._executor is None:
            raise BugError("the host of attempts was not started")
        return self._executor

    def _start(self, request: Start) -> str | None:
        """Run a job in its slot; return why not."""
        session = self._sessions.get(request.session)
        if session is not None and request.key in session.attempts:
            return None  # it was asked twice: the first answer was lost
        try:
            sent = self._reader.open(request.sealed)
        except ValueError as error:
            return str(error)
        if sent.job.key != request.key:
            return "the job is that of another attempt"
        with self._slots_lock:
            slot = self._slots.pop((request.session, request.key), None)
        if slot is None:
            return "there is no slot for it"
        if session is None:
            session = self._sessions.setdefault(request.session, _Session())
        session.lease_seconds = request.lease_seconds
        session.granted(request.granted)
        job = sent.job
        attempt = _Attempt(
            sent, BatchQueue(job.key, sent.reply_key, self.now, session.more.set), slot
        )
        session.attempts[job.key] = attempt
        attempt.task = self._loop.create_task(self._run(attempt, session), name=job.key)
        return None

    def _release(self, request: Release) -> None:
        with self._slots_lock:
            slot = self._slots.pop((request.session, request.key), None)
        if slot is not None:
            slot.released.set()

    def _cancel(self, request: Cancel) -> None:
        self._release(Release(session=request.session, key=request.key))
        session = self._sessions.get(request.session)
        attempt = None if session is None else session.attempts.get(request.key)
        if attempt is not None and attempt.task is not None:
            attempt.task.cancel()

    async def _poll(self, request: Poll) -> list[OutputBatch]:
        session = self._sessions.setdefault(request.session, _Session())
        self._end_lapsed(session)  # before its lease is longer again
        session.granted(request.granted)
        for key, received in request.received.items():
            attempt = session.attempts.get(key)
            if attempt is not None:
                attempt.queue.received(received)
                if attempt.queue.is_over:
                    del session.attempts[key]
        paused = set(request.paused)
        await self._something(session, paused, self.now() + request.wait_seconds)
        batches: list[OutputBatch] = []
        size = 0
        for key, attempt in session.attempts.items():
            if key in paused or size > MAX_ANSWER_BYTES:
                continue
            for batch in attempt.queue.fetch():
                batches.append(batch)
                size += sum(len(piece.data) for piece in batch.pieces)
        return batches

    async def _something(self, session: _Session, paused: set[str], until: float) -> None:
        """Return when there is a batch to send, at the latest at `until`."""
        while True:
            session.more.clear()
            wanted = [one.queue for key, one in session.attempts.items() if key not in paused]
            if any(queue.is_urgent for queue in wanted):
                return
            since = [queue.waiting_since for queue in wanted if queue.waiting_since is not None]
            at = min(until, min(since, default=until) + BATCH_SECONDS)
            if self.now() >= at:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(at):
                    await session.more.wait()

    async def _take_over(self, request: TakeOver) -> Census:
        """End the attempts of an execution that belong to other sessions."""
        found = [
            attempt
            for name, session in self._sessions.items()
            if name != request.session
            for key, attempt in session.attempts.items()
            if key.partition("/")[0] == request.execution_id and not attempt.queue.has_ended
        ]
        for attempt in found:
            attempt.has_lapsed = True
        await _end_all(found)
        left = await self._own.end_leftovers(request.execution_id)
        return Census(processes=len(found) + left.processes, survivors=left.survivors)

    # --- attempts --------------------------------------------------------------------------------

    async def _run(self, attempt: _Attempt, session: _Session) -> None:
        job, queue = attempt.sent.job, attempt.queue
        outcome: Outcome | None = None
        result: bytes | None = None
        redactions: dict[str, int] = {}
        try:
            with job_here(attempt.sent) as local, _masked(local, queue, redactions) as sink:
                outcome = await self._own.run(local, sink)
                result = result_of(local)
            if outcome.message is not None:
                outcome = replace(outcome, message=escape_non_utf8(outcome.message))
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - told to the runner
            message = f"{type(error).__name__}: {error}"
            outcome = Outcome(kind=OutcomeKind.UNSTARTABLE, message=escape_non_utf8(message))
        finally:
            attempt.has_lapsed |= self.now() > session.until
            if attempt.has_lapsed and outcome is not None and (outcome.exit_code or 0) < 0:
                outcome = None  # the supervisor ended it
            code = self._own.exit_codes.pop(job.key, None)
            queue.finish(
                End(
                    outcome=outcome,
                    exit_code=code,
                    has_lapsed=attempt.has_lapsed,
                    redactions=redactions,
                    result=result,
                )
            )
            attempt.slot.released.set()

    async def _watch_leases(self) -> None:
        """End the attempts of runners that have not been heard of for the time of their lease."""
        while True:
            leases = (one.lease_seconds for one in self._sessions.values() if one.attempts)
            await asyncio.sleep(min(1.0, max(0.05, min(leases, default=5.0) / 5)))
            now = self.now()
            self._own.renew(self._longest_lease(now))
            for name, session in list(self._sessions.items()):
                self._end_lapsed(session)
                if now > session.until + KEPT_SECONDS and all(
                    attempt.queue.has_ended for attempt in session.attempts.values()
                ):
                    del self._sessions[name]

    def _end_lapsed(self, session: _Session) -> None:
        """End what a runner has running here whose lease is over."""
        if self.now() <= session.until:
            return
        for attempt in session.attempts.values():
            if not attempt.queue.has_ended and not attempt.has_lapsed:
                attempt.has_lapsed = True
                _cancel_task(attempt)

    def _longest_lease(self, now: float) -> float | None:
        """Return for how long a runner may still be silent, None where nothing runs."""
        left = [
            session.until - now
            for session in self._sessions.values()
            if any(not attempt.queue.has_ended for attempt in session.attempts.values())
        ]
        return max(0.0, *left) + SUPERVISOR_SECONDS if left else None

    async def _close(self) -> None:
        with self._slots_lock:
            self._is_closed = True
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            slot.released.set()
        if self._watching is not None:
            self._watching.cancel()
        running = [one for session in self._sessions.values() for one in session.attempts.values()]
        for attempt in running:
            attempt.has_lapsed = True
        await _end_all(running)
        await self._own.close()
        self._loop.call_soon(self._loop.stop)


@contextlib.contextmanager
def _masked(job: Job, queue: BatchQueue, redactions: dict[str, int]) -> Iterator[OutputSink]:
    """Yield a sink that masks the secrets of a job, and put at the end how often it did.

    What the process writes to its mask pipe is masked from then on, and told to the runner.
    """
    if not job.masked:
        yield queue
        return
    masker = Masker()
    for name, value in job.masked:
        masker.add(name, value)
    with contextlib.ExitStack() as stack:
        before_output = _do_nothing
        if MASK_VARIABLE in job.env:
            path = Path(job.env[MASK_VARIABLE])
            pipe = MaskPipe(path, masker, _say_nothing, passed=queue.mint)
            before_output = stack.enter_context(contextlib.closing(pipe)).drain
        masked = MaskedSink(queue, masker, before_output)
        try:
            yield masked
        finally:
            redactions.update(masked.flush())


def _do_nothing() -> None:
    """Drain nothing: the job has no mask pipe."""


def _say_nothing(_level: LogLevel, _message: str) -> None:
    """Leave it to the runner, which gets the same lines, to warn of bad ones."""


def _cancel_task(attempt: _Attempt) -> None:
    if attempt.task is not None:
        attempt.task.cancel()


async def _end_all(attempts: list[_Attempt]) -> None:
    """End attempts and return when all are over."""
    tasks: list[Awaitable[None]] = []
    for attempt in attempts:
        if attempt.task is not None and not attempt.task.done():
            attempt.task.cancel()
            tasks.append(attempt.task)
    await asyncio.gather(*tasks, return_exceptions=True)
