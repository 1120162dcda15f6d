"""Requirements of both specifications that no other file shows, on real executions.

`docs/requirements.md` says of each requirement where it lives and which test shows it.
"""

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.domain.events import ExecutionStateChanged
from core.domain.fold import Snapshot, apply, fold
from core.domain.mission import Mission, MissionSource
from core.domain.mission_result import mission_result
from core.domain.reasons import Reason
from core.domain.records import StepResult
from core.domain.states import ExecutionState, StepStatus, TaskState
from core.engine.context import ContextLimitError, ContextState, ExecutionContext
from core.errors import BugError
from core.launch.order import Order, first_events
from core.machine.system_clock import SystemClock
from storage.read.reader import open_reader
from tests.support.cli import mission
from tests.support.missions import a_mission, a_step, mission_yaml

FAILING = mission_yaml(
    {
        "id": "make",
        "step_type": "create_file",
        "parameters": {"path": "made.txt", "content": "{{ params.greeting }}"},
    },
    {
        "id": "flaky",
        "step_type": "script",
        "depends_on": ["make"],
        "retry": {"max_attempts": 3, "initial_interval": "10ms"},
        "parameters": {
            "shell": "sh",
            "script": 'echo "try $MISSION_ATTEMPT"\n[ "$MISSION_ATTEMPT" = 2 ]\n',
        },
    },
    {
        "id": "tell",
        "step_type": "log",
        "depends_on": ["make"],
        "parameters": {"message": "{{ steps.make.output.size }} bytes in {{ vars.where }}"},
    },
    {
        "id": "broken",
        "step_type": "script",
        "depends_on": ["tell"],
        "parameters": {"shell": "sh", "script": "echo this is why >&2\nexit 7\n"},
    },
    {"id": "after", "depends_on": ["broken"]},
    name="a failing mission",
    params={"greeting": {"default": "hello"}},
    variables={"where": "a file"},
    config={"fail_fast": False, "working_dir": "work"},
)
BETWEEN_TWO_CLOCKS_MS = 250
"""How far a monotonic duration may be from the difference of two readings of the wall clock."""

RESULT_SCHEMA = {
    "type": "object",
    "required": [
        "mission_id",
        "overall_status",
        "start_time",
        "end_time",
        "total_duration_ms",
        "step_results",
        "audit_summary",
    ],
    "properties": {
        "mission_id": {"type": "string", "format": "uuid"},
        "overall_status": {"enum": ["Success", "Partial", "Failed"]},
        "start_time": {"type": "string", "format": "date-time"},
        "end_time": {"type": "string", "format": "date-time"},
        "total_duration_ms": {"type": "number"},
        "steps_completed": {"type": "integer"},
        "steps_failed": {"type": "integer"},
        "steps_skipped": {"type": "integer"},
        "step_results": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["status", "output", "duration_ms", "timestamp"],
                "properties": {
                    "status": {"enum": ["Completed", "Failed", "Skipped"]},
                    "output": {"type": "object"},
                    "error": {"type": "string"},
                    "duration_ms": {"type": "number"},
                    "timestamp": {"type": "string", "format": "date-time"},
                },
                "if": {"properties": {"status": {"const": "Failed"}}},
                "then": {"required": ["error"]},
                "else": {"not": {"required": ["error"]}},
            },
        },
        "audit_summary": {
            "type": "object",
            "required": ["events_logged", "integrity_verified"],
            "additionalProperties": False,
            "properties": {
                "events_logged": {"type": "integer"},
                "integrity_verified": {"type": "boolean"},
            },
        },
    },
}
"""The Execution Result Schema of the data model, in JSON Schema."""


