"""How executions are named on the command line: `NAME#7`, `@last`, lists, and parts of missions."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Inside, mission

KID = """
version: "1.0"
name: kid
steps:
  - {id: boom, name: boom, step_type: command, parameters: {command: "false"}}
"""
PARENT = """
version: "1.0"
name: parent
steps:
  - {id: a, name: a, step_type: noop}
  - {id: kid, name: kid, step_type: mission, depends_on: [a], parameters: {file: kid.yaml}}
"""
DEPLOY = """
version: "1.0"
name: deploy
config: {fail_fast: false}
steps:
  - {id: build, name: build, step_type: noop}
  - {id: one, name: one, step_type: command, parameters: {command: test, args: [-e, fixed]}}
  - {id: two, name: two, step_type: command, parameters: {command: test, args: [-e, fixed]}}
handlers: {on_cancel: [{id: tell, name: tell, step_type: noop}]}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in (("kid", KID), ("parent", PARENT), ("deploy", DEPLOY)):
        (folder / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(folder)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def run(inside: Inside, *arguments: str) -> dict[str, Any]:
    result: dict[str, Any] = inside("run", *arguments, "--json").json
    return result


def test_a_run_is_named_by_its_number_in_every_output(inside: Inside) -> None:
    result = run(inside, "deploy.yaml")
    assert (result["run_number"], result["reference"]) == (1, "deploy#1")
    ran = inside("run", "deploy.yaml")
    assert "deploy#2: 3 steps, 1 handler as " in ran.out
    assert "valid, 3 steps, 1 handler" in inside("validate", "deploy.yaml").out
    assert "more: mission show deploy#2 · mission logs deploy#2" in ran.err
    shown = inside("show", "deploy#1", "--json").json
    assert shown["execution_id"] == result["execution_id"]
    assert (shown["run_number"], shown["reference"]) == (1, "deploy#1")
    created = shown["audit_events"][0]
    assert (created["event_type"], created["details"]["run_number"]) == ("execution.created", 1)
    short = inside("ls").out.splitlines()[2].split()[1]
    for command in (["show", "deploy#1"], ["show", "deploy#1", "one"], ["why", "deploy#1"]):
        assert f"deploy#1 {short}" in inside(*command).out.replace("  ", " ")
    assert "mission logs deploy#1 one" in inside("show", "deploy#1").out
    assert [one["reference"] for one in inside("ls", "--json").json] == ["deploy#2", "deploy#1"]
    retried = mission(inside.home, "retry", "deploy#1", "--json").json
    assert retried["reference"] == "deploy#3"
    assert "retry of deploy#1 " in inside("show", "deploy#3").out
    ran = inside("show", "deploy#9")
    assert (ran.code, "its newest is deploy#3" in ran.err) == (4, True)


def test_last_means_a_run_that_somebody_started(inside: Inside) -> None:
    parent = run(inside, "parent.yaml")
    assert inside("show", "@last", "--json").json["execution_id"] == parent["execution_id"]
    assert inside("show", "@last-failed", "--json").json["mission_name"] == "parent"
    (one,) = inside("ls", "--json").json
    assert (one["mission_name"], one["child_counts"]) == ("parent", {"FAILED": 1})
    assert "ran 1" in inside("ls").out
    every = inside("ls", "--all", "--json").json
    assert [one["mission_name"] for one in every] == ["kid", "parent"]
    assert every[0]["parent_execution_id"] == parent["execution_id"]
    (kid,) = inside("ls", "--parent", "@last", "--json").json
    assert kid["reference"] == "kid#1"
    assert "of parent#1 " in inside("ls", "--all").out
    ran = inside("ls", "kid")
    assert (ran.code, ran.out) == (0, "")
    assert "--all lists them" in ran.err


def test_last_prefers_the_current_folder_and_says_so_when_it_matters(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = run(inside, "deploy.yaml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "other.yaml").write_text(DEPLOY.replace("name: deploy", "name: other"))
    assert inside("show", "@last").err == ""
    monkeypatch.chdir(elsewhere)
    other = run(inside, "other.yaml")
    ran = inside("show", "@last", "--json")
    assert (ran.json["execution_id"], ran.err) == (other["execution_id"], "")
    monkeypatch.chdir(tmp_path / "shop")
    ran = inside("show", "@last", "--json")
    assert ran.json["execution_id"] == here["execution_id"]
    assert "@last is deploy#1 " in ran.err
    assert "the newest of all missions is other#1 " in ran.err


def test_a_list_that_is_cut_says_of_how_many(inside: Inside) -> None:
    for _ in range(3):
        run(inside, "deploy.yaml", "--skip", "one", "--skip", "two")
    ran = inside("ls", "-n", "2")
    assert len(ran.out.splitlines()) == 3
    assert "2 of 3" in ran.err
    assert "of 3" not in inside("ls", "-n", "3").err


def test_a_part_of_a_mission_is_called_a_subset(inside: Inside) -> None:
    assert run(inside, "deploy.yaml")["coverage"] == "full"
    for options in (
        ["--only", "build"],
        ["--target", "one"],
        ["--skip", "two"],
        ["--resume-from", "two"],
    ):
        result = run(inside, "deploy.yaml", *options)
        assert result["coverage"] == "subset", options
    part = ("run", "deploy.yaml", "--target", "one", "--dry-run")
    fates = {one["task_id"]: one["fate"] for one in inside(*part, "--json").json["steps"]}
    assert fates == {"build": "leave_out", "one": "run", "two": "leave_out"}
    planned = inside(*part, "--keep-going", "--max-parallel", "2", "--break", "one").out
    assert (
        "3 steps in 1 layer, 2 of them left out, 1 handler, at most 2 at once, goes on after a"
        in planned
    )
    assert "pauses before it" in planned
    ran = inside("run", "deploy.yaml", "--only", "build")
    assert ran.code == 0
    assert "subset" in ran.err
    assert "subset" in inside("ls").out.splitlines()[1]
    assert "done subset" in inside("show", "@last").out


def test_a_retry_is_a_subset_exactly_when_it_leaves_out_what_did_not_succeed(
    inside: Inside, tmp_path: Path
) -> None:
    run(inside, "deploy.yaml")
    (tmp_path / "shop" / "fixed").touch()

    def retry(*arguments: str) -> dict[str, Any]:
        ran = mission(inside.home, "retry", *arguments, "--json", "--watch", timeout=30)
        result: dict[str, Any] = ran.json
        return result

    part = retry("deploy#1", "--step", "one")
    assert part["left_out"] == ["two"]
    found = inside("show", part["reference"], "--json").json
    assert (found["state"], found["coverage"]) == ("SUCCESS", "subset")
    rest = retry(part["reference"])
    assert (rest["run"], rest["reused"]) == (["two"], ["build", "one"])
    assert inside("show", rest["reference"], "--json").json["coverage"] == "full"
    assert inside("audit", "verify").code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["show", "deplyo#1"], ["show", "deploy#1", "buidl"], ["why", "deploy#1", "buidl"],
        ["logs", "deploy#1", "buidl"], ["ls", "deplyo"], ["ls", "--parent", "deplyo"],
        ["graph", "deplyo"], ["events", "deplyo"], ["watch", "deplyo"], ["cancel", "deplyo"],
        ["pause", "deplyo"], ["resume", "deplyo"], ["approve", "deplyo"], ["reject", "deplyo"],
        ["retry", "deploy#1", "--step", "buidl"], ["rerun", "deplyo"],
        ["explain", "confgi"], ["run", "deploy.yaml", "--only", "buidl"],
        ["run", "deploy.yaml", "--skip", "buidl"], ["run", "deploy.yaml", "--resume-from", "buidl"],
        ["run", "deplyo.yaml"], ["validate", "deplyo.yaml"], ["plan", "deplyo.yaml"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_name_that_matches_nothing_is_said_with_what_was_probably_meant(
    inside: Inside, command: list[str]
) -> None:
    run(inside, "deploy.yaml")
    ran = inside(*command)
    assert ran.code == 4, ran.err
    assert "did you mean" in ran.err.lower(), ran.err
    assert any(name in ran.err for name in ("deploy", "build", "config"))


@pytest.mark.slow
def test_eight_processes_launching_at_once_get_eight_numbers(inside: Inside) -> None:
    with ThreadPoolExecutor(8) as pool:

        def launch(_: int) -> int:
            ran = mission(inside.home, "run", "deploy.yaml", "--json")
            return int(ran.json["run_number"])

        assert sorted(pool.map(launch, range(8))) == list(range(1, 9))
    assert inside("audit", "verify").code == 0
