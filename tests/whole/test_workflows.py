"""Real, recorded workflows, run by the console script and judged by what is in their records."""

import importlib.util
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.domain.records import Attempt, EntityKind, StateChange
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.ports.execution_query import ExecutionQuery
from storage.read.reader import SqliteReader, open_reader
from tests.support.cli import Inside, mission, start
from tests.support.shared import ROOT, shared_path

FOLDER = ROOT.parent / "shared" / "workflows"
STEPS = {
    "helloworld-forkjoin-10-chameleon": 10,
    "bacass-dirt02-001": 11,
    "epigenomics-chameleon-hep-1seq-100k-001": 41,
    "montage-chameleon-2mass-01d-001": 103,
    "rnaseq-dirt02-001": 197,
    "seismology-chameleon-300p-001": 301,
    "blast-chameleon-medium-001": 303,
    "montage-chameleon-2mass-05d-001": 1738,
}
LARGEST = "montage-chameleon-2mass-05d-001"
SMALL = 103
"""Up to so many steps a workflow also runs as processes by default."""
PARALLEL = 4

BY_SIZE: list[str] = sorted(STEPS, key=STEPS.__getitem__)

every_workflow = pytest.mark.parametrize("name", BY_SIZE)
as_processes = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if steps <= SMALL else pytest.mark.slow)
        for name, steps in sorted(STEPS.items(), key=lambda item: item[1])
    ],
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def look(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Inside:
    """The commands that only look: within this process, which saves their start-up."""
    return Inside(home, monkeypatch, capfd)


@cache
def converter() -> Any:
    path = shared_path("tools/wf2mission.py")
    spec = importlib.util.spec_from_file_location("wf2mission", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def workflow(name: str, kind: str) -> dict[str, Any]:
    """Return a recorded workflow as the data of a mission file."""
    instance = json.loads(shared_path(f"workflows/{name}.json").read_text(encoding="utf-8"))
    data: dict[str, Any] = converter().convert(instance, kind, scale=0.001, parallel=PARALLEL)
    return data


def write(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / "workflow.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def open_records(home: Path) -> SqliteReader:
    return open_reader(home / "missions.db")


def assert_order_respects_every_edge(steps: list[dict[str, Any]], attempts: list[Attempt]) -> int:
    """Check that no step started before its parents had ended; return how many edges there are."""
    by_step = {one.task_id: one for one in attempts}
    edges = [(need, step["id"]) for step in steps for need in step.get("depends_on", ())]
    early = [
        (parent, child)
        for parent, child in edges
        if by_step[child].started_at < (by_step[parent].ended_at or 0)
    ]
    assert early == []
    return len(edges)


def most_at_once(attempts: list[Attempt]) -> int:
    """Return how many attempts ran at once at most; an end counts before a start of its instant."""
    moves = [(one.started_at, 1) for one in attempts]
    moves += [(one.ended_at or 0, -1) for one in attempts]
    running = most = 0
    for _, change in sorted(moves):
        running += change
        most = max(most, running)
    return most


def fold_stream(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold the public event stream by nothing but its documented fields."""
    execution = None
    tasks: dict[str, str] = {}
    tries: dict[tuple[str, int], str] = {}
    for line in lines:
        kind = line["type"]
        if kind == "execution.state_changed":
            execution = line["state"]
        elif kind == "step.state_changed":
            tasks[line["task_id"]] = line["state"]
        elif kind == "attempt.started":
            tasks[line["task_id"]] = line["state"]
            tries[line["task_id"], line["attempt"]] = "RUNNING"
        elif kind == "attempt.ended":
            tries[line["task_id"], line["attempt"]] = line["state"]
            if "step" in line:
                tasks[line["task_id"]] = line["step"]["state"]
    return {"execution": execution, "tasks": tasks, "attempts": tries}


def judge(home: Path, look: Inside, data: dict[str, Any]) -> None:
    """Check the records of the one execution there is against the mission it ran."""
    steps = data["steps"]
    reader = open_records(home)
    try:
        (execution,) = reader.executions()
        tasks = reader.task_runs(execution.execution_id)
        attempts = reader.attempts(execution.execution_id)
    finally:
        reader.close()
    assert execution.state is ExecutionState.SUCCESS
    assert [task.task_id for task in tasks] == [step["id"] for step in steps]
    assert {task.state for task in tasks} == {TaskState.SUCCESS}
    assert len(attempts) == len(steps)
    assert {one.state for one in attempts} == {AttemptState.SUCCESS}
    assert assert_order_respects_every_edge(steps, attempts) >= len(steps) - 1 or len(steps) < 12
    assert most_at_once(attempts) <= PARALLEL
    folded = fold_stream(look("events", execution.execution_id).ndjson)
    assert folded == {
        "execution": execution.state.value,
        "tasks": {task.task_id: task.state.value for task in tasks},
        "attempts": {(one.task_id, one.attempt): one.state.value for one in attempts},
    }
    verified = look("audit", "verify", "--json")  # rebuilds every table from the events
    assert (verified.code, verified.json["verdict"]) == (0, "INTACT")
    assert verified.json["findings"] == []


def test_every_recorded_workflow_has_a_test() -> None:
    shared_path("workflows")
    assert {path.stem for path in FOLDER.glob("*.json")} == set(STEPS)


@every_workflow
def test_the_workflow_runs_as_no_ops_in_an_order_its_records_prove(
    name: str, tmp_path: Path, home: Path, look: Inside
) -> None:
    data = workflow(name, "noop")
    assert len(data["steps"]) == STEPS[name]
    ran = mission(home, "run", str(write(tmp_path, data)), "--json", timeout=300)
    assert ran.code == 0, ran.err
    assert ran.json["overall_status"] == "Success"
    assert ran.json["steps_completed"] == STEPS[name]
    judge(home, look, data)


@as_processes
def test_the_workflow_runs_as_processes_in_an_order_its_records_prove(
    name: str, tmp_path: Path, home: Path, look: Inside
) -> None:
    data = workflow(name, "true")
    ran = mission(home, "run", str(write(tmp_path, data)), "--json", timeout=600)
    assert ran.code == 0, ran.err
    assert ran.json["overall_status"] == "Success"
    judge(home, look, data)


def state_changes(home: Path) -> list[StateChange]:
    """Return every state change of the newest execution, in order."""
    reader = open_records(home)
    try:
        newest = reader.executions(ExecutionQuery(limit=1))[0]
        return sorted(reader.state_changes(newest.execution_id), key=lambda one: one.seq)
    finally:
        reader.close()


def assert_seen_exactly_once_and_in_order(seen: list[dict[str, Any]], home: Path) -> None:
    """Compare what a follower saw with the state changes that are stored."""
    numbers = [line["seq"] for line in seen]
    assert numbers == sorted(set(numbers))
    by_seq = {line["seq"]: line for line in seen}
    stored = [one for one in state_changes(home) if one.from_state is not None]  # births aside
    assert len(stored) > 4 * STEPS[LARGEST]
    for change in stored:
        line = by_seq[change.seq]
        assert line.get("task_id") == change.task_id
        if change.to_state == "READY" and line["type"] in ("attempt.started", "attempt.armed"):
            line = {**line, **line["ready"], "state": "READY"}
        elif change.to_state == "RUNNING" and line["type"] == "attempt.ended":
            line = {**line, **line["started"], "state": "RUNNING"}
        elif change.entity is EntityKind.TASK_RUN and line["type"] == "attempt.ended":
            line = {**line, **line["step"]}
        assert line["reason_code"] == change.reason_code
        if change.entity is not EntityKind.ATTEMPT or line["type"] == "attempt.ended":
            assert line["state"] == change.to_state
    told = {line["seq"] for line in seen if "state" in line or "ready" in line}
    assert told == {change.seq for change in stored}


def test_a_second_process_that_follows_everything_sees_the_large_mosaic_happen(
    tmp_path: Path, home: Path
) -> None:
    path = write(tmp_path, workflow(LARGEST, "noop"))
    first = tmp_path / "first.json"
    only = {"id": "only", "name": "Only", "step_type": "noop"}
    first.write_text(json.dumps({"version": "1.0", "name": "first", "steps": [only]}))
    assert mission(home, "run", str(first)).code == 0
    follower = start(home, "events", "--follow")
    try:
        assert follower.stdout is not None
        lines = [follower.stdout.readline()]  # it is there, and at work, before the mission begins
        ran = mission(home, "run", str(path), "--json", timeout=300)
        assert ran.code == 0
        wanted = ran.json["execution_id"]
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["type"] != "execution.finalized":
            line = json.loads(follower.stdout.readline())
            if line["execution_id"] == wanted:
                seen.append(line)
    finally:
        follower.terminate()
        follower.communicate(timeout=30)
    assert json.loads(lines[0])["seq"] == 1
    assert_seen_exactly_once_and_in_order(seen, home)
    assert seen == mission(home, "events", wanted).ndjson


@pytest.mark.slow
@pytest.mark.parametrize("command", [("watch", "--json"), ("events", "--follow")])
def test_the_large_mosaic_of_processes_is_followed_live(
    command: str, tmp_path: Path, home: Path
) -> None:
    path = write(tmp_path, workflow(LARGEST, "true"))
    launched = mission(home, "run", str(path), "--detach")
    assert launched.code == 0, launched.err
    execution = launched.out.strip()
    followed = mission(home, command[0], execution, *command[1:], timeout=600)
    assert followed.code == 0, followed.err
    assert_seen_exactly_once_and_in_order(followed.ndjson, home)


def test_a_follower_that_was_cut_off_goes_on_where_it_was(
    tmp_path: Path, home: Path, look: Inside
) -> None:
    path = write(tmp_path, workflow("montage-chameleon-2mass-01d-001", "noop"))
    assert mission(home, "run", str(path)).code == 0
    whole = look("events", "@last").ndjson
    cut = whole[len(whole) // 3]["seq"]
    rest = look("events", "@last", "--since", str(cut)).ndjson
    assert [line for line in whole if line["seq"] <= cut] + rest == whole


def started_order(home: Path) -> list[str]:
    reader = open_records(home)
    try:
        newest = reader.executions(ExecutionQuery(limit=1))[0]
        tries = sorted(reader.attempts(newest.execution_id), key=lambda one: one.started_at)
        return [one.task_id for one in tries]
    finally:
        reader.close()


def test_json_and_yaml_of_one_mission_are_executed_in_the_same_order(
    tmp_path: Path, home: Path, look: Inside
) -> None:
    data = workflow("epigenomics-chameleon-hep-1seq-100k-001", "noop")
    as_json = write(tmp_path, data)
    as_yaml = tmp_path / "workflow.yaml"
    as_yaml.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    planned = []
    executed = []
    for path in (as_json, as_yaml):
        planned.append(look("validate", str(path), "--json").json["execution_order"])
        assert mission(home, "run", str(path)).code == 0
        executed.append(started_order(home))
    assert planned[0] == planned[1]
    assert executed[0] == executed[1]
    assert sorted(executed[0]) == sorted(planned[0])


def test_the_same_mission_is_executed_in_the_same_order_every_time(
    tmp_path: Path, home: Path
) -> None:
    path = write(tmp_path, workflow("montage-chameleon-2mass-01d-001", "noop"))
    orders = []
    for _ in range(2):
        assert mission(home, "run", str(path)).code == 0
        orders.append(started_order(home))
    assert orders[0] == orders[1]


def test_the_converter_writes_files_that_are_valid_as_they_are(
    tmp_path: Path, look: Inside
) -> None:
    tool, instance = shared_path("tools/wf2mission.py"), shared_path(f"workflows/{LARGEST}.json")
    made = tmp_path / "montage.yaml"
    subprocess.run(["python3", tool, instance, "--kind", "sleep", "-o", made], check=True)
    ran = look("validate", str(made), "--json")
    assert ran.code == 0
    assert len(ran.json["execution_order"]) == STEPS[LARGEST]
