"""The retry desk: what runs again and what differs is shown before anything starts."""

import json
from collections.abc import Mapping
from typing import Any

from core.domain.mission import MissionStep, Param, ParamType
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.operations.admission.planned_verdicts import PlanDecision, PlannedVerdict
from core.operations.relaunch import RetryLinked
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    type_in,
    wait_for_text,
    wait_until,
)

TEXT = json.dumps(
    {
        "version": "1.0",
        "name": "nightly",
        "params": {"target": {"type": "string", "default": "staging"}},
        "steps": [
            {"id": "fetch", "name": "F", "step_type": "noop"},
            {
                "id": "load",
                "name": "L",
                "step_type": "command",
                "depends_on": ["fetch"],
                "timeout_seconds": 20,
                "env": {"MODE": "fast"},
                "parameters": {"command": "load"},
            },
            {"id": "report", "name": "R", "step_type": "noop", "depends_on": ["load"]},
        ],
    }
)


def failed_world() -> tuple[FakeWorld, FakeBackend, str]:
    world = FakeWorld()
    load = MissionStep(
        id="load",
        name="L",
        step_type="command",
        depends_on=("fetch",),
        timeout_seconds=20,
        env={"MODE": "fast"},
        parameters={"command": "load"},
    )
    fetch = MissionStep(id="fetch", name="F", step_type="noop")
    report = MissionStep(id="report", name="R", step_type="noop", depends_on=("load",))
    params = (Param(name="target", type=ParamType.STRING, default="staging"),)
    mission = mission_of("nightly", fetch, load, report, params=params)
    run = world.launch(mission, params={"target": "staging"})
    world.run_step(run, "fetch")
    world.run_step(run, "load", exit_code=3)
    world.task(run, "report", TaskState.SKIPPED, Reason.FAIL_FAST)
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    digest = world.runs[run].snapshot.current.mission_digest
    world.source_texts[digest] = TEXT.encode()
    return world, FakeBackend(world, mission), run


def verdicts_of(params: Mapping[str, Any]) -> list[PlannedVerdict]:
    if params["target"] == "staging":
        return []
    return [
        PlannedVerdict(
            task_id=None, decision=PlanDecision.WARN, rule="freeze", message="launch: freeze"
        ),
        PlannedVerdict(
            task_id="load",
            decision=PlanDecision.DENY,
            rule="hosts",
            message="hosts: not in production",
        ),
        PlannedVerdict(task_id="report", decision=PlanDecision.ALLOW),
    ]


async def test_a_retry_is_planned_changed_and_started_with_its_reason() -> None:
    _world, backend, run = failed_world()
    async with running(backend, start=run, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "nightly", "1 List")
        await pilot.press("G")
        await wait_for_text(pilot, "Step fetch")
        await pilot.press("F")
        await wait_for_text(
            pilot,
            "Runs again: 2 steps",
            "Reused: 1 step",
            "nothing: the same mission and parameters",
            "timeout of load",
        )
        assert "policies" not in screen_text(pilot.app)
        desk: Any = pilot.app.screen
        backend.planned = verdicts_of
        desk._timeout.value = "60"
        desk._env.value = "MODE=slow"
        desk._params[0].widget.value = "production"
        await wait_for_text(
            pilot,
            "step `load`, definition `timeout_seconds`: 20 → 60",
            "definition `env.MODE`: fast → slow",
            "parameter `target`: staging → production",
            "refused  load  hosts: not in production",
            "warning  the launch  launch: freeze",
        )
        desk._keys.value = "timeout_seconds"
        await wait_for_text(pilot, "is not STEP.KEY=VALUE")
        desk._keys.value = "retry.max_attempts=nonsense"
        await wait_for_text(pilot, "is not valid: 1 error")
        await pilot.press("ctrl+r")
        assert backend.calls == [], "what cannot be done is not started"
        desk._keys.value = ""
        desk.action_start()  # before the plan on the right is that of what was entered
        await wait_for_text(pilot, "Runs again: 2 steps", "being made anew")
        assert backend.calls == []
        desk._reason.focus()
        await type_in(pilot, "slow host")
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: bool(backend.calls))
        (name, (planned, reason)) = backend.calls[0]
        assert (name, reason) == ("start_retry", "slow host")
        assert isinstance(planned, RetryLinked)
        assert planned.order.mission.steps[1].timeout_seconds == 60
        assert planned.order.params == {"target": "production"}
        await wait_for_text(pilot, "nightly#2")


async def test_an_outcome_is_set_by_hand_with_a_reason_only() -> None:
    _world, backend, run = failed_world()
    async with running(backend, start=run, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "nightly", "1 List")
        await pilot.press("enter")
        await wait_for_text(pilot, "Overview")
        await pilot.press("F")
        await wait_for_text(pilot, "Runs again")
        desk: Any = pilot.app.screen
        desk._scope.value = "set"
        await wait_for_text(pilot, "Set to success, not run: 1 step", "Runs again: 1 step")
        await pilot.press("ctrl+r")
        await wait_for_text(pilot, "give the reason why the step counts as a success")
        assert backend.calls == []
        await pilot.press("escape")
        await wait_for_text(pilot, "Overview")
