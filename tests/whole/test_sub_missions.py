"""Sub-missions and fan-outs: retried in part, taken up after a kill, refused as loops."""

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Inside, mission, start
from tests.support.waiting import wait_until

HEAD = 'version: "1.0"\nname: {name}\nsteps:\n'


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: Any, capfd: Any) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def a_file(folder: Path, name: str, *steps: str, head: str = HEAD) -> str:
    """Write a mission of these steps, flow mappings without their braces."""
    path = folder / f"{name}.yaml"
    lines = "".join(f"  - {{{step}}}\n" for step in steps)
    path.write_text(head.format(name=name) + lines, encoding="utf-8")
    return str(path)


def script(step: str, text: str, more: str = "") -> str:
    """Return a script step that first appends its name (and `$ITEM`) to the journal."""
    text = f"echo {step} $ITEM >> journal; {text}"
    return f"id: {step}, name: {step}, step_type: script, parameters: {{script: '{text}'}}{more}"


def ran(folder: Path) -> dict[str, int]:
    """Return how often each step wrote to the journal."""
    return dict(Counter((folder / "journal").read_text(encoding="utf-8").split("\n")[:-1]))


def tasks_of(inside: Inside, reference: str) -> dict[str, dict[str, Any]]:
    shown = inside("show", reference, "--json").json
    return {task["task_id"]: task for task in shown["task_runs"]}


def execution_of(inside: Inside, name: str) -> str:
    return str(inside("show", name, "--json").json["execution_id"])


FAN = ", foreach: [x, y, z], env: {ITEM: '{{ item }}'}"
ONCE = "test $ITEM != y || test -e mended"


def a_failed_fan(inside: Inside, folder: Path, text: str = ONCE) -> str:
    file = a_file(
        folder,
        "fan",
        script("a", text, FAN),
        "id: after, name: after, step_type: noop, depends_on: [a]",
        head=HEAD.replace("steps:", "config: {{fail_fast: false}}\nsteps:"),
    )
    assert inside("run", file).code == 1
    (folder / "mended").touch()
    return execution_of(inside, "fan")


def test_a_retry_runs_only_the_items_that_failed(inside: Inside, tmp_path: Path) -> None:
    failed = a_failed_fan(inside, tmp_path)
    plan = inside("retry", failed, "--dry-run", "--json").json
    assert plan["run"] == ["a", "after"]
    assert plan["items"] == {"a": {"run": ["a[1]"], "reused": ["a[0]", "a[2]"], "left_out": []}}
    assert inside("retry", "--watch", failed, "--reason", "mended").code == 0
    assert ran(tmp_path) == {"a x": 1, "a y": 2, "a z": 1}
    tasks = tasks_of(inside, "@last")
    assert [tasks[f"a[{n}]"]["reason_code"] for n in range(3)] == ["REUSED", "EXIT_ZERO", "REUSED"]
    assert tasks["a[1]"]["attempt"] == 2
    assert tasks["a[0]"]["reused_from"] == failed
    assert tasks["a"]["outputs"]["items"][0]["exit_code"] == 0
    assert inside("audit", "verify").code == 0


def test_one_item_is_retried_by_its_name(inside: Inside, tmp_path: Path) -> None:
    failed = a_failed_fan(inside, tmp_path, "test -e mended")
    near = inside("retry", "--watch", failed, "--step", "a[7]", "--reason", "r")
    assert near.code == 4
    assert "a[1]" in near.err
    assert inside("retry", "--watch", failed, "--step", "a[1]", "--reason", "r").code == 0
    assert ran(tmp_path) == {"a x": 1, "a y": 2, "a z": 1}
    tasks = tasks_of(inside, "@last")
    assert [tasks[f"a[{n}]"]["state"] for n in range(3)] == ["SKIPPED", "SUCCESS", "SKIPPED"]
    assert tasks["a"]["message"] == "3 items, 2 of them not selected for this run"
    assert tasks["after"]["reason_code"] == "NOT_SELECTED"
    assert inside("show", "@last", "--json").json["coverage"] == "subset"
    # what it left out has not succeeded: a retry of it runs that, and what is behind
    assert inside("retry", "--watch", "@last", "--reason", "the rest").code == 0
    assert ran(tmp_path) == {"a x": 2, "a y": 2, "a z": 2}
    whole = inside("show", "@last", "--json").json
    assert whole["coverage"] == "full"
    assert {task["state"] for task in whole["task_runs"]} == {"SUCCESS"}


def test_a_step_named_though_it_succeeded_runs_all_its_items(
    inside: Inside, tmp_path: Path
) -> None:
    file = a_file(
        tmp_path, "fan", script("a", ":", FAN), script("b", "exit 1", ", depends_on: [a]")
    )
    assert inside("run", file).code == 1
    assert inside("retry", "--watch", "fan", "--step", "a", "--reason", "r").code == 0
    assert ran(tmp_path) == {"a x": 2, "a y": 2, "a z": 2, "b": 1}


