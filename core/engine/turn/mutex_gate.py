"""Steps that need a mutex: each attempt waits until it has it, and gives it back at its end.

A step that waits for one is WAITING with MUTEX and holds no slot. While the execution is paused, it
keeps its place in the queue, and others pass it.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.engine.engine_recorder import EngineRecorder
from core.engine.turn.happening import MutexGranted
from core.errors import MissionDeckError
from core.ports.claims import Claim, ClaimKind, Claims

POLL_SECONDS = 0.3


class MutexGate:
    """The mutexes of one execution's attempts. Without `claims` every step has its own.

    `post` tells the engine of a mutex that was granted.
    """

    def __init__(
        self,
        recorder: EngineRecorder,
        step_of: Callable[[str], MissionStep],
        claims: Claims | None,
        post: Callable[[MutexGranted], None],
        *,
        priority: int = 0,
    ) -> None:
        self._recorder = recorder
        self._step_of = step_of
        self._claims = claims
        self._post = post
        self._priority = priority
        self._had: dict[str, Claim] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._given_back: set[asyncio.Task[None]] = set()

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Queue up for the steps that waited under an earlier runner."""
        for task in self._recorder.snapshot.tasks.values():
            if task.state is TaskState.WAITING and task.reason_code is Reason.MUTEX:
                self._queue_up(group, task.task_id)

    def holds_back(self, group: asyncio.TaskGroup, task_id: str) -> bool:
        """Let a step that could start wait, if it needs a mutex that it does not have."""
        mutex = self._step_of(task_id).mutex
        if mutex is None or self._claims is None or task_id in self._had:
            return False
        self._begin_to_wait(group, task_id)
        return True

    def granted(self, item: MutexGranted) -> None:
        """Let the step start that has waited, unless it has ended meanwhile."""
        task = self._recorder.snapshot.tasks[item.task_id]
        self._had[item.task_id] = item.claim
        if task.state is TaskState.WAITING and task.reason_code is Reason.MUTEX:
            message = f"it has the mutex `{item.claim.name}`"
            self._recorder.change(item.task_id, TaskState.READY, Reason.MUTEX, message)
        else:
            self.attempt_ended(item.task_id)

    def give_back_unused(self, group: asyncio.TaskGroup | None) -> None:
        """Give back what a step had that ended before its attempt could start, or cannot start now.

        The latter is so while the execution is paused: the step waits for the mutex again.
        """
        for task_id in list(self._had):
            state = self._recorder.snapshot.tasks[task_id].state
            if is_terminal(state):
                self.attempt_ended(task_id)
            elif state is TaskState.READY and group is not None and self._is_paused:
                self.attempt_ended(task_id)
                self._begin_to_wait(group, task_id)

    @property
    def _is_paused(self) -> bool:
        return self._recorder.snapshot.current.state is ExecutionState.PAUSED

    def attempt_ended(self, task_id: str) -> None:
        """Give the mutex of an attempt back. Idempotent."""
        claim = self._had.pop(task_id, None)
        if claim is not None and self._claims is not None:
            work = asyncio.ensure_future(self._give_back(self._claims, claim))
            self._given_back.add(work)
            work.add_done_callback(self._given_back.discard)

    def close(self) -> None:
        """Wait for nothing more; the end of the lease gives everything back."""
        for one in (*self._waiting.values(), *self._given_back):
            one.cancel()

    @staticmethod
    async def _give_back(claims: Claims, claim: Claim) -> None:
        with suppress(MissionDeckError):  # the heartbeat meets the same, and ends the engine
            await claims.give_back(claim)

    def _begin_to_wait(self, group: asyncio.TaskGroup, task_id: str) -> None:
        message = f"waits for the mutex `{self._step_of(task_id).mutex}`"
        self._recorder.change(task_id, TaskState.WAITING, Reason.MUTEX, message)
        self._queue_up(group, task_id)

    def _queue_up(self, group: asyncio.TaskGroup, task_id: str) -> None:
        work = group.create_task(self._wait(task_id), name=f"mutex {task_id}")
        self._waiting[task_id] = work
        work.add_done_callback(lambda _: self._waiting.pop(task_id, None))

    async def _wait(self, task_id: str) -> None:
        """Ask until the mutex is granted or the step waits for it no longer."""
        name = self._step_of(task_id).mutex
        if self._claims is None or name is None:
            return
        execution = self._recorder.snapshot.current
        claim = Claim(
            kind=ClaimKind.MUTEX,
            name=name,
            execution_id=execution.execution_id,
            task_id=task_id,
            priority=self._priority,
        )
        while not (await self._claims.ask(replace(claim, is_held=self._is_paused))).is_granted:
            await asyncio.sleep(POLL_SECONDS)
            task = self._recorder.snapshot.tasks[task_id]
            if task.state is not TaskState.WAITING or task.reason_code is not Reason.MUTEX:
                await self._claims.give_back(claim)
                return
        self._post(MutexGranted(task_id, claim))
