"""Runners killed by real signals: what waits goes on waiting, what must not run twice asks."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_run import SLOW, a_file, processes_of, wait_until_running
from tests.support.cli import environment, mission, start
from tests.support.waiting import wait_until

ASKS = """\
version: "1.0"
name: asks
steps:
  - {id: ask, name: Ask, step_type: approval, parameters: {prompt: "go?", timeout: 1m}}
  - {id: ship, name: Ship, depends_on: [ask], step_type: noop}
"""

PAYS = """\
version: "1.0"
name: pays
steps:
  - id: pay
    name: Pay
    step_type: command
    idempotent: false
    foreach: [one]
    parameters: {command: sh, args: ["-c", "echo {{ item }}; exec sleep 60"]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def ended(home: Path, execution_id: str) -> Any:
    """Wait for the end of an execution and return what `show` says."""
    mission(home, "watch", execution_id, "--timeout", "30")
    return mission(home, "show", execution_id, "--json").json


def test_an_answer_to_a_killed_runners_question_counts_after_resume(
    home: Path, tmp_path: Path
) -> None:
    running = start(home, "run", a_file(tmp_path, ASKS))
    execution_id = wait_until_running(home, "ask", state="WAITING")
    running.kill()
    running.communicate()
    asked = mission(home, "approve", execution_id, "ask", "--json").json
    assert (asked["owned"], asked["settled"]) == (False, False)
    assert mission(home, "resume", execution_id).code == 0
    found = ended(home, execution_id)
    states = {t["task_id"]: (t["state"], t["reason_code"]) for t in found["task_runs"]}
    assert states["ask"] == ("SUCCESS", "APPROVED")
    assert states["ship"][0] == "SUCCESS"
    assert mission(home, "audit", "verify").code == 0


def test_a_lost_item_that_must_not_be_repeated_stops_and_asks(home: Path, tmp_path: Path) -> None:
    running = start(home, "run", a_file(tmp_path, PAYS))
    execution_id = wait_until_running(home, "pay[0]")
    running.kill()
    running.communicate()
    refused = mission(home, "resume", execution_id)
    assert refused.code == 7
    assert "pay[0]" in refused.err
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)


def test_steps_of_a_paused_execution_are_made_again_when_its_runner_was_killed(
    home: Path, tmp_path: Path
) -> None:
    text = SLOW.replace("exec sleep 60", "test -e again || { touch again; sleep 60; }")
    running = start(home, "run", a_file(tmp_path, text))
    execution_id = wait_until_running(home, "long")
    assert mission(home, "pause", execution_id).code == 0
    running.kill()
    running.communicate()
    found = mission(home, "show", execution_id, "--json").json
    assert found["state"] == "PAUSED"
    assert "RUNNING" not in {task["state"] for task in found["task_runs"]}
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)
    assert mission(home, "resume", execution_id).code == 0
    assert ended(home, execution_id)["state"] == "SUCCESS"


KEYED = """\
version: "1.0"
name: keyed
steps:
  - {id: a, name: A, step_type: wait, parameters: {seconds: 1.5}}
"""

LAUNCHER_THAT_DIES = """
import os, sys
import tui.host.spawn
tui.host.spawn.spawn_runner = lambda *_, **__: os._exit(9)
from tui.cli.frame import run
run(["run", "--detach", "--run-id", "K", sys.argv[1]])
"""


def test_an_execution_whose_launcher_died_is_noticed_and_its_key_runs_it(
    home: Path, tmp_path: Path
) -> None:
    file = a_file(tmp_path, KEYED)
    program = [sys.executable, "-c", LAUNCHER_THAT_DIES, file]
    assert subprocess.run(program, env=environment(home), check=False).returncode == 9
    (noticed,) = mission(home, "ls", "--json").json
    assert (noticed["state"], noticed["reason_code"]) == ("PAUSED", "RUNNER_LOST")
    assert "launcher" in noticed["message"]
    assert mission(home, "run", "--run-id", "K", file).code == 0
    (done,) = mission(home, "ls", "--json").json
    assert (done["execution_id"], done["state"]) == (noticed["execution_id"], "SUCCESS")
    assert mission(home, "audit", "verify").code == 0


def test_a_second_run_with_a_key_reports_the_first_in_the_same_shape(
    home: Path, tmp_path: Path
) -> None:
    waiting = "step_type: wait_for, parameters: {file: go, interval: 0.1}"
    file = a_file(tmp_path, KEYED.replace("step_type: wait, parameters: {seconds: 1.5}", waiting))
    first = start(home, "run", "--json", "--run-id", "K", file)
    wait_until_running(home, "a")
    during = start(home, "run", "--json", "--run-id", "K", file)
    (tmp_path / "go").touch()
    told = [json.loads(one.communicate(timeout=30)[0]) for one in (first, during)]
    after = mission(home, "run", "--json", "--run-id", "K", file)
    assert (first.returncode, during.returncode, after.code) == (0, 0, 0)
    assert told == [after.json, after.json]
    detached = [mission(home, "run", "--detach", "--json", "--run-id", "L", file) for _ in "12"]
    assert detached[0].json == detached[1].json
    assert len(mission(home, "ls", "--json").json) == 2


@pytest.mark.slow
def test_a_runner_that_cannot_be_interrupted_ends_all_the_same(home: Path, tmp_path: Path) -> None:
    """Its thread is in C code for minutes: the step times out, and the command returns."""
    query = "SELECT instr(zeroblob(8000000), CAST(zeroblob(4000000) || x'01' AS BLOB))"
    text = KEYED.replace(
        "step_type: wait, parameters: {seconds: 1.5}",
        f'step_type: sql_query, timeout_seconds: 0.2, parameters: {{query: "{query}"}}',
    )
    done = mission(home, "run", a_file(tmp_path, text), timeout=30)
    assert done.code == 1
    assert "TIMEOUT" in done.out


@pytest.mark.slow
def test_waiting_for_a_cancel_ends_when_the_runner_dies_first(home: Path, tmp_path: Path) -> None:
    deaf = SLOW.replace("exec sleep 60", "trap '' TERM; touch deaf; sleep 60; sleep 60")
    assert deaf != SLOW
    running = start(home, "run", a_file(tmp_path, deaf))
    execution_id = wait_until_running(home, "long")
    wait_until((tmp_path / "deaf").exists, "the step ignores SIGTERM")
    waiting = start(home, "cancel", execution_id, "--wait")
    wait_until(
        lambda: mission(home, "show", execution_id, "--json").json["cancel_requested_at"],
        "the cancel is under way",
    )
    running.kill()
    running.communicate()
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 9
    assert b"died before it had ended" in err
    assert mission(home, "cancel", execution_id, "--wait", "--force").code == 0
