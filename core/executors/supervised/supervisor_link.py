"""The runner's end of the socket to its supervisor: jobs go out, what became of them comes back.

The packets are described in `core.executors.supervised.supervisor`.
"""

import asyncio
import contextlib
import errno
import marshal
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from importlib.abc import InspectLoader
from typing import Any, TypeVar

from msgspec import Struct

from core.errors import BugError
from core.executors.abandoned import runner_mark
from core.executors.spawn import RUNNER_VARIABLE
from core.executors.supervised import supervisor
from core.executors.tree import read_process
from core.machine.runner_identity import identity
from core.ports.executor import LeftProcess

MAX_REPLY_BYTES = 1 << 20
_READS_AT_ONCE = 16

_PROGRAM = (
    "import marshal, os, sys; exec(marshal.load(os.fdopen(int(sys.argv.pop()), 'rb'))); main()"
)
"""Runs the supervisor from its compiled code, which Python would make of its file every time."""

ANSWER_SECONDS = 60.0
"""After this time without an answer the supervisor does not work: somebody has stopped it, say."""

_FULL = frozenset({errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM})
"""Errors of sendmsg(2) that pass: too many descriptors are under way, or memory is short."""


T = TypeVar("T")


class SupervisorLostError(Exception):
    """Raised to those who wait for an answer when the supervisor is gone."""


class JobEnd(Struct, frozen=True, kw_only=True):
    """How a job's process ended; times in seconds, memory in bytes.

    `exit_code` is -N for death by signal N. Resources are those of the process and of what it
    waited for (getrusage(2)).
    """

    exit_code: int
    user_seconds: float
    system_seconds: float
    peak_memory_bytes: int
    left: tuple[LeftProcess, ...]


class Finished(Struct, frozen=True, kw_only=True):
    """What an order to end processes found, and how many could not be ended."""

    found: tuple[LeftProcess, ...]
    survivors: int


