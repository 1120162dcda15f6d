"""`mission run` as a process: exit codes, signals, crashes, detaching, one database for many."""

import os
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission, start

SLOW = """
version: "1.0"
name: slow
config: {parallel_limit: 2}
steps:
  - {id: first, name: first, step_type: command, parameters: {command: echo, args: [one]}}
  - {id: long, name: long, step_type: command, depends_on: [first],
     parameters: {command: sh, args: ["-c", "echo begun; exec sleep 60"]}}
  - {id: last, name: last, step_type: command, depends_on: [long],
     parameters: {command: echo, args: [two]}}
"""
QUICK = """
version: "1.0"
name: quick
params: {word: {type: choice, choices: [yes, no], default: "yes"}}
steps:
  - {id: say, name: say, step_type: command,
     parameters: {command: echo, args: ["{{ params.word }}"]}}
"""
FAILING = """
version: "1.0"
name: failing
steps:
  - {id: bad, name: bad, step_type: command,
     parameters: {command: sh, args: ["-c", "echo why >&2; exit 7"]}}
  - {id: never, name: never, step_type: noop, depends_on: [bad]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def a_file(folder: Path, text: str, name: str = "m.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def wait_until_running(
    home: Path, step: str, *, seconds: float = 90, state: str = "RUNNING"
) -> str:
    """Wait until a step of the newest execution runs; return the execution's id."""
    end = time.monotonic() + seconds
    shown = None
    while time.monotonic() < end:
        shown = mission(home, "show", "@last", "--json")
        if shown.code == 0:
            found = shown.json
            if any(t["task_id"] == step and t["state"] == state for t in found["task_runs"]):
                return str(found["execution_id"])
    raise AssertionError(f"{step} was never {state}; seen last: {shown}")


def processes_of(execution_id: str) -> list[int]:
    """Return the pids whose environment names the execution."""
    wanted = f"MISSION_EXECUTION_ID={execution_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_success_is_exit_0_with_one_line_for_each_state_change(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "run", a_file(tmp_path, QUICK))
    assert ran.code == 0, ran.err
    assert [line.split()[2] for line in ran.out.splitlines()] == [
        "pending", "running", "running", "done", "done",
    ]  # fmt: skip
    assert "audit head" in ran.err


def test_what_a_sub_mission_does_is_said_under_its_step(home: Path, tmp_path: Path) -> None:
    def a_level(name: str, step: str) -> None:
        (tmp_path / f"{name}.yaml").write_text(
            f'version: "1.0"\nname: {name}\nsteps: [{{{step}}}]\n', encoding="utf-8"
        )

    a_level("top", "id: outer, step_type: mission, parameters: {file: middle.yaml}")
    a_level("middle", "id: inner, step_type: mission, parameters: {file: bottom.yaml}")
    a_level("bottom", "id: work, step_type: noop")
    ran = mission(home, "run", str(tmp_path / "top.yaml"))
    assert ran.code == 0, ran.err
    said = [line.split("  ", 1)[1] for line in ran.out.splitlines()]
    assert [line for line in said if "attempt" in line] == [
        "▶ running    outer  attempt 1",
        "▶ running    outer › inner  attempt 1",
        "▶ running    outer › inner › work  attempt 1",
    ]
    done = [line for line in said if line.startswith("✓")]
    assert done[:2] == [
        "✓ done       outer › inner › work",
        "✓ done       outer › inner ›",
    ]
    assert done[-1] == "✓ done"


def test_a_failed_execution_is_exit_1_and_says_why(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "run", a_file(tmp_path, FAILING))
    assert ran.code == 1
    assert "EXIT_NONZERO" in ran.err + ran.out
    shown = mission(home, "show", "@last")
    assert "why" in shown.out


def test_parameters_are_checked_before_anything_is_created(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "run", a_file(tmp_path, QUICK), "-p", "word=maybe", "-p", "x=1")
    assert ran.code == 2
    assert "maybe" in ran.err
    assert "`x`" in ran.err
    assert mission(home, "ls", "--json").json == []


def test_an_invalid_mission_is_exit_3_and_a_missing_file_4(home: Path, tmp_path: Path) -> None:
    bad = mission(home, "run", a_file(tmp_path, "version: '1.0'\nname: x\nsteps: []\n"))
    assert bad.code == 3
    assert "m.yaml:3" in bad.err
    assert mission(home, "run", str(tmp_path / "nowhere.yaml")).code == 4


def test_a_mission_can_come_from_standard_input(home: Path) -> None:
    ran = mission(home, "run", "-", "--json", input=QUICK)
    assert ran.code == 0, ran.err
    assert ran.json["overall_status"] == "Success"
    assert ran.json["audit_summary"]["integrity_verified"] is True