@dataclass(frozen=True)
class World:
    """A home in which the failing mission has run: its result, its records, its log."""

    home: Path
    result: dict[str, Any]
    shown: dict[str, Any]
    listed: dict[str, Any]
    log: list[dict[str, Any]]

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the record of one task run."""
        found: dict[str, Any] = next(
            one for one in self.shown["task_runs"] if one["task_id"] == task_id
        )
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("seed")
    home = folder / "home"
    (folder / "mission.yaml").write_text(FAILING)
    ran = mission(home, "run", str(folder / "mission.yaml"), "--json")
    assert ran.code == 1, ran.err
    return World(
        home=home,
        result=ran.json,
        shown=mission(home, "show", "@last", "--json").json,
        listed=mission(home, "ls", "--json").json[0],
        log=mission(home, "logs", "@last", "--json").ndjson,
    )


def instant(text: str) -> datetime:
    """Return an RFC 3339 instant; nine digits are more than datetime holds."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", text)
    return datetime.fromisoformat(f"{text[:26]}+00:00")


# --- execution data model -------------------------------------------------------------------------


def test_an_execution_has_a_unique_id_and_names_its_workflow(world: World) -> None:
    execution_id = uuid.UUID(world.shown["execution_id"])
    assert execution_id.version == 7
    assert world.shown["workflow_id"] == a_mission(name="a failing mission").workflow_id
    ids = {str(created(a_mission()).current.execution_id) for _ in range(100)}
    assert len(ids) == 100


def test_an_execution_has_all_four_timestamps(world: World) -> None:
    one = world.shown
    times = [instant(one[name]) for name in ("created_at", "started_at", "ended_at", "updated_at")]
    assert times == sorted(times)


def created(of: Mission) -> Snapshot:
    """Return the snapshot of a new execution of a mission."""
    source = MissionSource(digest="0" * 64, name="m.yaml", content=b"", format="yaml")
    order = Order(mission=of, source=source, actor="ada@host")
    return fold(first_events(order, SystemClock()))


def test_starting_an_execution_sets_started_at_and_updates_updated_at() -> None:
    snapshot = created(a_mission())
    before = snapshot.current
    assert (before.state, before.started_at) == (ExecutionState.PENDING, None)
    apply(
        snapshot,
        ExecutionStateChanged(
            at=before.updated_at + 5_000,
            execution_id=before.execution_id,
            from_state=ExecutionState.PENDING,
            to_state=ExecutionState.RUNNING,
            reason_code=Reason.STARTED,
        ),
    )
    after = snapshot.current
    assert after.state is ExecutionState.RUNNING
    assert after.started_at == after.updated_at == before.updated_at + 5_000
    assert after.created_at == before.created_at


def test_the_stored_start_is_the_instant_of_the_transition(world: World) -> None:
    (start,) = [one for one in world.shown["state_changes"] if one["to_state"] == "RUNNING"]
    assert (start["from_state"], start["at"]) == ("PENDING", world.shown["started_at"])


def test_every_task_run_refers_to_its_execution_and_a_step_of_the_mission(world: World) -> None:
    ids = [task["task_id"] for task in world.shown["task_runs"]]
    assert ids == ["make", "flaky", "tell", "broken", "after"]
    for task in world.shown["task_runs"]:
        assert task["execution_id"] == world.shown["execution_id"]
        assert uuid.UUID(task["task_run_id"])


def test_a_retry_makes_a_new_attempt_with_the_next_number(world: World) -> None:
    first, second = world.task("flaky")["attempts"]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert (first["state"], second["state"]) == ("FAILED", "SUCCESS")
    assert instant(first["started_at"]) <= instant(first["ended_at"])
    assert instant(first["ended_at"]) <= instant(second["started_at"])
    assert world.task("flaky")["attempt"] == 2


def test_every_state_change_has_a_reason_code(world: World) -> None:
    changes = [*world.shown["state_changes"]]
    for task in world.shown["task_runs"]:
        changes += task["state_changes"]
    assert len(changes) > 15
    for change in changes:
        assert Reason(change["reason_code"])
        assert change["message"] is None or change["message"]


