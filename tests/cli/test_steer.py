"""Commands that act on executions: real missions in real runners, steered from other processes."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Inside, mission, on_a_terminal, start
from tests.support.waiting import kill_and_wait

FAILING = """\
version: "1.0"
name: shaky
steps:
  - {id: first, name: First, step_type: log, parameters: {message: once}}
  - id: second
    name: Second
    step_type: command
    depends_on: [first]
    parameters: {command: cat, args: [wanted.txt]}
  - {id: third, name: Third, step_type: noop, depends_on: [second]}
"""
SLOW = """\
version: "1.0"
name: slow
steps:
  - {id: early, name: Early, step_type: noop}
  - id: nap
    name: Nap
    step_type: command
    depends_on: [early]
    parameters: {command: sleep, args: ["60"]}
  - {id: late, name: Late, step_type: noop, depends_on: [nap]}
"""
STOPPABLE = """\
version: "1.0"
name: stoppable
config: {parallel_limit: 1}
steps:
  - {id: a, name: A, step_type: command, parameters: {command: sleep, args: ["0.7"]}}
  - {id: b, name: B, step_type: noop, depends_on: [a]}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    for name, text in (("shaky", FAILING), ("slow", SLOW), ("stoppable", STOPPABLE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def detached(inside: Inside, name: str) -> str:
    """Start a mission in a runner of its own and return its execution's id."""
    ran = mission(inside.home, "run", f"{name}.yaml", "--detach")
    assert ran.code == 0, ran.err
    return ran.out.strip()


def wait_for(
    inside: Inside, execution_id: str, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Wait until a predicate over the execution's JSON holds; return it."""
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = inside("show", execution_id, "--json").json
        if wanted(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def is_running(step: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: any(
        task["task_id"] == step and task["state"] == "RUNNING" for task in found["task_runs"]
    )


def test_only_what_failed_is_run_again_and_the_chain_stays_intact(
    inside: Inside, tmp_path: Path
) -> None:
    assert mission(inside.home, "run", "shaky.yaml").code == 1
    failed = inside("show", "@last", "--json").json
    preview = inside("retry", "@last", "--dry-run", "--json").json
    assert (preview["run"], preview["reused"]) == (["second", "third"], ["first"])

    (tmp_path / "wanted.txt").write_text("here now")
    reason = "the file is there now"
    ran = mission(inside.home, "retry", "@last", "--watch", "--reason", reason)
    assert ran.code == 0, ran.err
    assert "reused: 1 step: first" in ran.err
    again = inside("show", "@last", "--json").json
    assert again["retry_of"] == failed["execution_id"]
    first, second, third = again["task_runs"]
    assert (first["state"], first["reason_code"]) == ("SUCCESS", "REUSED")
    assert "from shaky#1" in ran.out
    assert second["attempts"][0]["attempt"] == 2
    assert third["state"] == "SUCCESS"
    assert "the file is there now" in json.dumps(again["audit_events"])
    assert inside("retry", "@last", "--reason", "x").code == 7
    assert inside("audit", "verify").code == 0


def test_a_rerun_is_linked_and_starts_afresh(inside: Inside) -> None:
    mission(inside.home, "run", "shaky.yaml")
    before = inside("show", "@last", "--json").json["execution_id"]
    ran = mission(inside.home, "rerun", "@last", "--json", "--watch")
    assert ran.code == 1
    assert ran.json["rerun_of"] == before
    assert ran.json["state"] == "FAILED"
    again = inside("show", ran.json["execution_id"], "--json").json
    assert [task["attempt"] for task in again["task_runs"]] == [1, 1, 0]


def test_started_again_a_command_returns_and_says_how_to_watch(
    inside: Inside, tmp_path: Path
) -> None:
    mission(inside.home, "run", "shaky.yaml")
    (tmp_path / "wanted.txt").write_text("here now")
    failed = inside("show", "@last", "--json").json["execution_id"]
    for command in ("rerun", "retry"):
        ran = mission(inside.home, command, failed)
        assert ran.code == 0, ran.err
        execution_id = ran.out.strip()
        reference = inside("show", execution_id, "--json").json["reference"]
        assert f"`mission watch {reference}`" in ran.err
        assert mission(inside.home, "watch", execution_id).code == 0


def test_a_reason_is_asked_for_on_a_terminal_and_may_be_empty(
    inside: Inside, tmp_path: Path
) -> None:
    mission(inside.home, "run", "shaky.yaml")
    (tmp_path / "wanted.txt").write_text("here now")
    failed = inside("show", "@last", "--json").json["execution_id"]
    for answer in (b"\r", b"it is there\r"):
        ran = on_a_terminal(inside.home, "retry", failed, question=b"may be empty", answer=answer)
        assert ran.code == 0, ran.out
    assert "it is there" in inside("show", "@last", "--json").out


def test_the_result_of_an_ended_execution_can_be_had_later(inside: Inside) -> None:
    ran = mission(inside.home, "run", "shaky.yaml", "--json")
    assert ran.code == 1
    assert inside("show", "@last", "--result").json == ran.json


def test_cancel_ends_what_runs_and_skips_the_rest(inside: Inside) -> None:
    execution_id = detached(inside, "slow")
    wait_for(inside, execution_id, is_running("nap"))
    assert inside("show", execution_id, "--result").code == 7
    watcher = start(inside.home, "watch", execution_id, "--plain")
    ran = inside("cancel", execution_id, "--reason", "wrong one", "--timeout", "20s", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["state"] == "CANCELLED"
    found = inside("show", execution_id, "--json").json
    assert {task["task_id"]: task["state"] for task in found["task_runs"]} == {
        "early": "SUCCESS",
        "nap": "CANCELLED",
        "late": "SKIPPED",
    }
    assert watcher.communicate(timeout=20)[1] == b""
    assert watcher.returncode == 5
    again = inside("cancel", execution_id)
    assert (again.code, again.out) == (0, "")
    assert inside("pause", execution_id).code == 7


STUBBORN = """
version: "1.0"
name: stubborn
handlers: {on_cancel: [{id: tidy, step_type: noop}]}
steps:
  - {id: child, step_type: mission, parameters: {file: child.yaml}}
  - {id: own, step_type: script, stop: {grace: 1h},
     parameters: {script: "trap '' TERM; echo up; while :; do sleep 0.1; done"}}
"""
CHILD = """
version: "1.0"
name: child
steps:
  - {id: deep, step_type: script, stop: {grace: 1h},
     parameters: {script: "trap '' TERM; echo up; while :; do sleep 0.1; done"}}
"""


@pytest.mark.parametrize("is_under_way", [False, True])
def test_a_forced_cancel_kills_what_does_not_obey(tmp_path: Path, is_under_way: bool) -> None:
    home = tmp_path / "home"
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    file = tmp_path / "m.yaml"
    file.write_text(STUBBORN, encoding="utf-8")
    run = mission(home, "run", str(file), "--detach").out.strip()
    for name in (run, "child#1"):
        end = time.monotonic() + 30
        while "up" not in mission(home, "logs", name).out:
            assert time.monotonic() < end
            time.sleep(0.05)
    if is_under_way:
        assert mission(home, "cancel", run).code == 0

    ran = mission(home, "cancel", run, "--force", "--timeout", "20s", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["state"] == "CANCELLED"
    child = mission(home, "show", "child#1", "--json").json
    assert child["state"] == "CANCELLED"
    shown = mission(home, "show", run, "--json").json
    states = {task["task_id"]: task["state"] for task in shown["task_runs"]}
    assert states == {"child": "CANCELLED", "own": "CANCELLED", "tidy": "SKIPPED"}


def test_one_step_can_be_cancelled(inside: Inside) -> None:
    execution_id = detached(inside, "slow")
    wait_for(inside, execution_id, is_running("nap"))
    assert inside("cancel", execution_id, "--step", "early").code == 7
    assert inside("cancel", execution_id, "--step", "nope").code == 4
    assert inside("cancel", execution_id, "--step", "nap").code == 0
    ended = wait_for(inside, execution_id, lambda found: found["ended_at"])
    assert ended["task_runs"][1]["state"] == "CANCELLED"


def test_a_paused_execution_starts_nothing_until_it_is_resumed(inside: Inside) -> None:
    execution_id = detached(inside, "stoppable")
    wait_for(inside, execution_id, is_running("a"))
    assert inside("pause", execution_id, "--json").json["owned"]
    paused = wait_for(
        inside,
        execution_id,
        lambda found: found["state"] == "PAUSED" and found["task_runs"][0]["state"] == "SUCCESS",
    )
    assert paused["task_runs"][1]["state"] in {"PENDING", "READY"}
    assert "paused" in inside("why", execution_id, "b").out
    assert inside("resume", execution_id).code == 0
    ended = wait_for(inside, execution_id, lambda found: found["ended_at"])
    assert ended["state"] == "SUCCESS"


def test_a_killed_runner_is_noticed_at_once_and_resumed(inside: Inside) -> None:
    execution_id = detached(inside, "stoppable")
    wait_for(inside, execution_id, is_running("a"))
    connection = sqlite3.connect(inside.home / "missions.db")
    (pid,) = connection.execute("SELECT pid FROM lease").fetchone()
    connection.close()
    kill_and_wait(pid)
    ran = inside("ls", "--json")
    assert (ran.json[0]["state"], ran.json[0]["reason_code"]) == ("PAUSED", "RUNNER_LOST")
    told = inside("why", execution_id, "a").out
    assert "no runner drives this execution" in told
    asked = inside("cancel", execution_id, "--step", "b", "--json").json
    assert asked["owned"] is False
    for more in ((), ("--dry-run",)):
        assert inside("cancel", execution_id, "--step", "nope", *more).code == 4
    assert mission(inside.home, "resume", execution_id).code == 0
    ended = wait_for(inside, execution_id, lambda found: found["ended_at"])
    assert [one["state"] for one in ended["task_runs"][0]["attempts"]] == ["LOST", "SUCCESS"]
    assert inside("audit", "verify").code == 0


def test_verify_says_what_was_changed_and_where(inside: Inside) -> None:
    mission(inside.home, "run", "shaky.yaml")
    found = inside("audit", "verify", "--json")
    assert found.code == 0
    assert found.json["verdict"] == "INTACT"
    assert found.json["tiers"]["signed"]
    head = found.json["head"]
    assert inside("audit", "verify", "--head", head, "--require", "signed,anchored").code == 0
    assert inside("audit", "verify", "--require", "anchored").code == 8
    assert inside("audit", "verify", "--require", "holy").code == 2
    assert inside("audit", "verify", "--head", "nonsense").code == 2
    connection = sqlite3.connect(inside.home / "missions.db")
    triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
    for (name,) in triggers.fetchall():  # they stop bugs, not attackers
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE task_run SET state = 'SUCCESS' WHERE task_id = 'second'")
    connection.commit()
    connection.close()
    ran = inside("audit", "verify", "--json")
    assert ran.code == 8
    assert ran.json["verdict"] == "MODIFIED"
    assert ran.json["findings"]
    told = inside("audit", "verify")
    assert told.code == 8
    assert "second" in told.out


def test_the_database_is_checked_copied_and_counted(inside: Inside, tmp_path: Path) -> None:
    for command in ("check", "backup", "stats"):
        assert inside("db", command).code == 4
    mission(inside.home, "run", "shaky.yaml")
    assert inside("db", "check").code == 0
    copy = tmp_path / "copy.db"
    assert inside("db", "backup", str(copy)).out == f"{copy}\n"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert inside("db", "backup", str(copy)).code == 7
    original = inside("show", "@last", "--json").json
    assert inside("show", "@last", "--json", "--db", str(copy)).json == original
    assert inside("audit", "verify", "--db", str(copy)).code == 0
    rows = inside("db", "stats", "--json").json["rows"]
    assert (rows["execution"], rows["task_run"]) == (1, 3)
    data = bytearray(copy.read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    copy.write_bytes(data)
    ran = inside("db", "check", "--db", str(copy), "--json")
    assert ran.code == 9


APPROVAL = """\
version: "1.0"
name: gated
config: {fail_fast: false}
steps:
  - {id: gate, name: Gate, step_type: approval, parameters: {prompt: Ship it?}}
  - {id: ship, name: Ship, step_type: noop, depends_on: [gate]}
  - {id: other, name: Other, step_type: fail, parameters: {message: not yet}}
"""


def is_waiting(found: dict[str, Any]) -> bool:
    reasons: dict[str, str] = {task["task_id"]: task["reason_code"] for task in found["task_runs"]}
    return reasons["gate"] == "AWAITING_APPROVAL" and reasons["other"] != "DEPS_PENDING"


@pytest.fixture
def gated(inside: Inside, tmp_path: Path) -> str:
    (tmp_path / "gated.yaml").write_text(APPROVAL)
    execution_id = detached(inside, "gated")
    wait_for(inside, execution_id, is_waiting)
    return execution_id


def test_an_approval_lets_the_mission_go_on(inside: Inside, gated: str) -> None:
    assert "awaiting approval" in inside("why", gated, "gate").out
    assert inside("approve", gated, "ship").code == 7
    ran = inside("approve", gated, "--comment", "looks good", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["task_id"], ran.json["settled"]) == ("gate", True)
    ended = wait_for(inside, gated, lambda found: found["ended_at"])
    assert ended["task_runs"][1]["state"] == "SUCCESS"
    assert ended["task_runs"][0]["outputs"]["comment"] == "looks good"
    assert inside("approve", gated).code == 7


def test_a_rejection_fails_the_step(inside: Inside, gated: str) -> None:
    assert inside("reject", gated, "gate").code == 0
    ended = wait_for(inside, gated, lambda found: found["ended_at"])
    assert ended["task_runs"][0]["reason_code"] == "REJECTED"


def test_a_failed_step_of_a_live_execution_is_tried_again_within_it(
    inside: Inside, gated: str
) -> None:
    planned = inside("retry", gated, "--dry-run", "--json").json
    assert (planned["within"], planned["run"]) == (gated, ["other"])
    assert "other" in inside("retry", gated, "--dry-run").out
    ran = inside("retry", gated, "--reason", "again", "--json")
    assert ran.code == 0, ran.err
    (asked,) = ran.json["requests"]
    assert (asked["task_id"], asked["settled"]) == ("other", True)
    found = wait_for(inside, gated, lambda found: len(found["task_runs"][2]["attempts"]) == 2)
    assert found["state"] == "RUNNING"
    assert inside("retry", gated, "--step", "gate", "--reason", "x").code == 7
    assert inside("cancel", gated, "--wait").code == 0


def test_a_run_within_github_actions_annotates_what_failed(inside: Inside) -> None:
    ran = mission(inside.home, "run", "shaky.yaml", env={"GITHUB_ACTIONS": "true"})
    (line,) = [line for line in ran.out.splitlines() if line.startswith("::error ")]
    assert line.startswith("::error title=second EXIT_NONZERO::exit 1: cat: wanted.txt")
    assert (
        "::error" not in mission(inside.home, "run", "shaky.yaml", env={"GITHUB_ACTIONS": ""}).out
    )