class Answer(asyncio.Future[T]):
    """An answer that is awaited to its end: what was started must not be forgotten.

    `asked_at` is the time of the loop at which it was asked for.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.asked_at = loop.time()

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002 - of the base
        """Refuse: a task that is cancelled while it waits is told so after the answer."""
        return False


class SupervisorLink:
    """One supervisor process and the socket to it. Belongs to the event loop it was made on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[], None]) -> None:
        self._loop = loop
        self._on_lost = on_lost
        self._numbers = 0
        self._base: dict[str, str] | None = None
        """The environment of the first job: of later ones only the differences are sent."""
        self._starting: dict[int, Answer[int]] = {}
        self._ends: dict[int, JobEnd | Callable[[JobEnd], None] | None] = {}
        self._orders: dict[int, Answer[Finished]] = {}
        self._watchdog: asyncio.TimerHandle | None = None
        self._queue: deque[tuple[bytes, Sequence[int]]] = deque()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = _memory_of(_CODE, "supervisor")
        with theirs, os.fdopen(code, "rb"):
            ours.setblocking(False)
            self._channel = ours
            self._process = subprocess.Popen(
                _command(theirs.fileno(), code),
                pass_fds=(theirs.fileno(), code),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={RUNNER_VARIABLE: runner_mark(identity())},
                cwd="/",
                start_new_session=True,
            )
        self.is_lost = False
        self._is_finishing = False
        born = read_process(self._process.pid)
        self.began = 0 if born is None else born.start
        """When the supervisor began, in clock ticks since boot."""
        loop.add_reader(ours.fileno(), self._on_readable)

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        return self._process.pid

    async def spawn(
        self,
        path: str,
        argv: Sequence[str],
        env: dict[str, str],
        cwd: str,
        key: str,
        keep: bool,
        stop: supervisor.Stop | None,
        fds: Sequence[int],
    ) -> tuple[int, int]:
        """Start a process; return the number of the job and the pid.

        `stop` is how the supervisor ends it when the runner is gone, None for its default.

        The descriptors may be closed afterwards. Raises `OSError` as posix_spawn(3) and chdir(2)
        do, and `SupervisorLostError`. A cancelled caller gets the answer all the same and is
        cancelled at its next await: a process that was started must not be forgotten.
        """
        number = self._next_number()
        answer = self._starting[number] = Answer(self._loop)
        self._ends[number] = None
        if self._base is None:
            self._send(("base", env), ())
            self._base = env
        base = self._base
        changed = {name: value for name, value in env.items() if base.get(name) != value}
        removed = [name for name in base if name not in env]
        job = number, path, list(argv), changed, removed, cwd, key, keep, stop
        self._send(("spawn", *job), fds)
        try:
            pid = await self._answered(answer)
        except BaseException:
            del self._ends[number]
            raise
        return number, pid

    def watch(self, number: int, callback: Callable[[JobEnd], None]) -> None:
        """Call back once with the end of a job, which may have come already."""
        end = self._ends.pop(number, None)
        if isinstance(end, JobEnd):
            callback(end)
        else:
            self._ends[number] = callback

    def lease(self, seconds: float | None) -> None:
        """Let everything be ended after `seconds` unless this is called again; None: never."""
        self._send(("lease", seconds), ())

    async def end(self, keys: Sequence[str], grace_seconds: float) -> Finished:
        """End what jobs of these keys left behind."""
        return await self._order("end", list(keys), grace_seconds)

    async def finish(self, grace_seconds: float) -> Finished:
        """End everything that may be ended; the supervisor exits. It is of no more use then."""
        self._is_finishing = True
        try:
            return await self._order("finish", grace_seconds)
        finally:
            self._let_go()  # `close` works in another thread: the loop must watch nothing then

    async def _answered(self, answer: "Answer[T]") -> T:
        """Await an answer to its end; a supervisor that gives none in time is killed, and lost.

        A cancellation meanwhile is raised at the next await.
        """
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(ANSWER_SECONDS, self._look_for_answers)
        was_cancelled = False
        while not answer.done():
            try:
                await answer
            except asyncio.CancelledError:
                was_cancelled = True
        if was_cancelled and (task := asyncio.current_task()) is not None:
            task.uncancel()
            task.cancel()
        return answer.result()

    def _look_for_answers(self) -> None:
        """Kill a supervisor that owes an answer for too long; else look again when it may."""
        self._watchdog = None
        owed: list[Answer[Any]] = [*self._starting.values(), *self._orders.values()]
        if not owed or self.is_lost:
            return
        due = min(answer.asked_at for answer in owed) + ANSWER_SECONDS
        if due <= self._loop.time():
            self._process.kill()
        else:
            self._watchdog = self._loop.call_at(due, self._look_for_answers)

    def close(self) -> None:
        """Close the socket and wait for the supervisor, which ends everything. Idempotent.

        Blocks; belongs into a thread.
        """
        if self._channel.fileno() >= 0:
            self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(supervisor.GRACE_SECONDS + supervisor.KILL_SECONDS)

    def _let_go(self) -> None:
        """Expect nothing more, and tell those who wait. Idempotent."""
        if self.is_lost:
            return
        self.is_lost = True
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        for data, fds in self._queue:
            if data == b"memory":
                os.close(fds[0])
        self._queue.clear()
        self._fail_all()

    async def _order(self, *packet: Any) -> Finished:
        number = self._next_number()
        answer = self._orders[number] = Answer(self._loop)
        self._send((packet[0], number, *packet[1:]), ())
        return await self._answered(answer)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    # --- the socket ------------------------------------------------------------------------------

    def _send(self, packet: tuple[Any, ...], fds: Sequence[int]) -> None:
        if self.is_lost:
            self._fail_all()
            return
        data = marshal.dumps(packet)
        if len(data) > supervisor.MAX_PACKET_BYTES:
            data, fds = b"memory", (_memory_of(data, "job"), *fds)
        if self._queue or not self._try(data, fds):
            if not self._queue:
                self._loop.add_writer(self._channel.fileno(), self._on_writable)
            self._queue.append((data, fds))

    def _try(self, data: bytes, fds: Sequence[int]) -> bool:
        try:
            socket.send_fds(self._channel, [data], fds)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _FULL:
                return False
            self._loop.call_soon(self._lose)
        if data == b"memory":
            os.close(fds[0])
        return True

    def _on_writable(self) -> None:
        while self._queue and self._try(*self._queue[0]):
            self._queue.popleft()
        if not self._queue:
            self._loop.remove_writer(self._channel.fileno())

    def _on_readable(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                data = self._channel.recv(MAX_REPLY_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            for reply in marshal.loads(data):  # noqa: S302 - from a process of our own
                self._take(reply)

    def _take(self, reply: tuple[Any, ...]) -> None:
        kind, number, *rest = reply
        if kind == "started":
            pid, code = rest
            starting = self._starting.pop(number)
            if starting.done():
                return
            if code:
                starting.set_exception(OSError(code, os.strerror(code)))
            else:
                starting.set_result(pid)
        elif kind == "ended":
            status, user, system, peak_kib, left = rest
            end = JobEnd(
                exit_code=os.waitstatus_to_exitcode(status),
                user_seconds=user,
                system_seconds=system,
                peak_memory_bytes=peak_kib * 1024,
                left=_left(left),
            )
            watcher = self._ends.pop(number, None)
            if callable(watcher):
                watcher(end)
            else:
                self._ends[number] = end
        else:
            found, survivors = rest
            self._orders.pop(number).set_result(Finished(found=_left(found), survivors=survivors))

    def _lose(self) -> None:
        if self.is_lost:
            return
        self._let_go()
        if not self._is_finishing:
            self._on_lost()

    def _fail_all(self) -> None:
        lost = SupervisorLostError("the supervisor of the processes is gone")
        answers: list[Answer[Any]] = [*self._starting.values(), *self._orders.values()]
        for waiting in answers:
            if not waiting.done():
                waiting.set_exception(lost)
        self._starting.clear()
        self._orders.clear()


def _memory_of(data: bytes, name: str) -> int:
    """Return the descriptor of a new memory file that is read from its beginning."""
    memory = os.memfd_create(name, os.MFD_CLOEXEC)
    with os.fdopen(memory, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(memory, 0, os.SEEK_SET)
    return memory


def _compiled() -> bytes:
    """Return the supervisor's code: both ends of the socket must be of one version.

    It is read when this module is loaded: the file may be another one when a supervisor is
    started, after the package was upgraded under a living runner.
    """
    spec = supervisor.__spec__
    loader = None if spec is None else spec.loader
    if not isinstance(loader, InspectLoader):
        raise BugError("the supervisor's module has no code")
    return marshal.dumps(loader.get_code(supervisor.__name__))


_CODE = _compiled()


def _command(channel: int, code: int) -> list[str]:
    """Return the command line of a supervisor; its code and its socket are descriptors."""
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, str(channel), str(code)]


def _left(found: Sequence[tuple[int, int, str]]) -> tuple[LeftProcess, ...]:
    return tuple(LeftProcess(pid=pid, start=start, command=text) for pid, start, text in found)
