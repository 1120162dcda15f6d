"""After `kill -9` of a runner and of its supervisor, nothing of a mission goes on unseen."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from core.executors.local import HAS_LINUX_WAYS
from core.executors.tree import read_process, read_table
from tests.support.cli import mission, start

pytestmark = pytest.mark.skipif(not HAS_LINUX_WAYS, reason="looks at /proc")

MISSION = """
version: "1.0"
name: forge
steps:
  - id: first
    name: first
    step_type: script
    parameters: {script: "echo first >>journal"}
  - id: long
    name: long
    step_type: script
    depends_on: [first]
    parameters:
      script: |
        echo long >>journal
        test "$MISSION_ATTEMPT" = 1 || exit 0
        trap '' TERM
        setsid -f sleep 601 >/dev/null 2>&1
        sleep 602 &
        touch up
        while :; do sleep 603; done
"""


def of_execution(execution_id: str) -> frozenset[int]:
    """Return the processes that carry the execution's id."""
    marked = read_table().marked
    prefix = f"{execution_id}/".encode()
    return frozenset(pid for key, pids in marked.items() if key.startswith(prefix) for pid in pids)


def children_of(pid: int) -> list[int]:
    return [one.pid for one in read_table().processes.values() if one.parent == pid]


def test_the_next_command_ends_what_a_killed_runner_and_supervisor_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "forge.yaml").write_text(MISSION)
    runner = start(home, "run", str(tmp_path / "forge.yaml"), cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "up").exists():
            assert time.monotonic() < deadline
            assert runner.poll() is None
            time.sleep(0.02)
        execution_id = mission(home, "show", "@last", "--json").json["execution_id"]
        assert len(of_execution(execution_id)) >= 4
    finally:
        below = children_of(runner.pid)
        os.kill(runner.pid, signal.SIGSTOP)  # it must not notice the death of its supervisor
        for pid in below:
            os.kill(pid, signal.SIGKILL)
        runner.kill()
        runner.communicate()
    assert of_execution(execution_id)

    listed = mission(home, "ls")

    assert re.search(r"died; ended \d+ processes that it left running; `mission resume", listed.err)
    assert of_execution(execution_id) == frozenset()
    shown = mission(home, "show", execution_id, "--json").json["message"]
    assert re.search(r"ended \d+ processes .*sleep \(pid \d+\)", shown), shown
    resumed = mission(home, "resume", execution_id)
    assert resumed.code == 0, resumed.err
    assert mission(home, "watch", execution_id).code == 0
    assert (tmp_path / "journal").read_text().split() == ["first", "long", "long"]
    verified = mission(home, "audit", "verify")
    assert verified.code == 0, verified.out
    assert read_process(runner.pid) is None