def test_a_dry_run_does_nothing(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "run", a_file(tmp_path, QUICK), "--dry-run")
    assert ran.code == 0, ran.err
    assert "say" in ran.out
    assert not (home / "missions.db").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_stops_gracefully_and_says_what_the_next_does(
    home: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    running = start(home, "run", a_file(tmp_path, SLOW))
    execution_id = wait_until_running(home, "long")
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert b"Once more kills" in err
    found = mission(home, "show", execution_id, "--json").json
    states = {t["task_id"]: (t["state"], t["reason_code"]) for t in found["task_runs"]}
    assert found["state"] == "CANCELLED"
    assert states["long"] == ("CANCELLED", "USER_CANCELLED")
    assert states["last"] == ("SKIPPED", "USER_CANCELLED")
    assert processes_of(execution_id) == []


def test_a_second_ctrl_c_kills_what_ignores_the_first(home: Path, tmp_path: Path) -> None:
    stubborn = SLOW.replace("echo begun; exec sleep 60", "trap '' TERM; echo begun; sleep 60; :")
    running = start(home, "run", a_file(tmp_path, stubborn))
    execution_id = wait_until_running(home, "long")
    running.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert b"killing" in err
    assert running.returncode == 130
    assert time.monotonic() - began < 4.5  # the grace it did not wait for is five seconds
    assert processes_of(execution_id) == []


def test_losing_the_terminal_cancels_nothing(home: Path, tmp_path: Path) -> None:
    text = SLOW.replace("exec sleep 60", "sleep 1")
    running = start(home, "run", a_file(tmp_path, text))
    assert running.stdout is not None
    while b"long" not in (said := running.stdout.readline()):  # at once: it runs for a second
        assert said, "it ended without running it"
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=30)
    assert running.returncode == 0


def test_kill_9_loses_nothing_and_resume_finishes_without_repeating(
    home: Path, tmp_path: Path
) -> None:
    counted = SLOW.replace("args: [one]", 'args: ["one"]').replace(
        'parameters: {command: echo, args: ["one"]}',
        "parameters: {command: sh, args: ['-c', 'echo x >> ran']}",
    )
    file = a_file(tmp_path, counted.replace("exec sleep 60", "test -e again || exec sleep 60"))
    running = start(home, "run", file)
    execution_id = wait_until_running(home, "long")
    running.kill()
    running.communicate(timeout=30)
    noticed = mission(home, "ls", "--json").json
    assert [(e["state"], e["reason_code"]) for e in noticed] == [("PAUSED", "RUNNER_LOST")]
    (tmp_path / "again").touch()
    assert mission(home, "resume", execution_id).code == 0
    assert mission(home, "watch", execution_id, "--timeout", "30").code == 0
    found = mission(home, "show", execution_id, "--json").json
    tries = {t["task_id"]: [a["state"] for a in t["attempts"]] for t in found["task_runs"]}
    assert tries == {"first": ["SUCCESS"], "long": ["LOST", "SUCCESS"], "last": ["SUCCESS"]}
    assert (tmp_path / "ran").read_text() == "x\n"
    assert mission(home, "audit", "verify").code == 0
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)  # the sleep that outlived its killed runner


def test_a_lost_attempt_that_must_not_be_repeated_stops_and_asks(
    home: Path, tmp_path: Path
) -> None:
    text = SLOW.replace("{id: long,", "{id: long, idempotent: false,")
    running = start(home, "run", a_file(tmp_path, text))
    execution_id = wait_until_running(home, "long")
    running.kill()
    running.communicate(timeout=30)
    refused = mission(home, "resume", execution_id)
    assert refused.code == 7
    assert "--assume-lost=retry" in refused.err
    assert mission(home, "resume", execution_id, "--assume-lost=retry").code == 0
    assert mission(home, "cancel", execution_id, "--wait").code == 0
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)


def test_lost_attempts_that_count_as_failed_are_not_repeated(home: Path, tmp_path: Path) -> None:
    handlers = """
handlers:
  on_failure:
    - {id: tell, step_type: log, parameters: {message: it failed}}
"""
    text = SLOW.replace("{id: long,", "{id: long, retry: {max_attempts: 3}, ") + handlers
    running = start(home, "run", a_file(tmp_path, text))
    execution_id = wait_until_running(home, "long")
    running.kill()
    running.communicate(timeout=30)
    assert mission(home, "resume", execution_id, "--assume-lost=fail").code == 0
    assert mission(home, "watch", execution_id, "--timeout", "30").code == 1
    found = mission(home, "show", execution_id, "--json").json
    assert found["state"] == "FAILED"
    states = {t["task_id"]: (t["state"], t["reason_code"]) for t in found["task_runs"]}
    assert states["first"][0] == "SUCCESS"
    assert states["long"] == ("FAILED", "RUNNER_LOST")
    assert states["last"][0] == "SKIPPED"
    assert states["tell"][0] == "SUCCESS"
    tries = {t["task_id"]: [a["state"] for a in t["attempts"]] for t in found["task_runs"]}
    assert tries["long"] == ["LOST"]
    assert mission(home, "audit", "verify").code == 0
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)  # the sleep that outlived its killed runner


