"""Runners killed by real signals: what waits goes on waiting, what must not run twice asks."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import mission, start
from tests.test_run import SLOW, a_file, processes_of, wait_until_running

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
