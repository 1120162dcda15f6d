"""Threads for work that cannot be interrupted: they never keep the process from ending.

The threads of `ThreadPoolExecutor` are joined when the event loop closes and once more when the
interpreter exits, so a call in C code that takes minutes would delay the exit of a finished runner.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from core.errors import UnavailableError
from core.machine.thread_shortage import NO_THREAD, NO_THREAD_HINT

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 64
"""Concurrent calls; further ones wait until one of them ends."""

IDLE_SECONDS = 10.0
"""How long a thread waits for its next call before it ends."""

_Call = tuple["Future[Any]", Callable[[], Any]]


class DaemonThreads(ThreadPoolExecutor):
    """An executor that an event loop accepts as its default, and whose threads are never joined.

    Only the interface is that of `ThreadPoolExecutor`: the threads are made here.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._guard = threading.Lock()
        self._count = 0
        self._free = 0  # idle threads without a queued call; too low a count only costs a thread
        self._is_over = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call and return its future; `RuntimeError` after `shutdown`.

        Raises `UnavailableError` when there is no thread and none can be started.
        """
        future: Future[T] = Future()
        with self._guard:
            if self._is_over:
                raise RuntimeError("no more calls after the shutdown")
            if not self._free and self._count < MAX_THREADS:
                self._start()
            elif self._free:
                self._free -= 1
            self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def _start(self) -> None:
        """Start a thread; where none can be had the others have to do, if there are any."""
        name = f"blocking-{self._count + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError as error:
            if not self._count:
                raise UnavailableError(NO_THREAD, hint=NO_THREAD_HINT) from error
        else:
            self._count += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as Executor has it
        """Accept no more calls, and wait for none: that is the purpose of this class."""
        with self._guard:
            self._is_over = True

    def _work(self) -> None:
        while (call := self._next()) is not None:
            future, function = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - whoever awaits the future handles it
                future.set_exception(error)
            else:
                future.set_result(result)
            del call, future, function  # an idle thread must not keep them alive

    def _next(self) -> _Call | None:
        """Return the next call, None when there was none for a while."""
        with self._guard:
            try:
                return self._calls.get_nowait()
            except Empty:
                self._free += 1
        try:
            return self._calls.get(timeout=IDLE_SECONDS)
        except Empty:
            pass
        with self._guard:
            try:
                return self._calls.get_nowait()
            except Empty:
                self._free = max(0, self._free - 1)
                self._count -= 1
                return None
