"""Takes in what happened: hands each item to the part that it concerns, and waits for more.

How long the next commit waits for ends that are about to follow is decided here, with the delays of
`core.engine.commit_delay`.
"""

import asyncio

from core.domain.reasons import Reason
from core.engine.attempt import Ended
from core.engine.breaker_gate import Starved
from core.engine.cycle.engine_parts import EngineParts
from core.engine.requests import Question
from core.engine.turn.happening import (
    ArmedStarted,
    MutexGranted,
    PlacedAttempt,
    ServiceReady,
    SlotsTight,
    Woken,
)
from core.engine.turn.mission_preconditions import PreconditionsChecked
from core.engine.up_to_date.step_check import Answers
from core.machine.system_clock import ClockWatch
from core.planning.breaker import BreakerChange
from core.ports.control import Request

ANSWERS_SECONDS = 0.05
"""How long a commit waits at most for comparisons of steps with their records."""


class Intake:
    """Empties the inbox of an engine. `clock_watch` notices that the clock was set."""

    def __init__(self, parts: EngineParts, clock_watch: ClockWatch | None) -> None:
        self._inbox = parts.inbox
        self._flow = parts.flow
        self._attempts = parts.attempts
        self._armed = parts.armed
        self._commit_delay = parts.commit_delay
        self._gate = parts.gate
        self._hosts = parts.hosts
        self._mutexes = parts.mutexes
        self._planner = parts.planner
        self._preconditions = parts.preconditions
        self._recorder = parts.recorder
        self._request_handler = parts.request_handler
        self._slots = parts.slots
        self._step_check = parts.step_check
        self._timers = parts.timers
        self._up_to_date = parts.up_to_date
        self._timeout_seconds = parts.run_context.mission.config.timeout_seconds
        self._clock_watch = clock_watch
        self._answers_until: float | None = None

    async def gather(self, *, has_more: bool) -> None:
        """Wait until something happened and fold all of it, with the ends about to follow.

        With `has_more` there is something to decide already, and nothing is waited for.
        """
        if not self._inbox.items and not has_more:
            await self._inbox.wake.wait()
        loop = asyncio.get_running_loop()
        while self.take_in() and not has_more:
            until = self._delay_until(loop.time())
            if until is None:
                break
            await self._inbox.wait_until(until)
        self._commit_delay.reset()
        step = 0 if self._clock_watch is None else self._clock_watch.step_ns()
        if step:
            self._recorder.note("clock.stepped", {"by_ms": round(step / 1_000_000)})

    async def took_in_answers(self, *, has_more: bool) -> bool:
        """Wait a moment for comparisons; tell whether they alone have something for the next turn.

        A chain of steps that are up to date then shares a commit. Nothing that has to be durable
        before it is acted upon waits for this.
        """
        if not self._step_check.is_under_way or self._flow.has_starting or has_more:
            self._answers_until = None
            return False
        if self._answers_until is None:
            self._answers_until = asyncio.get_running_loop().time() + ANSWERS_SECONDS
        await self._inbox.wait_until(self._answers_until)
        items = self._inbox.items
        if not items or not all(isinstance(item, Answers) for item in items):
            self._answers_until = None
            return False
        self.take_in()
        return True

    def take_in(self) -> bool:
        """Fold everything that has happened; tell whether it was ends alone."""
        self._inbox.wake.clear()
        items = self._inbox.items
        only_ends = True
        while items:
            item = items.popleft()
            if isinstance(item, Ended):
                self._flow.ended(item)
                continue
            if isinstance(item, ArmedStarted):
                self._flow.tell_armed(item)
                continue
            if isinstance(item, PlacedAttempt):
                self._attempts.placed(item)
                continue
            if isinstance(item, MutexGranted):
                self._mutexes.granted(item)
                continue
            only_ends = False
            if isinstance(item, Woken):
                self._timers.woken(item.task_id)
            elif isinstance(item, Request):
                self._request_handler.handle(item)
            elif isinstance(item, Question):
                if self._hosts.asked(item):
                    self._slots.free(item.task_id)
            elif isinstance(item, ServiceReady):
                if self._hosts.served(item):
                    self._slots.free(item.task_id)
            elif isinstance(item, PreconditionsChecked):
                self._preconditions.checked(item)
            elif isinstance(item, BreakerChange):
                self._gate.changed(item)
            elif isinstance(item, Starved):
                self._gate.starved(item)
            elif isinstance(item, Answers):
                for task_id in self._up_to_date.take_in(item):
                    self._mutexes.attempt_ended(task_id)  # it may have waited for one
            elif isinstance(item, SlotsTight):
                self._timers.slots_polled()
            else:
                message = f"the mission's {self._timeout_seconds or 0.0:g} s are over"
                self._planner.stop(Reason.MISSION_TIMEOUT, message)
        return only_ends

    def _delay_until(self, now: float) -> float | None:
        """Return until when the next commit may wait for more ends; None: it is made at once."""
        if self._armed.has_enough:
            return self._commit_delay.deadline_while_starts_go_on(now)
        return self._commit_delay.deadline(now) if self._armed.is_empty else None
