"""Every sample mission as a user runs it: the console script, in a copy of the samples folder."""

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from core.mission_file.load import load_mission
from tests.support.cli import Inside, Ran, mission, start

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_missions"
SUCCEED = {
    "hello": 4,
    "release-archive": 12,
    "csv-pipeline": 9,
    "matrix-build": 6,
    "flaky-service": 8,
    "sub-missions": 5,
    "machine-report": 7,
}
"""Samples that run as they are and succeed, with the number of their steps."""
OTHERS = {"approval-gate", "rollback", "site-check", "night-watch"}
"""Samples that need an answer, a parameter or patience, or fail on purpose."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "samples"
    copy.mkdir()
    for path in SAMPLES.glob("*.yaml"):
        shutil.copy(path, copy)
    return copy


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def look(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Inside:
    """The commands that only look: within this process, which saves their start-up."""
    return Inside(home, monkeypatch, capfd)


def run(home: Path, folder: Path, name: str, *arguments: str, code: int = 0) -> Any:
    """Run a sample to its end and return its result object."""
    ran = mission(home, "run", f"{name}.yaml", "--json", *arguments, cwd=folder, timeout=300)
    assert ran.code == code, ran.out + ran.err
    return ran.json


def show(look: Inside, *arguments: str) -> Any:
    ran = look("show", *arguments, "--json")
    assert ran.code == 0, ran.err
    return ran.json


def states(shown: Any) -> dict[str, tuple[str, str]]:
    return {task["task_id"]: (task["state"], task["reason_code"]) for task in shown["task_runs"]}


def assert_intact(look: Inside) -> None:
    ran = look("audit", "verify", "--deep", "--json")
    assert (ran.code, ran.json["verdict"]) == (0, "INTACT")


def assert_confined(folder: Path, name: str) -> None:
    """Nothing was written but below the sample's own working directory."""
    made = {path.name for path in folder.iterdir() if path.suffix != ".yaml"}
    assert made <= {"work"}
    if made:
        assert {path.name for path in (folder / "work").iterdir()} <= {name, "site-check"}


def test_every_sample_has_a_test() -> None:
    assert {path.stem for path in SAMPLES.glob("*.yaml")} == set(SUCCEED) | OTHERS


def test_every_sample_is_valid_without_a_warning(look: Inside) -> None:
    ran = look("validate", *map(str, sorted(SAMPLES.glob("*.yaml"))), "--json")
    assert ran.code == 0, ran.out
    for one in ran.json:
        assert one["valid"]
        assert one["diagnostics"] == []


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_introduces_itself(path: Path) -> None:
    loaded = load_mission(path).mission
    assert loaded is not None
    assert loaded.description
    assert len(loaded.description) <= 100
    assert loaded.config.timeout_seconds is not None
    lines = path.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 100
    if path.stem != "hello":
        assert loaded.config.working_dir == f"work/{path.stem}"
        assert lines[0].startswith("# ")
        assert f"mission run sample_missions/{path.name}" in "\n".join(lines)


@pytest.mark.parametrize("name", sorted(SUCCEED))
def test_the_sample_succeeds_and_what_ran_can_be_proved(
    home: Path, folder: Path, name: str, look: Inside
) -> None:
    result = run(home, folder, name)
    assert (result["overall_status"], result["state"]) == ("Success", "SUCCESS")
    assert result["steps_completed"] == SUCCEED[name]
    assert (result["steps_failed"], result["steps_skipped"]) == (0, 0)
    assert_confined(folder, name)
    assert_intact(look)


def test_a_sample_runs_again_over_what_the_last_run_left(home: Path, folder: Path) -> None:
    for name in ("release-archive", "flaky-service"):
        assert run(home, folder, name)["state"] == "SUCCESS"
        assert run(home, folder, name)["state"] == "SUCCESS"


def test_the_release_is_packed_under_its_version_with_its_digest(home: Path, folder: Path) -> None:
    result = run(home, folder, "release-archive", "-p", "version=2.10.0")
    dist = folder / "work/release-archive/dist"
    digest = result["step_results"]["digest"]["output"]["checksum"]
    assert (dist / "SHA256SUMS").read_text() == f"{digest}  greeter-2.10.0.tar.gz\n"
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=dist, capture_output=True)
    assert checked.returncode == 0
    ran = mission(home, "run", "release-archive.yaml", "-p", "version=two", cwd=folder)
    assert ran.code == 2
    assert "version" in ran.err


