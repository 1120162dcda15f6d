"""A store whose nth call fails, as storage does: without an effect, or with one nobody heard of."""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from core.errors import UnavailableError
from core.ports.control import Control, Lease, Request, RequestKind
from core.ports.journal import Batch, Journal, LogChunk, Receipt
from storage.write.store import Store

T = TypeVar("T")


class Failure:
    """Lets the call of a name that is numbered `at` (from 0) fail, and every call after it.

    With `persisted` the failing call has its effect all the same; later ones never have any.
    """

    def __init__(self, name: str = "", at: int = 0, *, persisted: bool = False) -> None:
        self.calls: list[str] = []
        self.has_failed = False
        self._name = name
        self._at = at
        self._persisted = persisted

    def next_call(self, name: str) -> tuple[bool, bool]:
        """Count a call; return whether it is to be made, and whether it is to fail."""
        self.calls.append(name)
        if self.has_failed:
            return False, True
        self.has_failed = name == self._name and self.calls.count(name) == self._at + 1
        return not self.has_failed or self._persisted, self.has_failed


class Happening(Failure):
    """Lets something real happen right before the call of a name that is numbered `at`."""

    def __init__(self, name: str, at: int, happen: Callable[[], None]) -> None:
        super().__init__(name, at)
        self._happen = happen

    def next_call(self, name: str) -> tuple[bool, bool]:
        """Count a call; every one is made, and fails only if storage itself does."""
        self.calls.append(name)
        if name == self._name and self.calls.count(name) == self._at + 1:
            self.has_failed = True
            self._happen()
        return True, False


class FailingJournal:
    """Implements `core.ports.Journal` over a real one."""

    def __init__(self, journal: Journal, failure: Failure) -> None:
        self._journal = journal
        self._failure = failure

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch, or fail."""
        is_made, fails = self._failure.next_call("submit")
        if not fails:
            return self._journal.submit(batch)
        heard: Future[Receipt] = asyncio.get_running_loop().create_future()
        if not is_made:
            heard.set_exception(failed())
            return heard

        def tell(done: "Future[Receipt]") -> None:
            done.exception()
            if not heard.done():
                heard.set_exception(failed())

        self._journal.submit(batch).add_done_callback(tell)
        return heard

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output, or lose it."""
        is_made, _ = self._failure.next_call("append_log")
        if is_made:
            self._journal.append_log(chunk)

    @property
    def backlog(self) -> int:
        """Bytes that are not durable yet."""
        return int(self._journal.backlog)

    async def flush(self) -> None:
        """Wait until everything is durable, or fail."""
        await _call(self._failure, "flush", self._journal.flush)

    async def close(self) -> None:
        """Close the real journal."""
        await self._journal.close()


class FailingControl:
    """Implements `core.ports.Control` over a real one."""

    def __init__(self, control: Control, failure: Failure) -> None:
        self._control = control
        self._failure = failure

    async def acquire(self, execution_id: str, *, from_parent: bool = False) -> Lease:
        """Acquire the lease, or fail."""
        return await _call(
            self._failure,
            "acquire",
            lambda: self._control.acquire(execution_id, from_parent=from_parent),
        )

    async def fence(self, execution_id: str) -> Lease:
        """Fence a dead owner, or fail."""
        return await _call(self._failure, "fence", lambda: self._control.fence(execution_id))

    async def renew(self, lease: Lease) -> Lease:
        """Renew the lease, or fail."""
        return await _call(self._failure, "renew", lambda: self._control.renew(lease))

    async def release(self, lease: Lease) -> None:
        """Release the lease, or fail."""
        await _call(self._failure, "release", lambda: self._control.release(lease))

    async def request(
        self, execution_id: str, kind: RequestKind, *, actor: str, **more: Any
    ) -> int:
        """Store a request, or fail."""
        return await _call(
            self._failure,
            "request",
            lambda: self._control.request(execution_id, kind, actor=actor, **more),
        )

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Take requests, or fail."""
        return await _call(
            self._failure, "take_requests", lambda: self._control.take_requests(lease)
        )


def failing(store: Store, failure: Failure) -> Store:
    """Return `store` with its calls counted and failing as `failure` says."""
    return replace(
        store,
        journal=FailingJournal(store.journal, failure),
        control=FailingControl(store.control, failure),
    )


def failed() -> UnavailableError:
    """Return what storage raises."""
    return UnavailableError("the database cannot be used: disk I/O error")


async def _call(failure: Failure, name: str, function: Callable[[], Awaitable[T]]) -> T:
    is_made, fails = failure.next_call(name)
    if not is_made:
        raise failed()
    result = await function()
    if fails:
        raise failed()
    return result
