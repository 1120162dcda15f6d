"""A runner is killed while steps hand on values, files and environment: nothing is lost."""

import time
from pathlib import Path

import pytest

from tests.support.cli import mission
from tests.support.killed_runs import KilledRuns

MISSION = """version: "1.0"
name: language
env_files: .env
params: {tag: {default: none}}
templates:
  wait:
    params: {name: {required: true}}
    step:
      env: {NAME: "{{ with.name }}"}
      stdout_to: "out/{{ with.name }}.txt"
      artifacts: ["out/{{ with.name }}.txt", "made-*.txt"]
      run: |
        echo "$NAME with $API_TOKEN"
        echo "VALUE=$NAME $API_TOKEN" >>"$MISSION_OUTPUT"
        echo "$NAME" >"made-$NAME.txt"
        touch started
        while [ ! -e go ]; do sleep 0.02; done
steps:
  - id: before
    run: |
      echo "SAID=before" >>"$MISSION_OUTPUT"
      echo "LATER=yes" >later.env
  - {id: held, use: wait, with: {name: x}, depends_on: before, env_files: later.env}
  - id: each
    depends_on: held
    matrix: {os: [a, b], exclude: [{os: b}], include: [{os: c, more: d}]}
    env: {OS: "{{ matrix.os }}"}
    run: echo "OS=$OS" >>"$MISSION_OUTPUT"
  - id: last
    step_type: log
    depends_on: each
    parameters:
      message: >-
        {{ params.tag }}, {{ steps.before.output.values.SAID }},
        {{ steps.held.output.values.VALUE }}, {{ steps.each.output['items'][1].values.OS }}
"""
SECRET = "hunter2hunter2"


@pytest.mark.slow
def test_what_steps_hand_on_survives_the_kill_of_their_runner(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=7)
    (tmp_path / "language.yaml").write_text(MISSION)
    (tmp_path / "params.yaml").write_text("tag: tagged\n")
    (tmp_path / ".env").write_text(f"STORM={runs.token}\nAPI_TOKEN={SECRET}\n")
    try:
        arguments = ("run", "language.yaml", "--detach", "--json", "--params-file", "params.yaml")
        ran = mission(runs.home, *arguments, cwd=tmp_path)
        assert ran.code == 0, ran.err
        execution_id = ran.json["execution_id"]
        _wait_for(tmp_path / "started")
        assert runs.kill(execution_id)
        (tmp_path / "go").touch()
        assert mission(runs.home, "resume", "language", "--json").code == 0
        watched = mission(runs.home, "watch", "language", "--json")
        assert watched.code == 0, watched.err
    finally:
        runs.stop()
    said = mission(runs.home, "logs", "language", "last").out
    assert said.split() == ["tagged,", "before,", "x", "***,", "c"]
    shown = mission(runs.home, "show", "language", "held", "--json").json
    assert [one["state"] for one in shown["attempts"]] == ["LOST", "SUCCESS"]
    got = mission(runs.home, "artifacts", "language", "held", "--get", str(tmp_path / "got"))
    assert got.code == 0, got.err
    assert (tmp_path / "got/out/x.txt").read_text() == "x with ***\n"
    assert (tmp_path / "got/made-x.txt").read_text() == "x\n"
    assert mission(runs.home, "audit", "verify").code == 0
    files = [path for path in runs.home.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)
