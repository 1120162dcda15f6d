"""Actions on several executions: one dialog that names them, then several are acted on at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from core.domain.records import Execution
from core.errors import BugError, MissionDeckError
from core.ports.control import RequestKind
from core.ports.execution_query import ExecutionQuery
from tui.lines.marked_confirmation import (
    Scope,
    cancel_scope_of,
    report_of,
    rerun_scope_of,
    retry_scope_of,
)
from tui.live.deck import Deck
from tui.screens.dialog import Answer, Choice, Dialog
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

AT_ONCE = 4
"""How many executions are acted on at the same time."""


class MarkedActions:
    """What the keys of home do to the marked executions, or to the one under the cursor."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._backend = deck.backend

    async def cancel(self, execution_ids: frozenset[str]) -> bool:
        """Cancel those that have not ended; tell whether anything was done."""
        answer = await self._ask(execution_ids, cancel_scope_of, "Cancel", "error")
        if answer is None:
            return False
        await self._each(answer[0], self._cancel_one, "asked to cancel")
        return True

    async def rerun(self, execution_ids: frozenset[str]) -> bool:
        """Run again those that have ended; tell whether anything was done."""
        answer = await self._ask(execution_ids, rerun_scope_of, "Run again", "default")
        if answer is None:
            return False
        await self._each(
            answer[0], lambda one: self._backend.rerun(one.execution_id), "started again"
        )
        return True

    async def retry_failed(self, execution_ids: frozenset[str]) -> bool:
        """Retry all that failed in those that have ended; tell whether anything was done."""
        answer = await self._ask(
            execution_ids, retry_scope_of, "Retry", "default", ask="reason (for the audit log)"
        )
        if answer is None:
            return False
        reason = answer[1].text
        await self._each(
            answer[0],
            lambda one: self._backend.retry_failed(one.execution_id, reason=reason),
            "retried",
        )
        return True

    def _cancel_one(self, execution: Execution) -> None:
        self._backend.request(execution.execution_id, RequestKind.CANCEL)

    async def _ask(
        self,
        execution_ids: frozenset[str],
        scope_of: Callable[[Sequence[Execution]], Scope],
        label: str,
        tone: str,
        *,
        ask: str | None = None,
    ) -> tuple[Sequence[Execution], Answer] | None:
        """Ask for confirmation; return the executions that the action fits when it was given."""
        read = self._reader(execution_ids)
        try:
            scope = scope_of(await read())
        except MissionDeckError as error:
            self._deck.show_problem(clean_line(str(error)))
            return None
        if not scope.chosen:
            self._deck.show_problem(clean_line(" ".join(scope.lines[1:2])) or "nothing to do")
            return None

        async def lines() -> Sequence[str]:
            return scope_of(await read()).lines

        choices = [Choice("yes", label, tone)]
        dialog = Dialog(scope.title, scope.lines, choices, ask=ask, live=lines)
        answer = await self._deck.push_screen_wait(dialog)
        if answer is None:
            return None
        try:
            return scope_of(await read()).chosen, answer
        except MissionDeckError as error:
            self._deck.show_problem(clean_line(str(error)))
            return None

    def _reader(
        self, execution_ids: frozenset[str]
    ) -> Callable[[], Awaitable[Sequence[Execution]]]:
        query = ExecutionQuery(ids=execution_ids, include_children=True, limit=len(execution_ids))

        async def read() -> Sequence[Execution]:
            return await self._deck.lookup.read(lambda reader: reader.executions(query))

        return read

    async def _each(
        self, executions: Sequence[Execution], act: Callable[[Execution], object], verb: str
    ) -> None:
        """Act on several at once, each in a thread; report how often it worked and what failed."""
        waiting = iter(executions)
        problems: list[str] = []
        done = 0

        async def work() -> None:
            nonlocal done
            for one in waiting:
                try:
                    await asyncio.to_thread(act, one)
                    done += 1
                except BugError:
                    raise
                except MissionDeckError as error:
                    problems.append(clean_line(f"{run_name(one)}: {error.message}"))
                if len(executions) > AT_ONCE:
                    total = f"{done + len(problems):,} of {len(executions):,}"
                    self._deck.show_notice(f"{report_of(done, verb, problems)} ({total})")

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(executions)))))
        text = report_of(done, verb, problems)
        if problems:
            self._deck.show_problem(text)
        else:
            self._deck.show_problem("")
            self._deck.show_notice(text)
