"""Handlers know how the mission ended and what failed; nothing else does."""

import json
from typing import Any

import pytest

from core.domain.mission import Handlers, MissionStep
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from tests.support.fake_executor import Act
from tests.support.missions import a_mission, a_step, mission_data
from tests.support.rig import Rig

TOLD = {
    "state": "{{ execution.state }}",
    "reason_code": "{{ execution.reason_code }}",
    "message": "{{ execution.message }}",
    "failed": "{{ failed }}",
}


def teller(step_id: str = "tell", **fields: Any) -> MissionStep:
    return a_step(step_id, step_type="set_variables", parameters={"values": TOLD}, **fields)


def a_process(step_id: str, **fields: Any) -> MissionStep:
    return a_step(step_id, step_type="command", parameters={"command": "x"}, **fields)


def told(rig: Rig, step_id: str = "tell") -> dict[str, Any]:
    outputs = rig.snapshot.tasks[step_id].outputs
    assert outputs is not None
    found: dict[str, Any] = outputs["variables"]
    return found


def test_a_handler_of_a_failure_is_told_what_failed_and_the_line_that_matters() -> None:
    mission = a_mission(
        steps=(
            a_process("tolerated", continue_on_error=True),
            a_process("bad"),
            a_process("many", matrix={"py": ["3.9", "3.10"], "os": ["mac"]}),
            a_process("good"),
        ),
        handlers=Handlers(on_failure=(teller(),), always=(teller("last"),)),
        fail_fast=False,
        parallel_limit=1,
    )
    rig = Rig(
        mission,
        {
            "tolerated": Act(exit_code=1),
            "bad": Act(exit_code=3, err=b"error: the real reason\nlater\n"),
            "many[1]": Act(exit_code=4, out=b"only stdout\n"),
        },
    )
    assert rig.run().state is ExecutionState.FAILED
    found = told(rig)
    assert found == told(rig, "last")
    assert found["state"] == "FAILED"
    assert found["reason_code"] == "STEP_FAILED"
    assert found["message"].startswith("`bad`: exit 3: error: the real reason")
    assert found["failed"] == [
        {
            "id": "bad",
            "name": "bad",
            "reason_code": "EXIT_NONZERO",
            "message": "exit code 3",
            "exit_code": 3,
            "last_line": "error: the real reason",
        },
        {
            "id": "many[1]",
            "name": "many (py=3.10 os=mac)",
            "reason_code": "EXIT_NONZERO",
            "message": "exit code 4",
            "exit_code": 4,
            "last_line": "only stdout",
            "item": {"py": "3.10", "os": "mac"},
        },
        {
            "id": "tolerated",
            "name": "tolerated",
            "reason_code": "EXIT_NONZERO",
            "message": "exit code 1",
            "exit_code": 1,
            "last_line": "",
        },
    ]


def test_a_handler_of_a_success_is_told_so_with_nothing_failed() -> None:
    rig = Rig(a_mission(handlers=Handlers(on_success=(teller(),))))
    assert rig.run().state is ExecutionState.SUCCESS
    assert told(rig) == {
        "state": "SUCCESS",
        "reason_code": "ALL_STEPS_DONE",
        "message": "",
        "failed": [],
    }


def test_a_handler_that_fails_does_not_change_what_the_next_one_is_told() -> None:
    failing = a_step("broken", step_type="fail", parameters={"message": "x"})
    rig = Rig(a_mission(handlers=Handlers(on_success=(failing,), always=(teller(),))))
    assert rig.run().state is ExecutionState.FAILED
    assert told(rig)["state"] == "SUCCESS"
    assert told(rig)["failed"] == []


def test_a_condition_and_the_environment_of_a_handler_know_it_too() -> None:
    asking = a_step("skipped", when="failed|length > 1 or execution.state != 'FAILED'")
    script = a_step(
        "script",
        step_type="script",
        parameters={"script": "x"},
        env={"WHY": "{{ execution.reason_code }}"},
    )
    rig = Rig(
        a_mission(steps=(a_process("bad"),), handlers=Handlers(on_failure=(asking, script))),
        {"bad": Act(exit_code=1)},
    )
    rig.run()
    assert rig.snapshot.tasks["skipped"].state is TaskState.SKIPPED
    assert rig.reason("skipped") is Reason.CONDITION_FALSE
    env = rig.executor.jobs[-1].env
    assert env["WHY"] == env["MISSION_EXECUTION_REASON_CODE"] == "STEP_FAILED"
    assert env["MISSION_EXECUTION_STATE"] == "FAILED"
    assert env["MISSION_EXECUTION_MESSAGE"] == "`bad`: exit 1"
    assert [one["id"] for one in json.loads(env["MISSION_FAILED"])] == ["bad"]


@pytest.mark.parametrize("name", ["execution.state", "execution.message", "failed", "failed[0].id"])
def test_steps_are_refused_what_only_handlers_know(name: str) -> None:
    step = {
        "id": "a",
        "step_type": "log",
        "parameters": {"message": f"{{{{ {name} }}}}"},
    }
    data = mission_data(step, env={"X": f"{{{{ {name} }}}}"})
    found = load_mission(json.dumps(data), fmt="json").diagnostics
    assert [one.code for one in found] == [Code.UNKNOWN_NAME] * 2
    assert all("only in handlers" in one.message for one in found)
    data = mission_data(handlers={"always": [{**step, "name": "a"}]})
    assert load_mission(json.dumps(data), fmt="json").ok


def test_a_handler_that_fans_out_is_refused() -> None:
    step = {"id": "h", "name": "h", "step_type": "noop"}
    for key, value in (("foreach", [1]), ("matrix", {"x": [1]})):
        data = mission_data(handlers={"always": [{**step, key: value}]})
        found = load_mission(json.dumps(data), fmt="json").diagnostics
        assert [one.code for one in found] == [Code.BAD_VALUE], key
        assert "is not allowed" in found[0].message
