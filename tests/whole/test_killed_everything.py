"""One mission with every key of the language: its runner is killed, it is resumed and retried."""

import time
from pathlib import Path

import pytest
import yaml

from core.mission_file.explain import SECTIONS
from tests.core.mission_file.test_every_key import used_keys
from tests.support.cli import Ran, mission
from tests.support.killed_runs import KilledRuns

MISSION = """version: "1.0"
name: everything
description: every key of the language
include: parts/more.yaml
labels: {suite: killed}
params:
  tag: {type: choice, required: true, choices: [one, two], description: a part of all names}
  note: {default: none, pattern: "^n"}
  PIN: {secret: true, required: true}
concurrency: {group: "of-{{ params.tag }}", policy: queue}
preconditions: [params.tag == 'one', {run: test -e in, shell: sh}]
variables: {wanted: go}
secrets: [{TOKEN: "env:THE_TOKEN"}]
env: {WHO: "{{ params.tag }}"}
env_files: .env
config:
  timeout_seconds: 10m
  fail_fast: false
  parallel_limit: 6
  priority: 3
  retry: {max_attempts: 1}
  working_dir: .
  durability: strict
  limits: {cpu_seconds: 600, open_files: 256, file_mb: 500}
  stop: {signal: TERM, grace: 2s}
  breaker:
    {free_disk_mb: 1, free_memory_mb: 1, free_open_files: 1, free_processes: 1, probe_seconds: 1,
     loop_lag_seconds: 60, database_busy_seconds: 60, max_wait_seconds: 60}
  leftovers: execution
  executor: local
  shared_folders: []
  runs_on: {}
defaults:
  shell: bash
  env: {FROM: defaults}
  working_dir: .
  timeout_seconds: 5m
  retry: {max_attempts: 1}
  limits: {nice: 1}
  idempotent: true
steps:
  - id: make
    name: Make the file
    inputs: in
    outputs: made/*.txt
    artifacts: made
    stdout_to: logs/make.txt
    stderr_to: logs/make.txt
    secrets: [TOKEN]
    secret_files: {TOKEN_FILE: TOKEN}
    env_files: [.env]
    mutex: maker
    working_dir: .
    limits: {nice: 2}
    stop: {grace: 1s}
    leftovers: step
    runs_on: {}
    idempotent: true
    timeout_seconds: 2m
    run: |
      mkdir -p made; cat in >made/out.txt; echo run >>makes
      echo "token $TOKEN $API_TOKEN $(cat "$TOKEN_FILE")"
      echo "VALUE=$WHO $FROM $TOKEN" >>"$MISSION_OUTPUT"
  - id: server
    service: true
    ready: {log: "^up with", timeout: 30s}
    preconditions: [{run: 'test -n "$API_TOKEN"'}, "1 < 2"]
    run: 'echo "up with $API_TOKEN"; exec sleep 600'
  - id: poll
    depends_on: server
    repeat: {every: 200ms, until: "output['values'].STATE == vars.wanted", max: 1000}
    run: echo "STATE=$(cat state 2>/dev/null || echo wait)" >>"$MISSION_OUTPUT"
  - id: ask
    depends_on: [server]
    step_type: approval
    parameters: {prompt: "How many?", inputs: {copies: {type: integer, required: true}}}
  - {id: held, use: wait, with: {name: x}, depends_on: make}
  - id: pair
    depends_on: held
    foreach: [x, y]
    max_parallel: 1
    with: {name: "{{ item }}"}
    steps: [{id: once, secrets: [PIN], run: 'echo "$MISSION_VAR_NAME ${#PIN}" >>once; echo "$PIN"'}]
  - id: each
    depends_on: held
    matrix: {os: [a, b], exclude: [{os: b}], include: [{os: c, more: d}]}
    env: {OS: "{{ matrix.os }}"}
    run: echo "OS=$OS" >>"$MISSION_OUTPUT"
  - {id: never, when: params.tag == 'two', run: touch never}
  - {id: tolerated, run: exit 3, continue_on_error: true}
  - id: shaky
    depends_on: [poll, ask, pair, each, tolerated]
    env: {COPIES: "{{ steps.ask.output.inputs.copies }}"}
    retry:
      {max_attempts: 2, initial_interval: 50ms, backoff_coefficient: 1.5, max_interval: 1s,
       jitter: 0.1, retry_on: {exit_codes: [1], reason_codes: [EXIT_NONZERO], http_status: [503]}}
    run: echo "$COPIES" >copies; test -e mended
"""
MORE = """templates:
  wait:
    description: wait until somebody says go
    params: {name: {required: true}}
    step:
      secrets: [PIN]
      run: |
        echo "held with $PIN"; touch started
        while [ ! -e state ]; do sleep 0.05; done
steps:
  - {id: done, depends_on: [shaky, never], trigger_rule: none_failed, step_type: finish}
  - {id: after, depends_on: done, run: touch after}
handlers:
  on_success: [{id: well, run: touch well}]
  on_failure: [{id: badly, run: touch badly}]
  on_cancel: [{id: stopped, run: touch stopped}]
  always: [{id: over, step_type: log, parameters: {message: "{{ execution.state }}"}}]
"""
LEFT_OUT = {
    *(("ready", name) for name in ("port", "url", "file", "run")),  # one of five
    *(("limits", name) for name in ("memory_mb", "processes")),  # need a delegated cgroup
    ("params", "type"),  # beside `choices` above
}
SECRETS = ("hunter2hunter2", "swordfish99", "1234567890")


