"""Handles operators' requests: cancel, pause, resume, approve, reject, retry.

Every request has one outcome: done, recorded with the events that are its effect, or refused with a
reason, and the refusal is an event. One without an outcome is redelivered to the next runner.
"""

import asyncio
from collections.abc import Callable, Mapping

from msgspec import Struct

from core.domain.approval_question import may_answer
from core.domain.events import CancelRequested
from core.domain.mission import EMPTY
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.engine.cycle.breakpoint_requests import change_breakpoint
from core.engine.engine_recorder import EngineRecorder
from core.errors import UsageError
from core.graph.dag import Graph
from core.planning.cancel_scope import state_after_stop
from core.planning.earlier_items import items_of_step
from core.planning.planner import Planner
from core.ports.clock import Clock
from core.ports.control import Request, RequestKind
from core.step_type.host import Approval, TakeInputs
from core.step_type.registry import SUB_MISSION_TYPES

RETRYABLE = frozenset({TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED})

APPROVAL = "approval"
"""The step type that asks a person."""

ENDING = "the execution is ending"
"""Why a request is refused that comes too late."""

ANSWERED = frozenset({Reason.APPROVED, Reason.REJECTED})

CancelAttempt = Callable[[str, Reason, str], bool]
"""Cancels a running attempt (step, reason, message); False when none runs."""


class Question(Struct, frozen=True):
    """An approval step's question, who may answer it (empty: anybody), and until when.

    `take` checks the values that an approval gives.
    """

    task_id: str
    prompt: str
    approvers: tuple[str, ...]
    until: int | None = None
    take: TakeInputs = dict


class _Cancelling(Struct):
    """A request to cancel a step, and the attempts whose end it waits for."""

    request: Request
    left: set[str]
    took_effect: bool = False