def test_a_failed_execution_says_why_in_a_code_and_in_words(world: World) -> None:
    assert (world.shown["state"], world.shown["reason_code"]) == ("FAILED", "STEP_FAILED")
    assert "broken" in world.shown["message"]
    assert (world.task("broken")["reason_code"], world.task("after")["reason_code"]) == (
        "EXIT_NONZERO",
        "UPSTREAM_FAILED",
    )


def test_the_log_entry_count_is_the_number_of_entries(world: World) -> None:
    assert world.log
    assert world.shown["log_entry_count"] == world.listed["log_entry_count"] == len(world.log)
    assert sum(task["log_entry_count"] for task in world.shown["task_runs"]) == len(world.log)


def test_log_entries_carry_the_task_id_of_their_task_run(world: World) -> None:
    counted: dict[str, int] = {}
    for entry in world.log:
        assert entry["execution_id"] == world.shown["execution_id"]
        counted[entry["task_id"]] = counted.get(entry["task_id"], 0) + 1
    for task in world.shown["task_runs"]:
        assert task["log_entry_count"] == counted.get(task["task_id"], 0)


def test_inputs_are_stored_as_they_were_resolved(world: World) -> None:
    assert world.task("make")["inputs"] == {"path": "made.txt", "content": "hello"}
    assert world.task("tell")["inputs"] == {"message": "5 bytes in a file"}
    assert world.task("after")["inputs"] is None


def test_outputs_of_a_success_are_stored(world: World) -> None:
    assert world.task("make")["outputs"] == {"path": "made.txt", "size": 5, "created": True}
    assert world.task("flaky")["outputs"]["stdout"] == "try 2\n"


def test_the_error_of_a_failure_has_message_and_trace(world: World) -> None:
    assert world.task("broken")["error"] == {
        "message": "exit code 7",
        "kind": "ExitCode",
        "stack_trace": "this is why",
        "exit_code": 7,
    }
    assert world.task("make")["error"] is None
    assert world.task("flaky")["attempts"][0]["error"]["exit_code"] == 1


def test_duration_is_the_end_minus_the_start(world: World) -> None:
    reader = open_reader(world.home / "missions.db")
    try:
        tasks = reader.task_runs(world.shown["execution_id"])
    finally:
        reader.close()
    for task in tasks:
        shown = world.task(task.task_id)["duration_ms"]
        if task.state is TaskState.SKIPPED:
            assert shown is None
        else:
            assert task.started_at is not None
            assert task.ended_at is not None
            by_wall_clock = (task.ended_at - task.started_at) / 1e6
            assert shown == pytest.approx(by_wall_clock, abs=BETWEEN_TWO_CLOCKS_MS)


# --- results --------------------------------------------------------------------------------------


