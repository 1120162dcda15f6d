"""What the operator may do to executions and steps: ask in words, request, say what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from core.domain.approval_question import OpenQuestion, may_answer
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.domain.tally import tally_of_execution
from core.errors import BugError, MissionDeckError
from core.planning.cancel_scope import cancel_scope, cancel_step_scope
from core.ports.control import RequestKind
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.live.board import Board, Bucket
from tui.live.deck import Deck
from tui.screens.dialog import Answer, Choice, Dialog
from tui.words.cancel_text import cancel_text, stop_text
from tui.words.numbers import moment
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line, clean_lines

NAMED = 8

Live = Callable[[], Awaitable[Sequence[str]]]
"""Gives the lines of a question anew."""


class ConfirmedActs:
    """Every act: a dialog that names the scope and focuses the safe choice, then the request."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._backend = deck.backend

    async def cancel_run(self, look: Callable[[], Awaitable[Board]]) -> None:
        """Cancel a whole execution; `look` tells how it is at any moment."""
        board = await look()
        execution = board.execution
        label = self._deck.label(execution)
        if not board.is_live:
            self._deck.complain(f"run {label} has ended: there is nothing to cancel")
            return

        async def lines() -> Sequence[str]:
            board = await look()
            if not board.is_live:
                return [f"Run {label} has ended: there is nothing left to cancel."]
            is_repeated = board.execution.cancel_requested_at is not None
            scope = cancel_scope(board.tasks.values(), board.mission, is_repeated=is_repeated)
            told = clean_line(cancel_text(scope, board.tasks, board.mission))
            return [
                f"Cancel run {label}: {told}",
                "This cannot be undone.",
            ]

        title = f"Cancel {clean_line(run_name(execution))}?"
        if not await self._sure(title, await lines(), "Cancel run", live=lines):
            return
        if not (await look()).is_live:
            self._deck.complain(f"run {label} had ended: there was nothing to cancel")
            return
        await self._request(execution, RequestKind.CANCEL, f"run {label}")

    async def cancel_step(self, board: Board, task_id: str) -> None:
        """Cancel one step."""
        task = board.tasks[task_id]
        name = clean_line(board.title(task_id))
        if is_terminal(task.state):
            self._deck.complain(f"{name} has ended: there is nothing to cancel")
            return
        after = len(board.downstream([task_id]))

        async def lines() -> Sequence[str]:
            if is_terminal(board.tasks[task_id].state):
                return [f"{name} has ended: there is nothing left to cancel."]
            scope = cancel_step_scope(task_id, board.tasks.values())
            told = stop_text(scope, board.tasks, board.mission)
            return [f"Cancel step {name}: {told}; {_steps(after, 'downstream')} may be skipped."]

        if not await self._sure(f"Cancel step {name}?", await lines(), "Cancel step", live=lines):
            return
        await self._request(board.execution, RequestKind.CANCEL_STEP, name, task_id)

    async def pause(self, execution: Execution, *, orphaned: bool) -> None:
        """Pause an execution, let a paused one go on, give one without a runner a new runner."""
        label = self._deck.label(execution)
        if is_terminal(execution.state):
            self._deck.complain(f"run {label} has ended: there is nothing to pause")
        elif orphaned:
            lines = [
                f"Nobody runs {label} any more: its runner is gone.",
                "A new runner goes on where it stopped; what succeeded is not run again.",
            ]
            if await self._sure(f"Resume run {label}?", lines, "Resume", tone="default"):
                await self._do(
                    lambda: self._backend.resume(execution.execution_id), f"run {label}: resumed"
                )
        elif execution.state is ExecutionState.PAUSED:
            await self._request(execution, RequestKind.RESUME, f"run {label}")
        else:
            scope = f"Pause run {label}: no further step starts; "
            lines = [scope + "what runs goes on to its end."]
            if await self._sure(f"Pause run {label}?", lines, "Pause", tone="default"):
                await self._request(execution, RequestKind.PAUSE, f"run {label}")

    async def approve(self, board: Board, task_id: str) -> None:
        """Approve or reject a step that waits for it."""
        task = board.tasks[task_id]
        if not awaits(task):
            waiting = [one for one in board.members(Bucket.WAITING) if awaits(board.tasks[one])]
            if not waiting:
                self._deck.complain("no step waits for an approval")
                return
            task_id = waiting[0]
        name = clean_line(board.title(task_id))
        actor = self._backend.surroundings.actor
        try:
            question = await self._deck.question(board, task_id)
        except MissionDeckError as error:
            self._deck.complain(_sentence(error))
            return
        allowed = may_answer(actor, question.approvers)

        async def lines() -> Sequence[str]:
            task = board.tasks[task_id]
            if not awaits(task):
                word = state_word(task.state, task.reason_code)
                return [f"{name} waits no longer: it is {word}."]
            asked = question.prompt
            after = len(board.downstream([task_id]))
            waits = "waits" if after < 2 else "wait"
            behind = f"{_steps(after, 'downstream')} {waits} behind it."
            return [
                *(clean_lines(asked) if asked else [f"{name} waits for an approval."]),
                behind if board.mission is not None else "What waits behind it is being read.",
                "",
                *question_lines(question, actor, self._deck.clock.now()),
            ]

        answer = await self._ask(
            f"Approve {name}?" if allowed else f"{name} waits for an approval",
            await lines(),
            [
                Choice("approve", "Approve", enabled=allowed),
                Choice("reject", "Reject", "error", enabled=allowed),
            ],
            ask="comment (optional)" if allowed else None,
            keep="Leave it waiting",
            live=lines,
        )
        if answer is None:
            return
        kind = RequestKind.APPROVE if answer.choice == "approve" else RequestKind.REJECT
        await self._request(board.execution, kind, name, task_id, {"comment": answer.text})

    async def retry(self, board: Board, task_id: str, *, downstream: bool) -> None:
        """Run a step again: in place while the run is live, else as a linked execution."""
        task, name = board.tasks[task_id], clean_line(board.title(task_id))
        if board.is_live and not is_terminal(task.state):
            self._deck.complain(f"{name} has not ended: there is nothing to retry yet")
            return
        if board.is_live and task.state is TaskState.SUCCESS:
            self._deck.complain(
                f"{name} succeeded; while the run is live only what failed is retried"
            )
            return
        step_id = task.parent_task_id or task_id
        after = board.downstream([step_id]) if downstream else []
        again = f" and {_steps(len(after), 'downstream')}:" if after else "."
        is_told = not downstream or board.mission is not None
        if not is_told:
            again = " and every step behind it. The mission is not read yet: they have no names."
        lines = [f"Runs again: {name}{_part(board, task)}{again}"]
        lines += [f"  {clean_line(other)}" for other in after[:NAMED]]
        if len(after) > NAMED:
            lines.append(f"  … and {len(after) - NAMED:,} more")
        if board.is_live:
            lines.append("This run goes on; the new attempt is numbered after the last.")
        else:
            steps = [one for one in board.tasks.values() if one.parent_task_id is None]
            rest = len(steps) - len(after) - 1
            lines.append(
                f"A new linked run; what succeeded of the {_steps(rest, 'other')} is reused."
                if rest and is_told
                else "A new linked run; what succeeded of the others is reused."
                if rest
                else "A new linked run."
            )
        title = f"Retry {name}" + (" and what follows?" if downstream else "?")
        choices = [Choice("retry", "Retry")]
        skipped = [] if downstream or not board.is_live else board.skipped_for(step_id)
        if skipped:
            are = "was" if len(skipped) == 1 else "were"
            lines.append(
                f"{counted(len(skipped), 'step')} behind it {are} skipped, "
                f"and {'runs' if len(skipped) == 1 else 'run'} only if retried as well."
            )
            choices = [
                Choice("downstream", "Retry with downstream"),
                Choice("retry", "Retry alone"),
            ]
        answer = await self._ask(title, lines, choices, ask="reason (for the audit log)")
        if answer is None:
            return
        downstream = downstream or answer.choice == "downstream"
        if board.is_live:
            arguments = {"downstream": downstream, "reason": answer.text}
            await self._request(board.execution, RequestKind.RETRY, name, task_id, arguments)
            return
        execution_id = board.execution.execution_id
        await self._start(
            lambda: self._backend.retry(
                execution_id, [task_id], downstream=downstream, reason=answer.text
            ),
            focus_step=step_id,  # an item is there once its step was evaluated
        )

    async def rerun(self, execution: Execution) -> None:
        """Run a whole mission again with the same parameters."""
        label = self._deck.label(execution)
        total = sum(tally_of_execution(execution).steps.values())
        lines = [
            f"A new run of all {_steps(total, '')} with the same parameters, linked to {label}."
        ]
        title = f"Run {clean_line(run_name(execution))} again?"
        if await self._sure(title, lines, "Run again", tone="default"):
            await self._start(lambda: self._backend.rerun(execution.execution_id))

    # --- the common part -------------------------------------------------------------------------

    async def _ask(
        self,
        title: str,
        lines: Sequence[str],
        choices: Sequence[Choice],
        *,
        ask: str | None = None,
        keep: str = "Keep",
        live: Live | None = None,
    ) -> Answer | None:
        dialog = Dialog(title, lines, choices, ask=ask, keep=keep, live=live)
        return await self._deck.push_screen_wait(dialog)

    async def _sure(
        self,
        title: str,
        lines: Sequence[str],
        label: str,
        *,
        tone: str = "error",
        live: Live | None = None,
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
        try:
            receipt = await asyncio.to_thread(
                partial(
                    self._backend.request,
                    execution.execution_id,
                    kind,
                    task_id=task_id,
                    arguments=arguments,
                )
            )
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.complain(_sentence(error))
        else:
            self._deck.complain("")
            self._deck.follow(receipt, kind, subject)

    async def _do(self, act: Callable[[], None], done: str) -> None:
        try:
            await asyncio.to_thread(act)
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.complain(_sentence(error))
        else:
            self._deck.tell(done)

    async def _start(self, act: Callable[[], str], *, focus_step: str | None = None) -> None:
        try:
            execution_id = await asyncio.to_thread(act)
        except BugError:
            raise
        except MissionDeckError as error:
            self._deck.complain(_sentence(error))
        else:
            self._deck.open_execution(execution_id, focus_step=focus_step)


def awaits(task: TaskRun) -> bool:
    """Tell whether a task run waits for somebody to approve it."""
    return task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL


def question_lines(question: OpenQuestion, actor: str, now: int) -> list[str]:
    """Say who may answer, whether you may, and until when."""
    if question.approvers:
        who = ", ".join(map(clean_line, question.approvers))
        may = "you are one of them" if may_answer(actor, question.approvers) else "you may not"
        lines = [f"Who may answer: {who}. You are {clean_line(actor)}: {may}."]
    else:
        lines = [f"Anybody may answer; you answer as {clean_line(actor)}."]
    if question.until is None:
        return [*lines, "It waits until somebody answers."]
    left = (question.until - now) / SECOND_NS
    if left <= 0:
        return [*lines, "The time to answer is over."]
    return [*lines, f"Until {moment(question.until)}, {duration_text(left)} from now."]


def _sentence(error: MissionDeckError) -> str:
    return clean_line(f"{error.message} ({error.hint})" if error.hint else error.message)


def _part(board: Board, task: TaskRun) -> str:
    """Say how much of a fan-out step runs again: its items that did not succeed."""
    items = [one for one in board.tasks.values() if one.parent_task_id == task.task_id]
    again = [one for one in items if one.state is not TaskState.SUCCESS]
    if not again or task.state is TaskState.SUCCESS:
        return ""
    return f" ({len(again):,} of {counted(len(items), 'item')})"


def _steps(number: int, kind: str) -> str:
    noun = f"{kind} step" if kind else "step"
    return f"no {noun}" if number == 0 else counted(number, noun)