BOOM = 'test -e mended || { echo Traceback >&2; echo "ValueError: the real reason" >&2; exit 3; }'


def a_failed_parent(inside: Inside, folder: Path, *, more: str = "") -> str:
    a_file(
        folder,
        "child",
        script("pay", ":"),
        script("boom", BOOM.replace("'", "''"), ", depends_on: [pay]"),
    )
    file = a_file(
        folder,
        "parent",
        f"id: kid, name: kid, step_type: mission, parameters: {{file: child.yaml}}{more}",
    )
    assert inside("run", file).code == 1
    return execution_of(inside, "parent")


def test_a_retry_retries_the_sub_mission_and_not_what_it_paid(
    inside: Inside, tmp_path: Path
) -> None:
    failed = a_failed_parent(inside, tmp_path)
    first = execution_of(inside, "child")
    (tmp_path / "mended").touch()
    assert inside("retry", "--watch", failed, "--reason", "mended").code == 0
    assert ran(tmp_path) == {"pay": 1, "boom": 2}
    child = inside("show", "child", "--json").json
    assert child["retry_of"] == first
    assert child["parent_execution_id"] == execution_of(inside, "parent")
    assert (child["parent_task_id"], child["parent_attempt"]) == ("kid", 2)
    assert {t["task_id"]: t["attempt"] for t in child["task_runs"]} == {"pay": 0, "boom": 2}
    assert inside("audit", "verify").code == 0


def test_a_second_retry_finds_the_sub_mission_behind_the_first(
    inside: Inside, tmp_path: Path
) -> None:
    failed = a_failed_parent(inside, tmp_path, more=", foreach: [1, 2]")
    assert inside("retry", "--watch", failed, "--reason", "again").code == 1
    (tmp_path / "mended").touch()
    assert inside("retry", "--watch", "parent", "--reason", "mended").code == 0
    assert ran(tmp_path)["pay"] == 2
    tasks = tasks_of(inside, "parent")
    assert {tasks[f"kid[{n}]"]["attempt"] for n in range(2)} == {3}


def test_a_retry_policy_retries_the_sub_mission_too(inside: Inside, tmp_path: Path) -> None:
    policy = ", retry: {max_attempts: 2, initial_interval: 0}"
    a_failed_parent(inside, tmp_path, more=policy)
    assert ran(tmp_path) == {"pay": 1, "boom": 2}


def test_a_sub_mission_with_other_parameters_is_made_afresh(inside: Inside, tmp_path: Path) -> None:
    head = HEAD.replace("steps:", "params: {{n: {{default: none}}}}\nsteps:")
    boom = script("boom", "exit 1", ", depends_on: [pay]")
    a_file(tmp_path, "child", script("pay", ":"), boom, head=head)
    file = a_file(
        tmp_path,
        "parent",
        "id: n, name: n, step_type: command, parameters: {command: date, args: [+%N]}",
        "id: kid, name: kid, step_type: mission, depends_on: [n], parameters: "
        "{file: child.yaml, params: {n: '{{ steps.n.output.stdout }}'}}",
    )
    assert inside("run", file).code == 1
    args = ("--step", "n", "--downstream", "--reason", "r")
    assert inside("retry", "--watch", "parent", *args).code == 1
    assert ran(tmp_path)["pay"] == 2
    assert inside("show", "child", "--json").json["retry_of"] is None


def test_the_failure_of_a_sub_mission_is_told_down_to_the_line(
    inside: Inside, tmp_path: Path
) -> None:
    a_failed_parent(inside, tmp_path)
    file = a_file(
        tmp_path, "top", "id: mid, name: m, step_type: mission, parameters: {file: parent.yaml}"
    )
    ended = inside("run", file)
    assert ended.code == 1
    assert "mission logs top#1 --children" in ended.err
    reason = "`boom`: exit 3: ValueError: the real reason"
    shown = inside("show", "top", "--json").json
    assert shown["message"] == f"`mid` › `kid` › {reason}"
    assert shown["task_runs"][0]["message"] == f"`kid` › {reason}"
    assert "mid --children" in inside("show", "top").out
    for command in (("show", "top"), ("why", "top"), ("why", "top", "mid")):
        assert f"`kid` › {reason}" in inside(*command).out


