"""A runner is killed after a step made its files, before that is recorded: the step runs again."""

import time
from pathlib import Path

import pytest

from tests.support.cli import mission
from tests.support.killed_runs import KilledRuns

MISSION = """version: "1.0"
name: build
env: {STORM: "%s"}
steps:
  - id: make
    inputs: [in]
    outputs: [out]
    idempotent: true
    run: |
      cat in >out
      echo run >>count
      while [ ! -e go ]; do sleep 0.02; done
"""


@pytest.mark.slow
def test_a_kill_between_the_attempt_and_its_record_runs_the_step_again(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=15)
    (tmp_path / "build.yaml").write_text(MISSION % runs.token)
    (tmp_path / "in").write_text("1")
    (tmp_path / "go").touch()

    def run() -> str:
        assert mission(runs.home, "run", "build.yaml", "-q", cwd=tmp_path).code == 0
        shown = mission(runs.home, "show", "build", "--json").json
        return str(shown["task_runs"][0]["reason_code"])

    try:
        assert [run(), run()] == ["EXIT_ZERO", "UP_TO_DATE"]
        (tmp_path / "in").write_text("2")
        (tmp_path / "go").unlink()
        (tmp_path / "count").unlink()
        execution_id = mission(
            runs.home, "run", "build.yaml", "--detach", "--json", cwd=tmp_path
        ).json["execution_id"]
        _wait_for(tmp_path / "count")
        assert runs.kill(execution_id)
        # As its last recorded success had them; only the attempt that was killed says otherwise.
        (tmp_path / "in").write_text("1")
        (tmp_path / "out").write_text("1")
        (tmp_path / "go").touch()
        assert run() == "EXIT_ZERO"
        why = mission(runs.home, "why", "build", "make").out
        assert "its last attempt has not succeeded" in why
        assert run() == "UP_TO_DATE"
        # The run that was killed goes on; what it says of the step is true again.
        assert mission(runs.home, "resume", execution_id, "--json").code == 0
        assert mission(runs.home, "watch", execution_id, "--json").code == 0
        shown = mission(runs.home, "show", execution_id, "--json").json
        assert shown["task_runs"][0]["reason_code"] == "UP_TO_DATE"
        assert mission(runs.home, "audit", "verify", "--deep").code == 0
    finally:
        runs.stop()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
