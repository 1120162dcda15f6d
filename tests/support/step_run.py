"""Runs one step type as the engine would, and checks its output against its output model."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, cast

from pydantic import TypeAdapter

from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.step_type.permitted import NOTHING_MORE, Permitted
from core.step_type.registry import step_type
from core.step_type.step_type import Mode, StepCall, StepOutcome


@dataclass
class StepRunner:
    """Runs steps in one working directory and keeps what they logged."""

    working_dir: Path
    scope: dict[str, Any] = field(default_factory=dict)
    protected_paths: tuple[Path, ...] = ()
    permitted: Permitted = NOTHING_MORE
    cancelled: Event = field(default_factory=Event)
    logs: list[tuple[LogLevel, str]] = field(default_factory=list)

    def call(self, name: str, **parameters: Any) -> StepCall:
        kind = step_type(name)
        assert kind is not None, f"no step type {name}"
        return StepCall(
            execution_id="e",
            task_id=name,
            attempt=1,
            parameters=kind.parameters.model_validate(parameters),
            working_dir=self.working_dir,
            env={},
            executor=cast("Any", None),
            sink=cast("Any", None),
            log=lambda level, text: self.logs.append((level, text)),
            clock=cast("Any", None),
            scope=self.scope,
            cancelled=self.cancelled,
            protected_paths=self.protected_paths,
            permitted=self.permitted,
        )

    async def arun(self, name: str, **parameters: Any) -> StepOutcome:
        kind = step_type(name)
        assert kind is not None
        call = self.call(name, **parameters)
        outcome = await kind.run_async(call) if kind.mode is Mode.ASYNC else kind.run(call)
        TypeAdapter(dict[str, Any]).dump_json(dict(outcome.output))
        if outcome.state is AttemptState.SUCCESS:
            kind.output.model_validate(dict(outcome.output), strict=True, extra="forbid")
        else:
            assert outcome.error is not None
            assert outcome.error.message
        return outcome

    def run(self, name: str, **parameters: Any) -> StepOutcome:
        return asyncio.run(self.arun(name, **parameters))

    def ok(self, name: str, **parameters: Any) -> dict[str, Any]:
        outcome = self.run(name, **parameters)
        assert outcome.state is AttemptState.SUCCESS, outcome.message
        return dict(outcome.output)

    def describe(self, name: str, **parameters: Any) -> str:
        kind = step_type(name)
        assert kind is not None
        return kind.describe(parameters)