def test_a_sub_mission_that_is_not_valid_says_where(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: '1.0'\nname: bad\nsteps: 7\n")
    file = a_file(tmp_path, "p", "id: k, name: k, step_type: mission, parameters: {file: bad.yaml}")
    assert inside("run", file).code == 1
    assert "bad.yaml:3:8: " in tasks_of(inside, "p")["k"]["message"]


# --- loops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", [("a", "a"), ("a", "b", "a"), ("a", "b", "c", "b")])
def test_a_mission_that_runs_itself_is_refused(
    inside: Inside, tmp_path: Path, chain: tuple[str, ...]
) -> None:
    for name, below in pairwise(chain):
        step = "id: s, name: s, step_type: mission, foreach: [1, 2], parameters"
        a_file(tmp_path, name, f"{step}: {{file: {below}.yaml}}")
    assert inside("run", str(tmp_path / "a.yaml")).code == 1
    assert "runs itself" in inside("show", "a").out
    with closing(sqlite3.connect(inside.home / "missions.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM execution").fetchone()
    assert count <= 1 + 2 + 4


def test_a_link_or_a_copy_beside_it_is_the_same_mission(inside: Inside, tmp_path: Path) -> None:
    for other in ("link", "copy"):
        file = a_file(
            tmp_path,
            other + "er",
            f"id: s, name: s, step_type: mission, parameters: {{file: {other}.yaml}}",
        )
        if other == "link":
            (tmp_path / "link.yaml").symlink_to(file)
        else:
            (tmp_path / "copy.yaml").write_bytes(Path(file).read_bytes())
        assert inside("run", file).code == 1
        assert "runs itself" in inside("show", other + "er").out


def test_the_executions_under_one_are_capped(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runner.execution_tree.MAX_EXECUTIONS", 3)
    a_file(tmp_path, "c", "id: n, name: n, step_type: noop")
    step = "id: s, name: s, step_type: mission, foreach: [1, 2, 3, 4], parameters: {file: c.yaml}"
    head = HEAD.replace("steps:", "config: {{fail_fast: false}}\nsteps:")
    file = a_file(tmp_path, "p", step, head=head)
    assert inside("run", file).code == 1
    tasks = tasks_of(inside, "p")
    assert sorted(tasks[f"s[{n}]"]["state"] for n in range(4)) == ["FAILED"] * 2 + ["SUCCESS"] * 2
    assert "more than 3 executions" in inside("show", "p").out


# --- a killed runner ---------------------------------------------------------------------------

HOLD = "echo $$ >> pids; test -e free || exec sleep 60"


def kill_runner(home: Path, folder: Path) -> None:
    """Kill the runner with SIGKILL, and the processes it leaves behind."""
    database = sqlite3.connect(home / "missions.db")
    (pid,) = database.execute("SELECT pid FROM lease WHERE owner IS NOT NULL LIMIT 1").fetchone()
    database.close()
    os.kill(pid, signal.SIGKILL)
    for left in (folder / "pids").read_text().split():
        os.kill(int(left), signal.SIGKILL)


def test_a_parent_takes_up_the_sub_missions_its_lost_runner_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    a_file(tmp_path, "grand", script("pay", ":"), script("slow", HOLD, ", depends_on: [pay]"))
    a_file(
        tmp_path,
        "child",
        script("one", ":"),
        "id: g, name: g, step_type: mission, depends_on: [one], parameters: {file: grand.yaml}",
    )
    file = a_file(
        tmp_path,
        "parent",
        script("first", ":"),
        "id: kids, name: k, step_type: mission, depends_on: [first], foreach: [a, b], "
        "parameters: {file: child.yaml}",
        script("last", ":", ", depends_on: [kids]"),
    )
    runner = start(home, "run", file, cwd=tmp_path)
    pids = tmp_path / "pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) >= 2, "both items run")
    kill_runner(home, tmp_path)
    runner.communicate(timeout=30)
    (tmp_path / "free").touch()

    child = mission(home, "resume", "grand")
    parent = mission(home, "show", "parent", "--json").json["execution_id"]
    assert child.code == 7
    assert "mission resume parent#1" in child.err
    assert "mission resume parent#1" in mission(home, "why", "grand").out
    assert "4 sub-missions" in child.err
    assert mission(home, "resume", "parent").code == 0
    assert mission(home, "watch", parent, timeout=60).code == 0

    assert ran(tmp_path) == {
        "first": 1, "one": 2, "pay": 2, "slow": 4, "last": 1
    }  # fmt: skip
    database = sqlite3.connect(home / "missions.db")
    states = database.execute("SELECT mission_name, state FROM execution ORDER BY 1").fetchall()
    database.close()
    assert states == [(name, "SUCCESS") for name in ("child", "child", "grand", "grand", "parent")]
    assert mission(home, "audit", "verify").code == 0


def a_lost_parent(home: Path, folder: Path, more: str = "") -> None:
    """Run a mission with a sub-mission, and kill its runner while the sub-mission's step runs."""
    a_file(folder, "child", script("slow", HOLD, more))
    file = a_file(
        folder, "parent", "id: k, name: k, step_type: mission, parameters: {file: child.yaml}"
    )
    runner = start(home, "run", file, cwd=folder)
    wait_until((folder / "pids").exists, "the step of the sub-mission runs")
    kill_runner(home, folder)
    runner.communicate(timeout=30)


def state_of(home: Path, name: str) -> str:
    return str(mission(home, "show", name, "--json").json["state"])


def test_a_lost_sub_mission_ends_with_its_cancelled_parent(tmp_path: Path) -> None:
    home = tmp_path / "home"
    a_lost_parent(home, tmp_path)
    assert mission(home, "cancel", "parent", "--wait").code == 0
    assert (state_of(home, "parent"), state_of(home, "child")) == ("CANCELLED", "CANCELLED")
    assert ran(tmp_path) == {"slow": 1}


def test_a_lost_sub_mission_that_a_person_cancelled_ends_its_step(tmp_path: Path) -> None:
    home = tmp_path / "home"
    a_lost_parent(home, tmp_path)
    assert mission(home, "cancel", "child", "--wait").code == 0
    assert mission(home, "resume", "parent").code == 0
    assert mission(home, "watch", "parent", timeout=60).code == 1
    shown = mission(home, "show", "parent", "--json").json
    assert "child ended CANCELLED" in shown["message"]
    assert ran(tmp_path) == {"slow": 1}


def test_a_lost_attempt_in_a_sub_mission_needs_a_consent(tmp_path: Path) -> None:
    home = tmp_path / "home"
    a_lost_parent(home, tmp_path, ", idempotent: false")
    (tmp_path / "free").touch()
    refused = mission(home, "resume", "parent")
    assert refused.code == 7
    assert "k › slow" in refused.err
    assert mission(home, "resume", "--assume-lost=retry", "parent").code == 0
    assert mission(home, "watch", "parent", timeout=60).code == 0
    assert ran(tmp_path) == {"slow": 2}


# --- which item, and what a sub-mission wrote ----------------------------------------------------

MATRIX = ", matrix: {py: ['3.9', '3.10'], os: [mac]}, env: {PY: '{{ item.py }}'}"
WHICH = "t[1] py=3.10 os=mac"


def test_an_item_says_which_one_it_is_wherever_it_is_named(inside: Inside, tmp_path: Path) -> None:
    step = script("t", "test $PY != 3.10 || { echo no 3.10 >&2; exit 3; }", MATRIX)
    lines = inside("run", a_file(tmp_path, "m", step)).out
    assert f"{WHICH}  attempt 1" in lines
    assert f"{WHICH}  exit 3: no 3.10  EXIT_NONZERO" in lines
    for command in (("show", "m"), ("show", "m", "t[1]"), ("logs", "m"), ("watch", "m", "--plain")):
        assert WHICH in inside(*command).out, command
    assert "`t[1]` py=3.10 os=mac failed" in inside("why", "m", "t").out
    assert WHICH in inside("why", "m", "t[1]").out
    shown = inside("show", "m", "--json").json
    assert shown["message"].startswith("`t[1]` py=3.10 os=mac: exit 3: no 3.10")
    combination = {"py": "3.10", "os": "mac"}
    assert [task["item"] for task in shown["task_runs"]][1:] == [
        {"py": "3.9", "os": "mac"},
        combination,
    ]
    assert [task["parent_task_id"] for task in shown["task_runs"]] == [None, "t", "t"]
    events = [one for one in inside("events", "m").ndjson if one.get("task_id") == "t[1]"]
    assert {str(one["item"]) for one in events} == {str(combination)}
    (line,) = inside("logs", "m", "t[1]", "--json").ndjson
    assert line["item"] == combination


def test_logs_take_the_sub_missions_in(inside: Inside, tmp_path: Path) -> None:
    a_failed_parent(inside, tmp_path, more=", foreach: [x y]")
    alone = inside("logs", "parent").out
    assert "the real reason" not in alone
    told = inside("logs", "parent", "--children").out.splitlines()
    front = 'kid[0] "x y" › boom#1 err │ '
    assert [line for line in told if line.startswith(front)] == [
        f"{front}Traceback",
        f"{front}ValueError: the real reason",
    ]
    of_step = inside("logs", "parent", "kid", "--children", "--stream", "err", "--tail", "1")
    assert of_step.out == f"{front}ValueError: the real reason\n"
    assert inside("logs", "parent", "--children", "--follow").out.splitlines() == told
    (entry,) = inside("logs", "parent", "--children", "--search", "real", "--json").ndjson
    assert (entry["above"], entry["task_id"]) == (['kid[0] "x y"'], "boom")