def test_the_pipeline_reports_one_region(home: Path, folder: Path) -> None:
    run(home, folder, "csv-pipeline", "-p", "region=south")
    report = (folder / "work/csv-pipeline/report.txt").read_text()
    assert report.splitlines() == [
        "Region: south",
        "Orders: 2 of 5",
        "chair: 356",
        "lamp: 118.5",
        "Total: 474.5",
    ]


def test_the_matrix_fans_out_two_at_a_time_and_in_again(
    home: Path, folder: Path, look: Inside
) -> None:
    run(home, folder, "matrix-build")
    shown = show(look, "@last")
    builds = [task for task in shown["task_runs"] if task["task_id"].startswith("build[")]
    assert [task["task_id"] for task in builds] == [f"build[{index}]" for index in range(6)]
    assert peak([task["attempts"][0] for task in builds]) <= 2
    listed = (folder / "work/matrix-build/variants.txt").read_text().splitlines()
    assert len(set(listed)) == 6
    assert "built for windows release" in listed


def peak(attempts: list[Any]) -> int:
    """Return how many attempts ran at once at most; an end counts before a start of its instant."""
    moves = [(one["started_at"], 1) for one in attempts] + [
        (one["ended_at"], -1) for one in attempts
    ]
    running = most = 0
    for _, change in sorted(moves):
        running += change
        most = max(most, running)
    return most


def test_the_flaky_service_is_asked_three_times(home: Path, folder: Path, look: Inside) -> None:
    run(home, folder, "flaky-service")
    shown = {task["task_id"]: task for task in show(look, "@last")["task_runs"]}
    for name in ("fetch", "flaky_tool"):
        attempts = shown[name]["attempts"]
        assert [one["attempt"] for one in attempts] == [1, 2, 3]
        assert [one["state"] for one in attempts] == ["FAILED", "FAILED", "SUCCESS"]
    assert [one["exit_code"] for one in shown["flaky_tool"]["attempts"]] == [75, 75, 0]
    assert "503" in shown["fetch"]["attempts"][0]["error"]["message"]
    log = look("logs", "@last", "service").out
    assert log.count("GET /temperature") == 3


def test_the_failing_deployment_is_rolled_back_and_tidied_up(
    home: Path, folder: Path, look: Inside
) -> None:
    result = run(home, folder, "rollback", code=1)
    assert (result["overall_status"], result["state"]) == ("Failed", "FAILED")
    seen = states(show(look, "@last"))
    assert seen["health"] == ("FAILED", "RETRIES_EXHAUSTED")
    assert seen["report"] == ("SKIPPED", "FAIL_FAST")
    assert seen["roll_back"][0] == seen["tell_operator"][0] == seen["unlock"][0] == "SUCCESS"
    assert seen["announce"] == seen["note_cancel"] == ("SKIPPED", "HANDLER_NOT_NEEDED")
    work = folder / "work/rollback"
    assert (work / "live/version.txt").read_text() == "1"
    assert not (work / "deploy.lock").exists()
    assert "rolled back - exit code 1" in look("logs", "@last", "tell_operator").out
    assert_confined(folder, "rollback")
    assert_intact(look)


def test_the_healthy_deployment_stays(home: Path, folder: Path, look: Inside) -> None:
    result = run(home, folder, "rollback", "-p", "healthy=true")
    assert result["state"] == "SUCCESS"
    seen = states(show(look, "@last"))
    assert seen["announce"][0] == seen["unlock"][0] == "SUCCESS"
    assert seen["roll_back"] == ("SKIPPED", "HANDLER_NOT_NEEDED")
    assert (folder / "work/rollback/live/version.txt").read_text() == "2"


def wait_until_asked(look: Inside) -> str:
    """Return the execution that waits at the gate."""
    for _ in range(300):
        ran = look("show", "@last", "gate", "--json")
        if ran.code == 0 and "AWAITING_APPROVAL" in ran.out:
            return str(ran.json["execution_id"])
        time.sleep(0.1)
    raise AssertionError("the gate never waited")


def answered(look: Inside, folder: Path, verb: str, comment: str) -> tuple[Ran, Any]:
    """Run the gate; answer from a second process; return what the answer said and the result."""
    with start(look.home, "run", "approval-gate.yaml", "--json", cwd=folder) as runner:
        execution = wait_until_asked(look)
        answer = mission(look.home, verb, execution, "gate", "--comment", comment)
        runner.communicate(timeout=60)
    return answer, look("show", execution, "--json", "--result").json