def test_a_backoff_outlives_its_runner(home: Path, tmp_path: Path) -> None:
    text = """
version: "1.0"
name: patient
steps:
  - id: shaky
    name: shaky
    step_type: command
    retry: {max_attempts: 2, initial_interval: 4s, jitter: 0}
    parameters: {command: sh, args: ["-c", "test -e tried || { touch tried; exit 75; }"]}
"""
    running = start(home, "run", a_file(tmp_path, text))
    assert running.stdout is not None
    said = b""
    while b"retrying" not in said:  # at once: the backoff does not wait for a busy machine
        said = running.stdout.readline()
        assert said, "it ended without trying again"
    running.kill()
    running.communicate(timeout=30)
    execution_id = mission(home, "show", "@last", "--json").json["execution_id"]
    assert mission(home, "resume", execution_id).code == 0
    assert mission(home, "watch", execution_id, "--timeout", "30").code == 0
    first, second = mission(home, "show", execution_id, "--json").json["task_runs"][0]["attempts"]
    pause = datetime.fromisoformat(second["started_at"]) - datetime.fromisoformat(first["ended_at"])
    assert pause.total_seconds() >= 4


def test_an_execution_without_a_runner_can_be_cancelled(home: Path, tmp_path: Path) -> None:
    text = SLOW.replace("{id: long,", "{id: long, idempotent: false,")
    running = start(home, "run", a_file(tmp_path, text))
    execution_id = wait_until_running(home, "long")
    running.kill()
    running.communicate(timeout=30)
    cancelled = mission(home, "cancel", execution_id, "--wait")
    assert cancelled.code == 0, cancelled.err
    found = mission(home, "show", execution_id, "--json").json
    assert found["state"] == "CANCELLED"
    assert [len(t["attempts"]) for t in found["task_runs"]] == [1, 1, 0]
    for pid in processes_of(execution_id):
        os.kill(pid, signal.SIGKILL)


def test_a_detached_run_outlives_its_launcher(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "run", "--detach", a_file(tmp_path, SLOW.replace("sleep 60", "sleep 1")))
    assert ran.code == 0, ran.err
    execution_id = ran.out.strip()
    assert mission(home, "watch", execution_id, "--timeout", "30").code == 0
    assert mission(home, "resume", execution_id).code == 7


def test_a_run_key_starts_an_execution_once(home: Path, tmp_path: Path) -> None:
    file = a_file(tmp_path, QUICK)
    first = mission(home, "run", file, "--run-id", "nightly-1", "--json").json["execution_id"]
    again = mission(home, "run", file, "--run-id", "nightly-1", "--json")
    assert (again.code, again.json["execution_id"]) == (0, first)
    assert len(mission(home, "ls", "--json").json) == 1


def test_several_runs_share_one_database(home: Path, tmp_path: Path) -> None:
    mission(home, "run", a_file(tmp_path, QUICK))
    wide = "version: '1.0'\nname: wide\nsteps:\n" + "".join(
        f"  - {{id: s{n}, name: s{n}, step_type: command, parameters: {{command: 'true'}}}}\n"
        for n in range(30)
    )
    file = a_file(tmp_path, wide, "wide.yaml")
    runs = [
        subprocess.Popen(
            [SCRIPT, "run", file],
            env=environment(home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for run in runs:
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
    assert mission(home, "audit", "verify").code == 0
    states = [e["counts"] for e in mission(home, "ls", "wide", "--json").json]
    assert states == [{"SUCCESS": 30}] * 4


def test_missing_working_directories_are_made_and_templates_in_env_resolved(
    home: Path, tmp_path: Path
) -> None:
    text = """
version: "1.0"
name: places
params: {who: {type: string, default: bob}}
env: {WHO: "{{ params.who }}"}
config: {working_dir: work/here}
steps:
  - {id: say, name: say, step_type: command,
     parameters: {command: sh, args: ["-c", "echo $WHO; pwd"]}}
"""
    ran = mission(home, "run", a_file(tmp_path, text), "--json")
    assert ran.code == 0, ran.err
    out = ran.json["step_results"]["say"]["output"]["stdout"].splitlines()
    assert out == ["bob", str(tmp_path / "work" / "here")]
