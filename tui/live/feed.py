"""Watches the database for the screen: a thread with a connection of its own polls for commits.

Updates are coalesced, so that a slow screen gets fewer, larger ones. It never blocks a writer.
Single queries are run by `tui.live.lookup`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace
from textual.message import Message

from core.domain.records import Execution, LogEntry
from core.domain.states import is_terminal
from core.errors import BugError, MissionDeckError, NotFoundError
from core.output.log_ends import last_lines
from core.ports.reader import LogQuery, Reader
from tui.live.log.log_pages import PAGE_CHARACTERS
from tui.live.messages import Committed, Delta, FeedLost, LogLines, ThreadBroken
from tui.search.home_page import EMPTY_PAGE, HomeQuery, read_home

DELIVERY_INTERVAL_SECONDS = 0.1
"""The pause after a delivery: at most ten deliveries a second, however much changes."""
POLL_SECONDS = 0.05
"""How often the version counter is read while changes are to be expected."""
IDLE_POLL_SECONDS = 0.1
"""How often the version counter is read once nothing has changed for `IDLE_AFTER_SECONDS`."""
IDLE_AFTER_SECONDS = 2.0
REST_PER_READ = 3.0
"""How much longer than it took to read home the pause after it is at least.

A filter that reads all of 100,000 executions is not asked ten times a second.
"""
MAX_REST_SECONDS = 2.0
LEASE_POLL_SECONDS = 1.0
MAX_LOG_ENTRIES = 2000
"""Log entries read at once; if there are more, all but the last ones are skipped."""


@dataclass(frozen=True, slots=True)
class _FollowedLog:
    token: int
    query: LogQuery


class Feed:
    """Watches the database for one screen at a time.

    `post` is called from the feed's thread and must be thread-safe. The target may be changed at
    any time from the event loop; updates of an earlier target are dropped.
    """

    def __init__(
        self, open_reader: Callable[[], Reader], post: Callable[[Message], object]
    ) -> None:
        self._open_reader = open_reader
        self._post = post
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._pending = Delta()
        self._posted = False
        self._home: HomeQuery | None = None
        self._execution_id: str | None = None
        self._follow: _FollowedLog | None = None
        self._target = 0
        self._generation = 0
        # used by the feed's thread only
        self._asked = 0
        """The target that was read last."""
        self._cursor = 0
        self._log_cursor = 0
        self._log_token = 0
        self._unfinished: tuple[LogEntry, ...] = ()
        self._seen_generation = -1
        self._opened: str | None = None
        self._version: int | None = None
        self._lease_at = 0.0
        self._live = True

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and close its connection; return when both are done."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def watch_home(self, query: HomeQuery) -> None:
        """Watch the executions that home shows."""
        self._set_target(home=query, execution_id=None)

    def watch_execution(self, execution_id: str) -> None:
        """Watch one execution with its task runs and its lease."""
        self._set_target(home=None, execution_id=execution_id)

    def follow_log(self, query: LogQuery | None) -> int:
        """Follow a log in place of the previous one; return the token of its deliveries."""
        with self._lock:
            token = 1 if self._follow is None else self._follow.token + 1
            self._follow = _FollowedLog(token, query or LogQuery(execution_id=""))
            self._pending.logs = None
            self._generation += 1
        self._wake.set()
        return token

    @property
    def log_token(self) -> int:
        """The token of the followed log, 0 for none."""
        return 0 if self._follow is None else self._follow.token

    def take(self) -> Delta:
        """Return the pending updates and clear them."""
        with self._lock:
            delta, self._pending, self._posted = self._pending, Delta(), False
        return delta

    def _set_target(self, *, home: HomeQuery | None, execution_id: str | None) -> None:
        with self._lock:
            if (home, execution_id) == (self._home, self._execution_id):
                return
            self._home, self._execution_id = home, execution_id
            self._pending = Delta()
            self._target += 1
            self._generation += 1
        self._wake.set()

    def _run(self) -> None:
        reader: Reader | None = None
        lost = False
        last_change = time.monotonic()
        read_seconds = 0.0
        try:
            while not self._stopped:
                self._wake.clear()
                has_update = False
                try:
                    self._asked = self._target
                    if reader is None:
                        reader = self._open_reader()
                        self._seen_generation = -1
                    began = time.monotonic()
                    has_update = self._poll(reader)
                    read_seconds = time.monotonic() - began
                    if has_update:
                        last_change = time.monotonic()
                    if lost:
                        lost = False
                        self._post(FeedLost(""))
                except BugError:
                    raise
                except NotFoundError as error:
                    self._deliver_absence(reader, error)
                    self._wake.wait(IDLE_POLL_SECONDS)
                except MissionDeckError as error:
                    _close(reader)
                    reader = None
                    if not lost:
                        lost = True
                        self._post(FeedLost(str(error)))
                    self._wake.wait(1.0)
                idle = time.monotonic() - last_change > IDLE_AFTER_SECONDS
                pause = IDLE_POLL_SECONDS if idle else POLL_SECONDS
                if has_update:
                    rest = 0.0 if self._home is None else rest_after(read_seconds)
                    pause = max(DELIVERY_INTERVAL_SECONDS, rest)
                self._wake.wait(pause)
        except Exception as error:  # noqa: BLE001 - a thread's failure must end the app, not vanish
            if not self._stopped:
                self._post(ThreadBroken(error))
        finally:
            _close(reader)

    def _deliver_absence(self, reader: Reader | None, error: NotFoundError) -> None:
        """Deliver an empty home while there is no database; report a missing execution."""
        with self._lock:
            target, home = self._target, self._home
            if target != self._asked:
                return  # what is missing of an earlier target concerns nobody any more
            if home is None:
                self._execution_id = None
        if home is None:
            self._post(FeedLost(error.message))
        elif reader is None:
            self._deliver(target, Delta(home=EMPTY_PAGE))

    def _poll(self, reader: Reader) -> bool:
        with self._lock:
            generation, target = self._generation, self._target
            self._asked = target
            home, execution_id, follow = self._home, self._execution_id, self._follow
        version = reader.data_version()
        has_new_target = generation != self._seen_generation
        if not has_new_target and version == self._version:
            if execution_id and self._live and time.monotonic() >= self._lease_at:
                self._deliver(target, self._lease(reader, execution_id))
            return False
        self._seen_generation, self._version = generation, version
        delta = Delta(last_seq=reader.last_seq(), execution_id=execution_id)
        if home is not None:
            self._opened = None
            delta.home = read_home(reader, home)
            delta.short_ids = delta.home.short_ids
        elif execution_id:
            self._read_execution(reader, execution_id, delta)
        if follow is not None and follow.query.execution_id:
            self._read_log(reader, follow, delta)
        self._deliver(target, delta)
        return True

    def _read_execution(self, reader: Reader, execution_id: str, delta: Delta) -> None:
        if self._opened != execution_id:
            self._opened, self._cursor, self._lease_at = execution_id, 0, 0.0
            delta.opened = True
            delta.origin = _origin(reader, execution_id)
            known = (
                [execution_id]
                if delta.origin is None
                else [execution_id, delta.origin.execution_id]
            )
            delta.short_ids = reader.short_ids(known)
        self._cursor, tasks = reader.task_states(execution_id, after_seq=self._cursor)
        delta.tasks = {task.task_id: task for task in tasks}
        delta.execution = execution = reader.find_execution(execution_id)
        self._live = not is_terminal(execution.state)
        delta.cancels = reader.cancels_under_way(execution_id) if self._live else {}
        if self._live and time.monotonic() >= self._lease_at:
            found = self._lease(reader, execution_id)
            delta.lease, delta.lease_read = found.lease, True

    def _lease(self, reader: Reader, execution_id: str) -> Delta:
        self._lease_at = time.monotonic() + LEASE_POLL_SECONDS
        return Delta(lease=reader.lease(execution_id), lease_read=True, execution_id=execution_id)

    def _read_log(self, reader: Reader, follow: _FollowedLog, delta: Delta) -> None:
        reset = follow.token != self._log_token
        if reset:
            self._log_token, self._log_cursor = follow.token, 0
        query = replace(
            follow.query,
            after_chunk=self._log_cursor,
            tail=MAX_LOG_ENTRIES,
            tail_characters=2 * PAGE_CHARACTERS,
        )
        lines, skipped = last_lines(reader.logs(query), MAX_LOG_ENTRIES - 1, PAGE_CHARACTERS)
        if lines:
            self._log_cursor = lines[-1][0]
        unfinished = tuple(reader.unfinished_lines(follow.query))
        if lines or reset or unfinished != self._unfinished:
            self._unfinished = unfinished
            delta.logs = [
                LogLines(
                    follow.token,
                    lines,
                    gap=skipped and not reset,
                    reset=reset,
                    has_more=skipped,
                    unfinished=unfinished,
                )
            ]

    def _deliver(self, target: int, delta: Delta) -> None:
        with self._lock:
            if target != self._target:  # the target has changed: start over with the new one
                self._opened = None
                return
            _merge(self._pending, delta)
            post, self._posted = not self._posted, True
        if post:
            self._post(Committed())


def rest_after(read_seconds: float) -> float:
    """Return the least seconds between two readings of home that take so long."""
    return min(MAX_REST_SECONDS, REST_PER_READ * read_seconds)


def _origin(reader: Reader, execution_id: str) -> Execution | None:
    """Return the execution that this one retries or reruns; None if there is none any more."""
    execution = reader.find_execution(execution_id)
    linked = execution.retry_of or execution.rerun_of
    try:
        return None if linked is None else reader.find_execution(linked)
    except NotFoundError:
        return None


def _merge(pending: Delta, delta: Delta) -> None:
    if delta.home is not None:
        pending.home = delta.home
    pending.execution_id = delta.execution_id
    if delta.short_ids is not None:
        pending.short_ids = {**(pending.short_ids or {}), **delta.short_ids}
    if delta.execution is not None:
        pending.execution = delta.execution
    if delta.origin is not None:
        pending.origin = delta.origin
    if delta.tasks is not None:
        pending.tasks = {**(pending.tasks or {}), **delta.tasks}
    if delta.lease_read:
        pending.lease, pending.lease_read = delta.lease, True
    if delta.cancels is not None:
        pending.cancels = delta.cancels
    if delta.logs:
        pending.logs = [*(pending.logs or []), *delta.logs]
    pending.opened = pending.opened or delta.opened
    pending.last_seq = max(pending.last_seq, delta.last_seq)


def _close(reader: Reader | None) -> None:
    if reader is not None:
        reader.close()