def test_the_gate_opens_when_a_second_process_approves(folder: Path, look: Inside) -> None:
    answer, result = answered(look, folder, "approve", "numbers checked")
    assert answer.code == 0, answer.err
    assert result["state"] == "SUCCESS"
    gate = result["step_results"]["gate"]
    assert (gate["reason_code"], gate["output"]["comment"]) == ("APPROVED", "numbers checked")
    work = folder / "work/approval-gate"
    assert (work / "in-force.txt").exists()
    assert "numbers checked" in (work / "approval.txt").read_text()
    assert_intact(look)


def test_a_rejection_withdraws_the_change(folder: Path, look: Inside) -> None:
    answer, result = answered(look, folder, "reject", "not on a Friday")
    assert answer.code == 0, answer.err
    assert result["state"] == "FAILED"
    assert result["step_results"]["gate"]["reason_code"] == "REJECTED"
    assert "not on a Friday" in result["step_results"]["gate"]["error"]
    assert result["step_results"]["withdraw"]["status"] == "Completed"
    work = folder / "work/approval-gate"
    assert not (work / "in-force.txt").exists()
    assert not (work / "change.txt").exists()


def test_nobody_at_the_gate_ends_in_a_timeout(home: Path, folder: Path) -> None:
    result = run(home, folder, "approval-gate", "-p", "patience=300ms", code=1)
    assert result["step_results"]["gate"]["reason_code"] == "TIMEOUT"


def test_sub_missions_are_executions_of_their_own_linked_to_the_parent(
    home: Path, folder: Path, look: Inside
) -> None:
    run(home, folder, "sub-missions")
    listed = look("ls", "--all", "--json").json
    parent = next(one for one in listed if one["mission_name"] == "sub-missions")
    children = [one for one in listed if one["mission_name"] == "site check"]
    assert sorted(one["params"]["site"] for one in children) == ["berlin", "lisbon", "oslo"]
    assert {one["parent_execution_id"] for one in children} == {parent["execution_id"]}
    ranking = (folder / "work/sub-missions/ranking.txt").read_text().split()
    assert ranking == ["berlin", "96", "lisbon", "67", "oslo", "65"]


def test_the_sub_mission_runs_alone_when_it_is_told_the_site(home: Path, folder: Path) -> None:
    ran = mission(home, "run", "site-check.yaml", cwd=folder)
    assert (ran.code, "site" in ran.err) == (2, True)
    assert run(home, folder, "site-check", "-p", "site=oslo")["state"] == "SUCCESS"
    failed = run(home, folder, "site-check", "-p", "site=oslo", "-p", "strict=true", code=1)
    assert "score" in failed["step_results"]["good_enough"]["error"]


def assert_a_good_night(look: Inside, folder: Path, result: Any) -> None:
    assert (result["overall_status"], result["state"]) == ("Partial", "SUCCESS")
    assert (result["steps_completed"], result["steps_failed"]) == (49, 1)
    assert result["step_results"]["compare"]["status"] == "Failed"
    assert result["step_results"]["dome"]["attempts"] == 3
    work = folder / "work/night-watch"
    assert "comparison: FAILED, exit code 3" in (work / "night.log").read_text()
    assert len((work / "catalogue.txt").read_text().split()) == 84
    assert_confined(folder, "night-watch")
    assert_intact(look)


def test_the_night_goes_by_quickly_with_a_quick_pace(
    home: Path, folder: Path, look: Inside
) -> None:
    result = run(home, folder, "night-watch", "-p", "pace=0.02")
    assert_a_good_night(look, folder, result)


@pytest.mark.slow
def test_the_night_goes_by_at_its_own_pace_and_is_watched(
    home: Path, folder: Path, look: Inside
) -> None:
    with start(home, "run", "night-watch.yaml", "--json", cwd=folder) as runner:
        for _ in range(100):
            if look("show", "@last", "--json").code == 0:
                break
            time.sleep(0.1)
        watched = mission(home, "watch", "@last", "--json", timeout=300)
        runner.communicate(timeout=60)
    assert watched.code == 0
    result = look("show", "@last", "--json", "--result").json
    assert result["total_duration_ms"] > 45_000
    assert_a_good_night(look, folder, result)
    changes = [one for one in watched.ndjson if one["type"].startswith("attempt.")]
    assert len(changes) == 2 * (50 + 2)