def test_the_mission_has_every_key() -> None:
    used = {*used_keys(yaml.safe_load(MISSION)), *used_keys(yaml.safe_load(MORE))}
    keys = {(section, name) for section, (_, known) in SECTIONS.items() for name in known}
    assert keys - used <= LEFT_OUT


@pytest.mark.slow
def test_all_of_it_survives_the_kill_of_its_runner_and_a_retry(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=23)
    (tmp_path / "everything.yaml").write_text(MISSION)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/more.yaml").write_text(MORE)
    (tmp_path / ".env").write_text(f"STORM={runs.token}\nAPI_TOKEN={SECRETS[0]}\n")
    (tmp_path / "in").write_text("one\n")
    given = {"THE_TOKEN": SECRETS[1], "MISSION_SECRET_PIN": SECRETS[2]}

    def run(*arguments: str) -> Ran:
        return mission(runs.home, *arguments, cwd=tmp_path, env=given)

    try:
        ran = run("run", "everything.yaml", "-p", "tag=one", "--detach", "--json")
        assert ran.code == 0, ran.err
        waiting = {"server": "SERVICE_READY", "ask": "AWAITING_APPROVAL", "poll": "REPEATING"}
        runs.wait_for("everything", waiting)
        _wait_for_file(tmp_path / "started")
        assert runs.kill(ran.json["execution_id"])
        resumed = run("resume", "everything", "--json")
        assert resumed.code == 0, resumed
        runs.wait_for("everything", {"server": "SERVICE_READY", "ask": "AWAITING_APPROVAL"})
        assert run("approve", "everything", "ask", "-i", "copies=3").code == 0
        (tmp_path / "state").write_text("go\n")
        assert run("watch", "everything", "--json").code == 1, "shaky failed"
        failed = runs.tasks("everything")
        assert (tmp_path / "badly").exists()
        (tmp_path / "mended").touch()
        again = run("retry", "everything", "--watch")
        assert again.code == 0, again.err
        ended = runs.tasks("everything")
        second = run("run", "everything.yaml", "-p", "tag=one", "--only", "make", "--json")
        assert second.json["step_results"]["make"]["reason_code"] == "UP_TO_DATE", second
        other = run("run", "everything.yaml", "-p", "tag=two", "--json")
        assert (other.code, other.json["reason_code"]) == (0, "PRECONDITION_UNMET"), other
    finally:
        runs.stop()
    assert failed["shaky"]["reason_code"] == "RETRIES_EXHAUSTED"
    assert failed["never"]["reason_code"] == "CONDITION_FALSE"
    assert failed["held"]["attempt"] == 2
    assert ended["make"]["reason_code"] == ended["pair"]["reason_code"] == "REUSED"
    assert [ended[name]["reason_code"] for name in ("done", "after")] == ["FINISHED"] * 2
    assert (tmp_path / "copies").read_text() == "3\n"
    assert (tmp_path / "makes").read_text() == "run\n", "what succeeded did not run again"
    once = (tmp_path / "once").read_text().splitlines()
    assert sorted(once) == ["x 10", "y 10"], "the group has the secret input of the run"
    assert (tmp_path / "well").exists()
    assert not [one for one in ("never", "after", "stopped") if (tmp_path / one).exists()]
    assert (tmp_path / "logs/make.txt").read_text() == "token *** *** ***\n"
    got = run("artifacts", "everything#2", "make", "--get", str(tmp_path / "got"))
    assert (tmp_path / "got/made/out.txt").read_text() == "one\n", got
    assert run("ls", "-l", "suite=killed", "--json").code == 0
    assert run("audit", "verify").code == 0
    kept = [path for path in runs.home.rglob("*") if path.is_file()]
    found = [(path, one) for path in kept for one in SECRETS if one.encode() in path.read_bytes()]
    assert found == []


def _wait_for_file(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)
