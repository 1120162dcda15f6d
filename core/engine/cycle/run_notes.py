"""What the chain says of the engine itself: its start, its stop, and what attempts left behind."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.events import policy_list
from core.domain.mission import EMPTY
from core.engine.engine_recorder import EngineRecorder
from core.engine.preparation import RunContext
from core.engine.settlement import census_facts
from core.explain.process_text import ended_text


class RunNotes:
    """Notes about one execution. `facts` describe the runner; without them it is not noted."""

    def __init__(
        self,
        run_context: RunContext,
        recorder: EngineRecorder,
        facts: Mapping[str, str] = EMPTY,
        policies: Mapping[str, str] = EMPTY,
        env_files: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._run_context = run_context
        self._recorder = recorder
        self._facts = facts
        self._policies = policies
        self._env_files = env_files

    def started(self) -> None:
        """Note that the engine starts, under which policies and with which files."""
        if self._facts:
            facts: dict[str, Any] = dict(self._facts)
            if self._policies:
                facts["policies"] = policy_list(self._policies)
            if self._env_files:
                facts["env_files"] = list(self._env_files)
            self._recorder.note("engine.started", facts)

    def stopped(self) -> None:
        """Note that the engine stops."""
        if self._facts:
            self._recorder.note("engine.stopped", self._facts)

    async def end_leftovers(self) -> None:
        """End the processes that steps left running; that changes no outcome."""
        census = await self._run_context.executor.end_leftovers(self._run_context.execution_id)
        self.late_ends()
        if census.processes:
            facts = census_facts(census)
            self._recorder.note(
                "leftovers.ended", {**facts, "message": ended_text(facts, whole=True)}
            )

    def late_ends(self) -> None:
        """Note the ends of lost attempts that came too late to count."""
        for late in self._run_context.executor.late_ends(self._run_context.execution_id):
            _, task_id, attempt = late.key.split("/")
            facts: dict[str, Any] = {
                "attempt": int(attempt),
                "host": late.placement.host,
                "worker": late.placement.worker,
                "message": "its end came after it was lost, and does not count",
            }
            if late.exit_code is not None:
                facts["exit_code"] = late.exit_code
            self._recorder.note("attempt.late", facts, task_id=task_id)
