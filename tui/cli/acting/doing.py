"""Does an action to many executions, several at once, and tells what came of each.

Knows neither how they were selected nor what the action is.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.state_word import WORDS
from core.errors import BugError, ConflictError, MissionDeckError
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.cli.acting.action import Action, action_json
from tui.cli.exit_code import EXIT_INTERRUPTED
from tui.cli.invocation import Invocation
from tui.cli.printing.live_line import LiveLine
from tui.host.refusal import as_mission_error
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line

AT_ONCE = 8
"""How many executions are acted on at the same time: each waits for a runner most of the time."""

_NOT_DONE = "not done: Ctrl-C came before its turn"
_UNKNOWN = "Ctrl-C came meanwhile: it may have been done"


class Doing:
    """An action that is done to executions in their order, and what came of each so far.

    The first Ctrl-C lets those end that are under way, the second does not wait for them.
    """

    def __init__(
        self,
        invocation: Invocation,
        reader: Reader,
        action: Action,
        fitting: ExecutionQuery,
        executions: Sequence[Execution],
    ) -> None:
        self._invocation = invocation
        self._console = invocation.console
        self._reader = reader
        self._action = action
        self._fitting = fitting
        self._executions = executions
        self._begun: set[int] = set()
        self._rows: dict[int, dict[str, Any]] = {}
        self._errors: dict[int, MissionDeckError] = {}
        self.bug: BugError | None = None
        """The bug that ended it, if one did."""
        self.interrupts = 0
        """How often Ctrl-C was pressed."""
        self._workers: list[asyncio.Task[None]] = []
        self._progress = LiveLine(self._console, is_on=not invocation.json, on_stderr=True)

    @property
    def code(self) -> int:
        """The exit code: of a bug, of Ctrl-C, or of the first execution that it failed for."""
        if self.bug is not None:
            return self.bug.exit_code
        if self.interrupts:
            return EXIT_INTERRUPTED
        return self._errors[min(self._errors)].exit_code if self._errors else 0

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What came of each execution, in their order, as JSON data."""
        return [self._rows.get(at) or self._open(at) for at in range(len(self._executions))]

    async def run(self) -> None:
        """Act on all of them, unless Ctrl-C or a bug ends it before."""
        waiting = iter(range(len(self._executions)))
        self._show_progress()
        count = min(AT_ONCE, len(self._executions))
        self._workers = [asyncio.create_task(self._work(waiting)) for _ in range(count)]
        try:
            with _on_interrupt(self._interrupt):
                await asyncio.gather(*self._workers, return_exceptions=True)
        finally:
            self._progress.clear()

    def summary(self) -> str:
        """Return in words what came of them."""
        failed, left = len(self._errors), len(self._executions) - len(self._rows)
        parts = [f"{len(self._rows) - failed:,} done"]
        parts += [f"{failed:,} failed"] if failed else []
        begun = len(self._begun) - len(self._rows)
        parts += [f"{begun:,} may have been done"] if begun else []
        parts += [f"{left - begun:,} not done"] if left > begun else []
        stopped = "stopped by Ctrl-C: " if self.interrupts else ""
        return f"{self._action.verb}: {stopped}{', '.join(parts)}"

    async def _work(self, waiting: Iterator[int]) -> None:
        for at in waiting:
            if self.interrupts or self.bug is not None:
                return
            self._begun.add(at)
            await self._act(at)
            self._show_progress()

    async def _act(self, at: int) -> None:
        one = self._executions[at]
        try:
            now = _as_it_is_now(self._reader, self._fitting, one)
            told, facts = await self._action.act(self._reader, now)
        except Exception as error:  # noqa: BLE001 - becomes words, and the others are acted on
            known = as_mission_error(error)
            if isinstance(known, BugError):
                self.bug = known
            self._errors[at] = known
            self._rows[at] = action_json(one, "failed", known.message, known)
            hint = f" ({safe_line(known.hint)})" if known.hint else ""
            self._tell(one, f"{safe_line(known.message)}{hint}")
            return
        self._rows[at] = {**action_json(one, "done", told), **facts}
        self._tell(one, safe_line(told), started=facts.get("started"))

    def _open(self, at: int) -> dict[str, Any]:
        is_begun = at in self._begun
        outcome, told = ("unknown", _UNKNOWN) if is_begun else ("not_done", _NOT_DONE)
        return action_json(self._executions[at], outcome, told)

    def _tell(self, one: Execution, told: str, *, started: Any = None) -> None:
        if self._invocation.json:
            return
        self._progress.clear()
        if started is not None:
            self._console.out(started["execution_id"])
        self._console.say(f"{safe_line(full_label(one))}: {told}")

    def _show_progress(self) -> None:
        total = len(self._executions)
        if total > 1:
            failed = f", {len(self._errors):,} failed" if self._errors else ""
            self._progress.show(f"{self._action.verb}: {len(self._rows):,} of {total:,}{failed}")

    def _interrupt(self) -> None:
        self.interrupts += 1
        if self.interrupts > 1:
            for worker in self._workers:
                worker.cancel()
        elif not self._invocation.json:
            self._progress.clear()
            under_way = len(self._begun) - len(self._rows)
            self._console.say(
                f"no more are begun; {under_way} under way, Ctrl-C again does not wait for them"
            )


@contextmanager
def _on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C call a function within the running event loop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def _as_it_is_now(reader: Reader, fitting: ExecutionQuery, one: Execution) -> Execution:
    """Return the execution as it is now; `ConflictError` if the action is not for it any more."""
    found = reader.executions(replace(fitting, ids=frozenset({one.execution_id})))
    if found:
        return found[0]
    now = reader.find_execution(one.execution_id)
    if now.state is not one.state:
        raise ConflictError(f"left alone: it is {WORDS[now.state.value]} now")
    raise ConflictError("left alone: it does not fit any more, somebody else has acted on it")
