"""Hints are true: what is said to do next is done here, and works."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from tests.support.cli import SCRIPT, Inside, environment, mission
from tui.output.next_command import next_command

LATE_MISTAKE = """
version: "1.0"
name: late
params: {word: {type: string, default: hello}}
steps:
  - id: count
    step_type: command
    parameters: {command: sh, args: ["-c", "echo x >> ran; printf 3"]}
  - id: nap
    step_type: wait
    depends_on: [count]
    parameters: {seconds: "{{ steps.count.output.stdout }} x"}
"""
WORLD_WRONG = """
version: "1.0"
name: world
steps:
  - {id: see, step_type: command, parameters: {command: cat, args: [wanted]}}
"""


def sh(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    path = f"{SCRIPT.parent}:/usr/bin:/bin"
    env = environment(folder / "home", PATH=path)
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def told_again(text: str) -> str:
    found: str
    (found,) = re.findall(r"^  again: (?:fix the file, then: )?(mission .*)$", text, re.MULTILINE)
    return found


@pytest.mark.parametrize("how", ["run", "show @last", "resume @last"])
def test_after_a_mistake_in_the_file_the_mended_file_is_run_from_that_step(
    how: str, tmp_path: Path
) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    file = folder / "late.yaml"
    file.write_text(LATE_MISTAKE, encoding="utf-8")
    ran = mission(folder / "home", "run", "late.yaml", cwd=folder)
    assert "`nap`: seconds: Value error" in ran.err
    text = ran.err if how == "run" else sh(folder, f"mission {how} 2>&1").stdout
    text = text.replace("hint: again: ", "  again: ")
    file.write_text(LATE_MISTAKE.replace(".stdout }} x", ".stdout }}0ms"), encoding="utf-8")
    done = sh(folder, told_again(text))
    assert done.returncode == 0, done.stderr
    assert (folder / "ran").read_text() == "x\n"  # the step before was not run again


def test_after_a_mistake_of_the_world_retry_is_told(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(WORLD_WRONG, encoding="utf-8")
    ran = mission(tmp_path / "home", "run", "world.yaml", cwd=tmp_path)
    (tmp_path / "wanted").touch()
    done = sh(tmp_path, f"{told_again(ran.err)} --watch")
    assert done.returncode == 0, done.stderr


def an_execution(state: ExecutionState, **fields: Any) -> Execution:
    return Execution(
        execution_id="E",
        workflow_id="w",
        mission_name="m",
        mission_digest="d",
        state=state,
        reason_code=Reason.STEP_FAILED,
        created_at=0,
        updated_at=0,
        working_dir="/",
        actor="me",
        **fields,
    )


def a_failure(task_id: str, reason: Reason, ended_at: int, **fields: Any) -> TaskRun:
    return TaskRun(
        execution_id="E",
        task_id=task_id,
        position=0,
        state=TaskState.FAILED,
        reason_code=reason,
        updated_at=ended_at,
        ended_at=ended_at,
        **fields,
    )


WRONG = a_failure("a[1]", Reason.INVALID_PARAMETERS, 2, parent_task_id="a")
FAILED = an_execution(ExecutionState.FAILED, source_path="/x y/m.yaml")


@pytest.mark.parametrize(
    ("execution", "tasks", "told"),
    [
        (an_execution(ExecutionState.SUCCESS), (), "mission rerun E"),
        (an_execution(ExecutionState.CANCELLED), (), "mission retry E"),
        (FAILED, (a_failure("b", Reason.TIMEOUT, 1), WRONG), "mission retry E"),
        (
            FAILED,
            (WRONG, a_failure("b", Reason.TIMEOUT, 3)),
            "fix the file, then: mission run '/x y/m.yaml' --resume-from a",
        ),
        (
            FAILED,
            (a_failure("a", Reason.SECURITY_VIOLATION, 1),),
            "fix the file, then: mission run '/x y/m.yaml' --resume-from a",
        ),
        (
            replace(FAILED, params={"n": 1}),
            (WRONG,),
            "fix the file, then: mission run '/x y/m.yaml' --resume-from a --params-from E",
        ),
        (
            replace(FAILED, source_path=None),
            (WRONG,),
            "fix the mission, then: mission run - --resume-from a",
        ),
        (
            replace(FAILED, source_path=None),
            (a_failure("echo", Reason.INVALID_PARAMETERS, 1),),
            "correct the command, then run it again",
        ),
        (
            replace(FAILED, reason_code=Reason.HANDLER_FAILED),
            (a_failure("tidy", Reason.EXIT_NONZERO, 1),),
            "mission rerun E",
        ),
        (
            replace(FAILED, reason_code=Reason.HANDLER_FAILED),
            (WRONG,),
            "fix the file, then: mission run '/x y/m.yaml'",
        ),
        (replace(FAILED, reason_code=Reason.PRECONDITION_ERROR), (), "mission rerun E"),
        (
            replace(FAILED, parent_execution_id="P"),
            (WRONG,),
            "fix /x y/m.yaml, then run its parent again, P",
        ),
    ],
)
def test_what_is_told_depends_on_what_went_wrong_first(
    execution: Execution, tasks: tuple[TaskRun, ...], told: str
) -> None:
    assert next_command(execution, tasks) == told


def test_nothing_to_retry_names_what_there_is_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(
        "version: '1.0'\nname: m\nsteps: [{id: a, step_type: noop}]\n", encoding="utf-8"
    )
    mission(tmp_path / "home", "run", "m.yaml", cwd=tmp_path)
    for command in ("retry", "resume"):
        ran = inside(command, "@last")
        assert ran.code == 7
        found = re.findall(r"mission rerun \S+[0-9a-f]", ran.err)
        assert len(found) == 1, ran.err
        command = found[0]
        assert sh(tmp_path, command).returncode == 0
