"""The operator's actions: ask for confirmation, send the request, report the outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from core.domain.approval_question import may_answer
from core.domain.mission import EMPTY, Param
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import tally_of_execution
from core.errors import BugError, MissionDeckError
from core.operations.queue import is_on_hold
from core.ports.control import RequestKind
from tui.lines.confirmation import (
    approval_lines,
    awaits,
    cancel_run_lines,
    cancel_step_lines,
    count_text,
    kill_run_lines,
    kill_step_lines,
    named_in_run,
    retry_scope,
)
from tui.lines.worker_lines import worker_lines
from tui.live.backend import Receipt
from tui.live.board import Board
from tui.live.deck import Deck
from tui.live.steps.breakpoints import has_breakpoint, may_stop_before
from tui.live.steps.bucket import Bucket
from tui.screens.dialog import Answer, Choice, Dialog
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

LiveLines = Callable[[], Awaitable[Sequence[str]]]
"""Returns the current text of a dialog, so that it stays true while the dialog is open."""


class ConfirmedActions:
    """Each action shows a dialog that names its scope and focuses the safe choice."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._backend = deck.backend

    async def cancel_run(self, read_current: Callable[[], Awaitable[Board]]) -> None:
        """Cancel a whole execution; `read_current` returns its current state."""
        await self._stop(read_current, "Cancel", cancel_run_lines, EMPTY)

    async def kill_run(self, read_current: Callable[[], Awaitable[Board]]) -> None:
        """Cancel a whole execution without a grace and without handlers."""
        await self._stop(read_current, "Kill", kill_run_lines, {"force": True})

    async def _stop(
        self,
        read_current: Callable[[], Awaitable[Board]],
        verb: str,
        effect_of: Callable[[Board, str], list[str]],
        arguments: Mapping[str, Any],
    ) -> None:
        board = await read_current()
        execution = board.execution
        label = self._deck.label(execution)
        if not board.is_live:
            self._deck.show_problem(f"nothing to cancel: run {label} has ended")
            return

        async def lines() -> Sequence[str]:
            return effect_of(await read_current(), label)

        title = f"{verb} {clean_line(run_name(execution))}?"
        if not await self._confirm(title, await lines(), f"{verb} run", live=lines):
            return
        if not (await read_current()).is_live:
            self._deck.show_problem(f"nothing was cancelled: run {label} had ended")
            return
        kind = RequestKind.CANCEL
        await self._request(execution, kind, f"run {label}", arguments=arguments)

    async def show_workers(self, read_current: Callable[[], Awaitable[Board]]) -> None:
        """Show the workers of an execution's cluster and their load for as long as it is open."""

        async def lines() -> Sequence[str]:
            board = await read_current()
            execution_id = board.execution.execution_id
            attempts = await self._deck.lookup.read(lambda reader: reader.attempts(execution_id))
            found = worker_lines(board.lease, attempts, self._deck.clock.now())
            return found or ["no runner tells of workers now"]

        board = await read_current()
        if board.lease is None or not board.lease.workers:
            label = self._deck.label(board.execution)
            self._deck.show_problem(f"run {label} runs on no cluster now")
            return
        try:
            first = await lines()
        except MissionDeckError as error:
            self._deck.show_problem(clean_line(str(error)))
            return
        await self._ask("Workers", first, [], keep="Close", live=lines)

    async def cancel_step(self, board: Board, task_id: str) -> None:
        """Cancel one step; while that is under way, kill it."""
        name = clean_line(board.title(task_id))
        if is_terminal(board.tasks[task_id].state):
            self._deck.show_problem(f"nothing to cancel: {name} has ended")
            return

        is_killed = task_id in board.cancels
        verb, effect_of = ("Kill", kill_step_lines) if is_killed else ("Cancel", cancel_step_lines)

        async def lines() -> Sequence[str]:
            return effect_of(board, task_id)

        title, label = f"{verb} step {named_in_run(board, task_id)}?", f"{verb} step"
        if not await self._confirm(title, await lines(), label, live=lines):
            return
        arguments = {"force": True} if is_killed else EMPTY
        await self._request(board.execution, RequestKind.CANCEL_STEP, name, task_id, arguments)

    async def breakpoint(self, board: Board, task_id: str) -> None:
        """Set the breakpoint before a step, or before the step of an item; clear one that is set.

        Nothing is asked: it takes nothing from the run, and the same key undoes it.
        """
        task_id = board.tasks[task_id].parent_task_id or task_id
        task, name = board.tasks[task_id], clean_line(board.title(task_id))
        if has_breakpoint(board, task):
            kind = RequestKind.CLEAR_BREAKPOINT
        elif not board.is_live or not may_stop_before(task):
            how = "has ended" if is_terminal(task.state) or not board.is_live else "has started"
            self._deck.show_problem(f"no breakpoint: {name} {how}")
            return
        else:
            kind = RequestKind.SET_BREAKPOINT
        await self._request(board.execution, kind, name, task_id)

    async def pause(self, execution: Execution, *, orphaned: bool) -> None:
        """Pause an execution, resume a paused one, or start a new runner for an orphaned one.

        One that waits in a concurrency group is held back there, or released.
        """
        label = self._deck.label(execution)
        if is_terminal(execution.state):
            self._deck.show_problem(f"nothing to pause: run {label} has ended")
        elif orphaned:
            lines = [
                f"The runner of {label} is gone.",
                "A new runner continues where it stopped; steps that succeeded do not run again.",
                "A lost attempt is tried again; where that is not safe, the resume is refused.",
            ]
            if await self._confirm(f"Resume run {label}?", lines, "Resume", tone="default"):
                await self._run(
                    lambda: self._backend.resume(execution.execution_id), f"run {label}: resumed"
                )
        elif execution.reason_code is Reason.QUEUED:
            try:
                held = await self._deck.lookup.read(
                    lambda reader: is_on_hold(reader, execution.execution_id)
                )
            except MissionDeckError as error:
                self._deck.show_problem(clean_line(str(error)))
                return
            kind = RequestKind.RELEASE if held else RequestKind.HOLD
            await self._request(execution, kind, f"run {label}")
        elif execution.state is ExecutionState.PAUSED:
            await self._request(execution, RequestKind.RESUME, f"run {label}")
        else:
            lines = [f"Pause run {label}: no further steps start; running steps finish."]
            if await self._confirm(f"Pause run {label}?", lines, "Pause", tone="default"):
                await self._request(execution, RequestKind.PAUSE, f"run {label}")

    async def approve(self, board: Board, task_id: str) -> None:
        """Approve or reject the step, or the first one that waits for an approval."""
        if not awaits(board.tasks[task_id]):
            waiting = board.members(Bucket.NEEDS_YOU)
            if not waiting:
                self._deck.show_problem("no step waits for an approval")
                return
            task_id = waiting[0]
        name = clean_line(board.title(task_id))
        actor = self._backend.app_context.actor
        try:
            question = await self._deck.question(board, task_id)
        except MissionDeckError as error:
            self._deck.show_problem(_sentence(error))
            return
        allowed = may_answer(actor, question.approvers)

        async def lines() -> Sequence[str]:
            return approval_lines(board, task_id, question, actor, self._deck.clock.now())

        answer = await self._ask(
            f"Approve {name}?" if allowed else f"{name} waits for an approval",
            await lines(),
            [
                Choice("approve", "Approve", enabled=allowed, needs_inputs=True),
                Choice("reject", "Reject", "error", enabled=allowed),
            ],
            ask="comment (optional)" if allowed else None,
            inputs=question.inputs if allowed else (),
            keep="Leave it waiting",
            live=lines,
        )
        if answer is None:
            return
        kind = RequestKind.APPROVE if answer.choice == "approve" else RequestKind.REJECT
        arguments: dict[str, Any] = {"comment": answer.text}
        if answer.values:
            arguments["inputs"] = answer.values
        await self._request(board.execution, kind, name, task_id, arguments)

    async def retry(self, board: Board, task_id: str, *, downstream: bool) -> None:
        """Retry a step: in place while the run is live, else in a new linked execution."""
        task, name = board.tasks[task_id], clean_line(board.title(task_id))
        if board.is_live and not is_terminal(task.state):
            self._deck.show_problem(f"nothing to retry yet: {name} has not ended")
            return
        if board.is_live and task.state is TaskState.SUCCESS:
            self._deck.show_problem(
                f"{name} succeeded: while the run is live, only steps that failed can be retried"
            )
            return
        scope = retry_scope(board, task_id, downstream=downstream)
        choices = [Choice("retry", "Retry")]
        if scope.skipped:
            choices = [
                Choice("downstream", "Retry with downstream"),
                Choice("retry", "Retry alone"),
            ]

        async def lines() -> Sequence[str]:
            return retry_scope(board, task_id, downstream=downstream).lines

        reason = "reason (for the audit log)"
        answer = await self._ask(scope.title, scope.lines, choices, ask=reason, live=lines)
        if answer is None:
            return
        retry = partial(
            self._backend.retry,
            board.execution.execution_id,
            task_id,
            downstream=downstream or answer.choice == "downstream",
            reason=answer.text,
        )
        # an item exists in a new execution only once its step has been expanded
        await self._send(retry, RequestKind.RETRY, name, focus_step=scope.step_id)

    async def rerun(self, execution: Execution) -> None:
        """Run a whole mission again with the same parameters."""
        label = self._deck.label(execution)
        total = sum(tally_of_execution(execution).steps.values())
        lines = [
            f"A new run of all {count_text(total, '')} with the same parameters, linked to {label}."
        ]
        title = f"Run {clean_line(run_name(execution))} again?"
        if await self._confirm(title, lines, "Run again", tone="default"):
            await self._start(lambda: self._backend.rerun(execution.execution_id))

    # --- dialogs and requests --------------------------------------------------------------------

    async def _ask(
        self,
        title: str,
        lines: Sequence[str],
        choices: Sequence[Choice],
        *,
        ask: str | None = None,
        inputs: Sequence[Param] = (),
        keep: str = "Keep",
        live: LiveLines | None = None,
    ) -> Answer | None:
        dialog = Dialog(title, lines, choices, ask=ask, inputs=inputs, keep=keep, live=live)
        return await self._deck.push_screen_wait(dialog)

    async def _confirm(
        self,
        title: str,
        lines: Sequence[str],
        label: str,
        *,
        tone: str = "error",
        live: LiveLines | None = None,
    ) -> bool:
        return await self._ask(title, lines, [Choice("yes", label, tone)], live=live) is not None

    async def _request(
        self,
        execution: Execution,
        kind: RequestKind,
        subject: str,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> None:
        request = partial(
            self._backend.request,
            execution.execution_id,
            kind,
            task_id=task_id,
            arguments=arguments,
        )
        await self._send(request, kind, subject)

    async def _send(
        self,
        action: Callable[[], Receipt | str],
        kind: RequestKind,
        subject: str,
        *,
        focus_step: str | None = None,
    ) -> None:
        """Follow the request that `action` stores, or open the execution that it starts."""
        try:
            sent = await asyncio.to_thread(action)
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.show_problem(_sentence(error))
            return
        if isinstance(sent, str):
            self._deck.open_execution(sent, focus_step=focus_step)
        else:
            self._deck.show_problem("")
            self._deck.follow(sent, kind, subject)

    async def _run(self, action: Callable[[], None], done: str) -> None:
        try:
            await asyncio.to_thread(action)
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.show_problem(_sentence(error))
        else:
            self._deck.show_notice(done)

    async def _start(self, action: Callable[[], str]) -> None:
        try:
            execution_id = await asyncio.to_thread(action)
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.show_problem(_sentence(error))
        else:
            self._deck.open_execution(execution_id)


def _sentence(error: MissionDeckError) -> str:
    return clean_line(f"{error.message} ({error.hint})" if error.hint else error.message)
