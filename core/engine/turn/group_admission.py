"""The turn of an execution in its concurrency group: it starts no step before.

While it waits it is PAUSED with QUEUED, so that its time to run does not begin. A cancel ends the
wait; a hold keeps its place without letting it run, until it is released. Other requests are
decided as for any execution, so that nobody waits for an answer until its turn.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from core.domain.mission import GroupPolicy
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.engine.engine_recorder import EngineRecorder
from core.engine.turn.happening import Happening
from core.ports.claims import Claim, ClaimAnswer, Claims
from core.ports.control import Request, RequestKind

POLL_SECONDS = 0.5

_ABOUT_THE_WAIT = frozenset(
    {RequestKind.HOLD, RequestKind.RELEASE, RequestKind.PAUSE, RequestKind.RESUME}
)
"""Pause and resume are among them to be refused: an execution that waits does not run."""


class GroupAdmission:
    """Waits for the turn of one execution.

    `claim` names its group; `refuse` refuses a request, `handle` decides one that is not about the
    wait.
    """

    def __init__(
        self,
        recorder: EngineRecorder,
        claims: Claims,
        claim: Claim,
        policy: GroupPolicy,
        refuse: Callable[[Request, str], None],
        handle: Callable[[Request], None],
    ) -> None:
        self._recorder = recorder
        self._refuse = refuse
        self._handle = handle
        self._claims = claims
        self._claim = claim
        self._policy = policy
        self._is_held = False

    async def enter(
        self,
        inbox: deque[Happening],
        wake: asyncio.Event,
        commit: Callable[[], Awaitable[None]],
    ) -> str | None:
        """Return when it is the turn of the execution, or somebody has asked for its cancel.

        Return why it does not run where its policy refuses to wait. All requests but a cancel are
        taken out of `inbox`; `wake` is set when there is something in it.
        """
        answer = await self._ask()
        if answer.is_granted:
            return None
        behind = _behind(self._claim.name, answer)
        if self._policy is GroupPolicy.REFUSE:
            await self._claims.give_back(self._claim)
            return f"{behind}, and its policy is to refuse"
        if self._policy is GroupPolicy.CANCEL:
            await self._cancel_others(answer)
        self._recorder.move(ExecutionState.PAUSED, Reason.QUEUED, behind)
        await commit()
        while True:
            wake.clear()
            if self._take_requests(inbox):
                await self._claims.give_back(self._claim)
                return None
            await commit()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await wake.wait()
            if (await self._ask()).is_granted:
                break
        self._recorder.move(
            ExecutionState.RUNNING, Reason.ADMITTED, f"its turn in the group `{self._claim.name}`"
        )
        return None

    async def _ask(self) -> ClaimAnswer:
        return await self._claims.ask(replace(self._claim, is_held=self._is_held))

    async def _cancel_others(self, answer: ClaimAnswer) -> None:
        execution = self._recorder.snapshot.current
        why = f"a newer run of the group `{self._claim.name}` replaces it"
        for one in answer.ahead:
            if one.execution_id != execution.execution_id:
                await self._claims.cancel(one.execution_id, why)

    def _take_requests(self, inbox: deque[Happening]) -> bool:
        """Decide all requests but a cancel of the execution; tell whether there is one."""
        others: list[Happening] = []
        while inbox:
            item = inbox.popleft()
            if not isinstance(item, Request) or item.kind is RequestKind.CANCEL:
                others.append(item)
            elif item.kind not in _ABOUT_THE_WAIT:
                self._handle(item)
            elif item.kind is RequestKind.HOLD and not self._is_held:
                self._hold(item, is_held=True)
            elif item.kind is RequestKind.RELEASE and self._is_held:
                self._hold(item, is_held=False)
            else:
                self._refuse(item, self._state())
        inbox.extend(others)
        return any(isinstance(one, Request) and one.kind is RequestKind.CANCEL for one in others)

    def _state(self) -> str:
        """Return how it waits, in words."""
        how = "it is on hold" if self._is_held else "it waits for its turn"
        return f"{how} in the group `{self._claim.name}`"

    def _hold(self, request: Request, *, is_held: bool) -> None:
        self._is_held = is_held
        self._recorder.note(
            "queue.held" if is_held else "queue.released",
            {"group": self._claim.name, "by": request.actor},
            actor=request.actor,
        )
        self._recorder.settle(request)


def _behind(group: str, answer: ClaimAnswer) -> str:
    """Return what an execution waits for, in words."""
    if not answer.ahead:
        return f"it waits for its turn in the group `{group}`"
    first = answer.ahead[0].label or answer.ahead[0].execution_id
    more = len(answer.ahead) - 1
    who = f"{first} and {more} more" if more else first
    return f"{who} of the group `{group}` {'are' if more else 'is'} before it"