class RequestHandler:
    """Turns requests into events, decisions of the planner, and answers."""

    def __init__(
        self,
        recorder: EngineRecorder,
        planner: Planner,
        graph: Graph,
        clock: Clock,
        *,
        cancel_attempt: CancelAttempt,
        kill_attempt: Callable[[str], None],
        handlers: frozenset[str],
    ) -> None:
        self._recorder = recorder
        self._planner = planner
        self._graph = graph
        self._clock = clock
        self._cancel_attempt = cancel_attempt
        self._kill_attempt = kill_attempt
        self._handlers = handlers
        self.is_killing = False
        """Whether what runs is to be killed at once."""
        self._open: dict[str, tuple[Question, asyncio.Future[Approval]]] = {}
        self._answers: dict[str, Request] = {}
        self._early: dict[str, list[Request]] = {}  # answers to what will be asked again
        self._cancelling: list[_Cancelling] = []

    def handle(self, request: Request) -> None:
        """Do what was asked, or record why not."""
        kind = request.kind
        state = self._recorder.snapshot.current.state
        if kind is RequestKind.CANCEL:
            self._cancel(request)
        elif kind is RequestKind.CANCEL_STEP:
            self._cancel_step(request)
        elif kind in {RequestKind.APPROVE, RequestKind.REJECT}:
            self._answer(request)
        elif kind is RequestKind.RETRY:
            self._retry(request)
        elif kind is RequestKind.PAUSE and state is ExecutionState.RUNNING:
            message = f"paused by {request.actor}"
            self._recorder.move(
                ExecutionState.PAUSED, Reason.USER_PAUSED, message, actor=request.actor
            )
            self._recorder.settle(request)
        elif kind is RequestKind.RESUME and state is ExecutionState.PAUSED:
            message = f"resumed by {request.actor}"
            self._recorder.move(
                ExecutionState.RUNNING, Reason.USER_RESUMED, message, actor=request.actor
            )
            self._recorder.settle(request)
        elif kind in {RequestKind.SET_BREAKPOINT, RequestKind.CLEAR_BREAKPOINT}:
            why = change_breakpoint(request, self._recorder, self._planner, self._handlers)
            self._recorder.settle(request) if why is None else self.refuse(request, why)
        elif kind in {RequestKind.HOLD, RequestKind.RELEASE}:
            self.refuse(request, "it does not wait in a concurrency group")
        else:
            self.refuse(request, f"the execution is {state}")

    def refuse_late(self, request: Request) -> None:
        """Refuse what was asked when nothing could follow from it any more."""
        self.refuse(request, ENDING)

    # --- approvals ------------------------------------------------------------------------------

    def ask(self, question: Question) -> "asyncio.Future[Approval]":
        """Open a question and return where its answer will be."""
        answer: asyncio.Future[Approval] = asyncio.get_running_loop().create_future()
        self._open[question.task_id] = (question, answer)
        for request in self._early.pop(question.task_id, ()):
            self._answer(request)
        return answer

    def is_open(self, question: Question) -> bool:
        """Tell whether a question still waits for its answer."""
        return question.task_id in self._open

    def answered_by(self, task_id: str) -> str | None:
        """Return who has answered a step's question, None while nobody has."""
        answer = self._answers.get(task_id)
        return None if answer is None else answer.actor

    def close(self, task_id: str) -> None:
        """Settle the requests that were about an attempt, which has ended."""
        attempt = self._recorder.snapshot.attempt(task_id)
        self._open.pop(task_id, None)
        answer = self._answers.pop(task_id, None)
        if answer is not None:
            if attempt is not None and attempt.reason_code in ANSWERED:
                self._recorder.settle(answer)
            else:
                self.refuse(answer, "the step had ended before the answer could count")
        for request in self._early.pop(task_id, ()):
            self.refuse(request, "the step had ended before it asked again")
        if self._cancelling:
            was_cancelled = attempt is not None and attempt.state is AttemptState.CANCELLED
            self._count_ends(task_id, was_cancelled)

    def _count_ends(self, task_id: str, was_cancelled: bool) -> None:
        for one in self._cancelling:
            if task_id in one.left:
                one.left.discard(task_id)
                one.took_effect |= was_cancelled
                if not one.left and one.took_effect:
                    self._recorder.settle(one.request)
                elif not one.left:
                    self.refuse(one.request, "it had ended before it could be cancelled")
        self._cancelling = [one for one in self._cancelling if one.left]

    def _answer(self, request: Request) -> None:
        waiting = self._open.get(request.task_id or "")
        if waiting is None:
            if self._will_ask(request.task_id or ""):
                self._early.setdefault(request.task_id or "", []).append(request)
            else:
                self.refuse(request, "the step does not wait for an approval")
            return
        question, answer = waiting
        if not may_answer(request.actor, question.approvers):
            self.refuse(request, f"only {', '.join(question.approvers)} may answer")
        elif question.until is not None and request.created_at > question.until:
            self.refuse(request, "the time to answer was over")
        elif answer.done():
            self.refuse(request, "the step was answered before")
        else:
            self._take_answer(request, question, answer)

    def _take_answer(
        self, request: Request, question: Question, answer: "asyncio.Future[Approval]"
    ) -> None:
        """Hand an answer to the step, unless the values it gives are wrong."""
        approved = request.kind is RequestKind.APPROVE
        given = request.arguments.get("inputs")
        try:
            inputs = (
                question.take(given if isinstance(given, Mapping) else EMPTY) if approved else EMPTY
            )
        except UsageError as error:
            self.refuse(request, error.message)
        else:
            self._answers[question.task_id] = request
            comment = request.arguments.get("comment")
            answer.set_result(
                Approval(
                    approved=approved,
                    by=request.actor,
                    comment=comment if isinstance(comment, str) else "",
                    inputs=inputs,
                )
            )

    def _will_ask(self, task_id: str) -> bool:
        """Tell whether a step is about to ask again what it asked before its runner was lost."""
        task = self._recorder.snapshot.tasks.get(task_id)
        attempt = self._recorder.snapshot.attempt(task_id)
        if task is None or attempt is None or is_terminal(task.state):
            return False
        asks = self._planner.step_of(task_id).step_type == APPROVAL
        return asks and attempt.state in {AttemptState.LOST, AttemptState.RUNNING}

    # --- stopping and retrying ------------------------------------------------------------------

    def _cancel(self, request: Request) -> None:
        """Cancel the execution; repeated, it does not reach the handlers that follow from it.

        With `force`, as a second signal sends it, there are neither handlers nor a grace.
        """
        repeated = self._recorder.snapshot.current.cancel_requested_at is not None
        self._recorder.emit(
            CancelRequested(
                at=self._clock.now(),
                execution_id=self._recorder.snapshot.current.execution_id,
                actor=request.actor,
                message=_note(request),
            )
        )
        message = _cancel_message(request)
        self._planner.stop(Reason.USER_CANCELLED, message)
        if request.arguments.get("force") or (self._planner.runs_handlers and not repeated):
            self._planner.stop_handlers(message)
        self.is_killing |= request.arguments.get("force") is True
        self._recorder.settle(request)

    def _cancel_step(self, request: Request) -> None:
        """Cancel a step or an item; with `force` its processes get no grace."""
        task = self._recorder.snapshot.tasks.get(request.task_id or "")
        if task is None or is_terminal(task.state):
            self.refuse(request, "the step has ended" if task else "there is no such step")
            return
        wanted = [task.task_id]
        is_fan = task.state is TaskState.RUNNING and task.reason_code is Reason.EXPANDED
        if is_fan:  # its items are what runs
            wanted = [
                item.task_id
                for item in self._recorder.snapshot.tasks.values()
                if item.parent_task_id == task.task_id and not is_terminal(item.state)
            ]
        if request.arguments.get("force"):
            if self._planner.step_of(task.task_id).step_type in SUB_MISSION_TYPES:
                self.refuse(request, "it runs a mission: what is to be killed are steps of that")
                return
            for task_id in wanted:
                self._kill_attempt(task_id)
        running = {task_id for task_id in wanted if self._stop_one(task_id, request)}
        if running:
            took_effect = len(running) < len(wanted)
            self._cancelling.append(_Cancelling(request, running, took_effect))
        else:
            self._recorder.settle(request)

    def _stop_one(self, task_id: str, request: Request) -> bool:
        """Cancel a task run; tell whether its attempt runs, and ends in its own time."""
        message = _cancel_message(request)
        if self._cancel_attempt(task_id, Reason.USER_CANCELLED, message):
            return True
        task = self._recorder.snapshot.tasks[task_id]
        state = state_after_stop(task)
        actor = request.actor
        self._recorder.change(task_id, state, Reason.USER_CANCELLED, message, actor=actor)
        return False

    def _retry(self, request: Request) -> None:
        """Reopen a step that has ended badly, and with `downstream` what was skipped for it."""
        tasks = self._recorder.snapshot.tasks
        task = tasks.get(request.task_id or "")
        if task is None or task.state not in RETRYABLE:
            self.refuse(request, "only a failed, skipped or cancelled step can be retried")
            return
        if (
            self._planner.stopped is not None
            or self._planner.runs_handlers
            or task.task_id in self._handlers
        ):
            self.refuse(request, ENDING)
            return
        message, actor = f"retried by {request.actor}", request.actor
        reason = request.arguments.get("reason")
        if isinstance(reason, str) and reason:
            message = f"{message}: {reason}"
        step_id = task.parent_task_id or task.task_id

        def reopen(name: str, state: TaskState) -> None:
            self._recorder.change(name, state, Reason.USER_RETRY, message, actor=actor)

        if request.arguments.get("downstream"):
            below = self._graph.descendants(step_id)
            for name in self._graph.ids:
                if name in below and tasks[name].state in RETRYABLE:
                    self._reopen_items(name, reopen)
                    reopen(name, TaskState.PENDING)
        if task.parent_task_id is None:
            self._reopen_items(step_id, reopen)
            reopen(step_id, TaskState.READY)
        elif is_terminal(tasks[step_id].state):  # the step goes on, with this item alone
            reopen(task.task_id, TaskState.PENDING)
            reopen(step_id, TaskState.READY)
        else:
            reopen(task.task_id, TaskState.READY)
        self._recorder.settle(request)

    def _reopen_items(self, step_id: str, reopen: Callable[[str, TaskState], None]) -> None:
        """Reopen the items of a fan-out step that did not succeed."""
        for item in items_of_step(self._recorder.snapshot, step_id):
            if item.state in RETRYABLE:
                reopen(item.task_id, TaskState.PENDING)

    def refuse(self, request: Request, why: str) -> None:
        """Record why what was asked is not done."""
        self._recorder.note(
            "request.refused",
            {"request": request.kind.value, "request_id": str(request.request_id), "why": why},
            task_id=request.task_id if request.task_id in self._recorder.snapshot.tasks else None,
            actor=request.actor,
        )
        self._recorder.settle(request, why)


def _note(request: Request) -> str | None:
    """Return what the person who asks gave as a reason."""
    given = request.arguments.get("message")
    return given if isinstance(given, str) and given else None


def _cancel_message(request: Request) -> str:
    note = _note(request)
    return f"cancelled by {request.actor}" + ("" if note is None else f": {note}")