def test_the_result_follows_the_execution_result_schema(world: World) -> None:
    jsonschema.Draft202012Validator(
        RESULT_SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(world.result)
    assert uuid.UUID(world.result["mission_id"])
    assert instant(world.result["start_time"]) <= instant(world.result["end_time"])


def test_the_result_holds_the_names_of_the_specification_and_ours_beside_them(world: World) -> None:
    assert set(world.result) == {
        *RESULT_SCHEMA["required"],
        *("steps_completed", "steps_failed", "steps_skipped"),
        *("execution_id", "workflow_id", "state", "reason_code"),
        *("mission_name", "run_number", "reference", "coverage"),
    }
    for one in world.result["step_results"].values():
        assert set(one) - {"error"} == {
            *("status", "output", "duration_ms", "timestamp"),
            *("state", "reason_code", "attempts"),
        }


def test_the_result_aggregates_what_the_steps_did(world: World) -> None:
    by_status = {name: one["status"] for name, one in world.result["step_results"].items()}
    assert by_status == {
        "make": "Completed",
        "flaky": "Completed",
        "tell": "Completed",
        "broken": "Failed",
        "after": "Skipped",
    }
    counts = [world.result[f"steps_{name}"] for name in ("completed", "failed", "skipped")]
    assert counts == [3, 1, 1]
    assert world.result["overall_status"] == "Partial"
    assert world.result["step_results"]["broken"]["error"] == "exit code 7"
    assert world.result["step_results"]["make"]["output"]["size"] == 5


def test_the_audit_summary_counts_the_events_and_was_verified(world: World) -> None:
    summary = world.result["audit_summary"]
    assert summary["integrity_verified"] is True
    events = [
        one
        for one in mission(world.home, "events", "@last").ndjson
        if one["type"] != "execution.finalized"
    ]
    assert 0 <= len(events) + 1 - summary["events_logged"] <= 1


def test_the_result_of_an_ended_execution_never_changes(world: World) -> None:
    again = mission(world.home, "show", "@last", "--result", "--json").json
    again["audit_summary"] = world.result["audit_summary"]
    assert again == world.result
    refused = mission(world.home, "cancel", "@last", "--json")
    assert refused.code != 0
    assert (
        mission(world.home, "show", "@last", "--json").json["updated_at"]
        == (world.shown["updated_at"])
    )


def test_the_result_is_plain_json_all_the_way_down(world: World) -> None:
    assert json.loads(json.dumps(world.result, allow_nan=False)) == world.result


def test_the_times_of_a_result_agree(world: World) -> None:
    start, end = (world.result[name] for name in ("start_time", "end_time"))
    assert (start, end) == (world.shown["started_at"], world.shown["ended_at"])
    spent = (instant(end) - instant(start)).total_seconds() * 1000
    assert world.result["total_duration_ms"] == pytest.approx(spent, abs=BETWEEN_TWO_CLOCKS_MS)
    for one in world.result["step_results"].values():
        assert start <= one["timestamp"] <= end
        assert 0 <= one["duration_ms"] <= world.result["total_duration_ms"]


def a_step_result(**fields: Any) -> StepResult:
    return StepResult(
        **{
            "step_id": "a",
            "status": StepStatus.COMPLETED,
            "output": {},
            "error": None,
            "duration_ms": 1.0,
            "timestamp": 1,
            "state": TaskState.SUCCESS,
            "reason_code": Reason.EXIT_ZERO,
            "attempts": 1,
            **fields,
        }
    )


def test_results_are_immutable_objects() -> None:
    snapshot = created(a_mission())
    result = mission_result(a_mission(), snapshot, events_logged=1, integrity_verified=True)
    for record in (result, a_step_result()):
        for name in record.__struct_fields__:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(record, name, None)


def test_a_failed_result_needs_an_error() -> None:
    with pytest.raises(ValueError, match="needs an error"):
        a_step_result(status=StepStatus.FAILED, state=TaskState.FAILED)


# --- audit events ---------------------------------------------------------------------------------


def test_audit_events_have_every_attribute_and_form_a_chain(world: World) -> None:
    events = world.shown["audit_events"]
    assert {one["event_type"] for one in events} >= {
        "execution.created",
        "execution.state_changed",
        "step.state_changed",
        "attempt.started",
        "attempt.ended",
        "execution.finalized",
    }
    assert len({one["event_id"] for one in events}) == len(events)
    for before, after in pairwise(events):
        assert before["timestamp"] < after["timestamp"]  # nine digits: text order is time order
        assert before["seq"] < after["seq"]
        if after["seq"] == before["seq"] + 1:
            assert after["previous_hash"] == before["hash"]
    for one in events:
        assert uuid.UUID(one["event_id"]).version == 7
        assert re.fullmatch("[0-9a-f]{64}", one["hash"])
        assert one["actor"]
        assert one["target"]
        assert isinstance(one["details"], dict)


# --- execution context ----------------------------------------------------------------------------


def a_context(**limits: Any) -> ExecutionContext:
    of = a_mission(steps=(a_step("only"),), variables={"region": "eu"})
    return ExecutionContext(of, created(of), **limits)


def test_a_context_is_created_initialized_active_and_archived() -> None:
    context = a_context()
    seen = [context.state]
    for move in (context.initialize, context.activate, context.archive):
        move()
        seen.append(context.state)
    assert seen == list(ContextState)
    with pytest.raises(BugError):
        context.initialize()


def test_a_context_holds_variables_outputs_metadata_and_its_audit_trail() -> None:
    context = a_context()
    context.initialize()
    scope = context.scope()
    assert scope["vars"] == context.variables == {"region": "eu"}
    assert list(scope["steps"]) == []
    assert (context.metadata["mission"], context.metadata["actor"]) == ("a mission", "ada@host")
    assert context.audit_trail == f"execution/{context.metadata['id']}"
    assert instant(scope["timestamp"])


def test_a_context_refuses_what_is_no_json() -> None:
    with pytest.raises(ContextLimitError, match="not JSON"):
        a_context().admit({"value": float("nan")})
    with pytest.raises(ContextLimitError, match="not JSON"):
        a_context().admit({"value": object()})


def test_a_context_is_limited_for_each_output_and_altogether() -> None:
    context = a_context(size_limit=1_000, output_limit=600)
    with pytest.raises(ContextLimitError, match="more than 600"):
        context.admit({"text": "x" * 700})
    context.admit({"text": "x" * 500})
    before = context.size
    with pytest.raises(ContextLimitError, match="more than 1,000"):
        context.admit({"text": "x" * 500})
    assert context.size == before


def test_an_output_that_is_too_large_fails_its_step_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(
        mission_yaml(
            {
                "id": "large",
                "step_type": "command",
                "parameters": {
                    "command": "python3",
                    "args": ["-c", "print('[' + ','.join(['1'] * 130000) + ']')"],
                    "output": "json",
                    "max_output_bytes": 100_000,
                },
            },
        )
    )
    ran = mission(tmp_path / "home", "run", str(path), "--json")
    assert ran.code == 1
    assert ran.json["step_results"]["large"]["reason_code"] == "OUTPUT_LIMIT"


def test_variables_that_a_step_sets_reach_later_steps(tmp_path: Path) -> None:
    path = tmp_path / "set.yaml"
    double = {"values": {"size": "{{ vars.size * 2 }}"}}
    seen = {"that": ["vars.size == 42", "vars.name == 'kept'"]}
    path.write_text(
        mission_yaml(
            {"id": "double", "step_type": "set_variables", "parameters": double},
            {"id": "seen", "step_type": "assert", "depends_on": ["double"], "parameters": seen},
            variables={"size": 21, "name": "kept"},
        )
    )
    assert mission(tmp_path / "home", "run", str(path)).code == 0


# --- missions of the specification's origin -------------------------------------------------------

ORIGIN = """\
version: "1.0"
name: "Build and check"
description: "written as missions were where the schema comes from"
config:
  timeout_seconds: 60
  fail_fast: true
  max_parallel_steps: 2
steps:
  - id: "create"
    name: "Create a file"
    step_type: "CreateFile"
    parameters:
      path: "greeting.txt"
      content: "hello"
  - id: "show"
    step_type: Command
    depends_on: ["create"]
    timeout_seconds: 10
    continue_on_error: false
    parameters:
      command: "cat"
      args: ["greeting.txt"]
  - id: "rest"
    name: "Do nothing"
    step_type: "noop"
    depends_on: ["show"]
    parameters: {}
"""


def test_a_mission_of_the_origin_loads_and_runs(tmp_path: Path) -> None:
    (tmp_path / "origin.yaml").write_text(ORIGIN)
    checked = mission(tmp_path / "home", "validate", str(tmp_path / "origin.yaml"), "--json").json
    assert checked["valid"]
    assert [one["severity"] for one in checked["diagnostics"]] == ["warning"]
    ran = mission(tmp_path / "home", "run", str(tmp_path / "origin.yaml"), "--json")
    assert (ran.code, ran.json["overall_status"]) == (0, "Success")
    assert ran.json["step_results"]["show"]["output"]["stdout"] == "hello"
    jsonschema.validate(ran.json, RESULT_SCHEMA)
