"""Starts the console script as a process that does not import its modules anew.

A server, one for each process of tests, imports what commands import and forks for each command
line. The fork has streams, folder and environment of its own, runs the entry point of the console
script and ends with its code. Most of a short command is imports, and the suite runs more than a
thousand of them.
"""

import atexit
import gc
import importlib
import io
import json
import multiprocessing
import os
import pkgutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

ROOMS = ("core", "storage", "tui.cli", "tui.host")
"""What commands import; the screen is never started here."""
NOT_EVERYWHERE = "dask"
"""Part of the names of modules whose package is an extra."""
NUMBER = struct.Struct("=i")
OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG", "TZ", "MALLOC_", "LD_")
"""Beginnings of variables that are read before, or by, an interpreter that starts."""

LOCALE = {"LC_ALL": "C.UTF-8"}


class WarmStart:
    """The server of this process of tests, which its first command starts."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = threading.Lock()
        self._streams = ThreadPoolExecutor(12, "streams")

    def run(
        self,
        argv: Sequence[str],
        folder: Path | None,
        environment: Mapping[str, str],
        given: bytes,
        seconds: float,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run one command line to its end, as `subprocess.run` with captured output does.

        Raises `subprocess.TimeoutExpired` after `seconds`, when it was killed.
        """
        request = json.dumps([list(argv), str(folder or Path.cwd()), dict(environment)]).encode()
        (stdin, give), (out, stdout), (err, stderr), (status, tell) = (os.pipe() for _ in range(4))
        theirs = [stdin, stdout, stderr, tell]
        try:
            with self._asking:
                socket.send_fds(self._server(), [NUMBER.pack(len(request))], theirs)
                self._server().sendall(request)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        fed = self._streams.submit(_write, give, given)
        read = [self._streams.submit(_read, one) for one in (out, err)]
        try:
            child = NUMBER.unpack(os.read(status, NUMBER.size))[0]
            timer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
            timer.start()
            try:
                code = NUMBER.unpack(os.read(status, NUMBER.size))[0]
            finally:
                late = not timer.is_alive()
                timer.cancel()
        finally:
            os.close(status)
        fed.result()
        if late:
            raise subprocess.TimeoutExpired(list(argv), seconds)
        return subprocess.CompletedProcess(list(argv), code, *(one.result() for one in read))

    def _server(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", __name__, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    cwd=Path(__file__).parents[2],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, **LOCALE},
                )
            atexit.register(self._end)
        return self._socket

    def _end(self) -> None:
        assert self._socket is not None
        assert self._process is not None
        self._socket.close()
        self._process.wait()
        self._streams.shutdown()


def starts_alike(environment: Mapping[str, str]) -> bool:
    """Return whether an interpreter would start with `environment` as the server did."""
    return all(
        {**os.environ, **LOCALE}.get(name) == value
        for name, value in environment.items()
        if name.startswith(OF_THE_INTERPRETER)
    )


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as stream:
        return stream.read()


def _write(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0) as stream, suppress(BrokenPipeError):
        stream.write(data)


def _serve(requests: socket.socket) -> None:
    """Fork for each request until nobody can ask any more."""
    running: dict[BaseProcess, int] = {}

    def reap(_number: int, _frame: FrameType | None) -> None:
        for fork in [fork for fork in running if fork.exitcode is not None]:
            assert fork.exitcode is not None
            tell = running.pop(fork)
            os.write(tell, NUMBER.pack(fork.exitcode))
            os.close(tell)

    signal.signal(signal.SIGCHLD, reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forks = multiprocessing.get_context("fork")
    while True:
        size, descriptors, _, _ = socket.recv_fds(requests, NUMBER.size, 4)
        if not size:
            return
        request = requests.recv(NUMBER.unpack(size)[0], socket.MSG_WAITALL)
        tell = descriptors.pop()
        ours = [requests.fileno(), tell, *running.values()]
        fork = forks.Process(target=_become, args=(json.loads(request), descriptors, ours))
        with _held_back(signal.SIGCHLD):
            fork.start()
            running[fork] = tell
            assert fork.pid is not None
            os.write(tell, NUMBER.pack(fork.pid))
        for descriptor in descriptors:
            os.close(descriptor)


@contextmanager
def _held_back(number: int) -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])


def _become(
    request: tuple[list[str], str, dict[str, str]], streams: list[int], ours: list[int]
) -> None:
    """Run the console script in this fork, with what the request gives it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    for descriptor in (*streams, *ours):
        os.close(descriptor)
    sys.stdin = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8", "surrogateescape"
    )
    sys.argv, folder, environment = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    from tui.cli.main import entry

    entry()


def _load() -> None:
    for room in ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if NOT_EVERYWHERE not in found.name and not found.name.endswith("__main__"):
                importlib.import_module(found.name)


if __name__ == "__main__":
    _load()
    if threading.active_count() > 1:
        raise SystemExit(
            "a module starts a thread when it is imported, and threads do not survive a fork"
        )
    gc.collect()
    gc.freeze()

    _serve(socket.socket(fileno=int(sys.argv[1])))
