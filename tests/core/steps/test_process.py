"""command and script as a mission's author meets them: real programs, a real log."""

import asyncio
import json
import os
import resource
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.domain.records import LogStream
from core.domain.states import AttemptState
from core.executors.local import LocalExecutor
from core.machine.environment import base_environment, exported, is_denied
from core.machine.system_clock import SystemClock
from core.machine.values_folder import ValuesFolder
from core.output.capture import Capture
from core.output.log_format import entries
from core.ports.executor import Executor, Outcome, OutcomeKind
from core.ports.journal import LogChunk
from core.step_type.registry import step_type
from core.step_type.step_type import StepCall, StepOutcome
from core.steps.process.output_file import OutputFiles
from tests.support.fake_executor import Act, FakeExecutor

SUCCESS, FAILED = AttemptState.SUCCESS, AttemptState.FAILED

EXECUTION = f"execution-{os.getpid()}"
"""Processes are found by it: tests that run at the same time must not end those of each other."""


class Desk:
    """Runs steps of one folder on one executor, and reads their log back."""

    def __init__(
        self, executor: Executor, folder: Path, values: ValuesFolder | None = None
    ) -> None:
        self.executor = executor
        self.folder = folder
        self.env = base_environment(os.environ, {}, EXECUTION)
        self.scope: dict[str, Any] = {"params": {}, "vars": {}}
        self.grace_seconds = 0.2
        self.root: Path | None = None
        self.values = values
        self.chunks: list[LogChunk] = []

    def call(self, name: str, parameters: dict[str, Any], capture: Capture) -> StepCall:
        kind = step_type(name)
        assert kind is not None
        return StepCall(
            execution_id=EXECUTION,
            task_id="the.step",
            attempt=2,
            parameters=kind.parameters.model_validate(parameters),
            working_dir=self.folder,
            env=self.env,
            executor=self.executor,
            sink=capture,
            log=lambda level, text: capture.log(level, text, "step"),
            clock=SystemClock(),
            grace_seconds=self.grace_seconds,
            scope=self.scope,
            root=self.root,
            new_values_path=None if self.values is None else self.values.new_path,
        )

    async def run(self, name: str, **parameters: Any) -> StepOutcome:
        kind = step_type(name)
        assert kind is not None
        capture = Capture(
            execution_id=EXECUTION,
            task_id="the.step",
            attempt=2,
            emit=self.chunks.append,
            clock=SystemClock(),
        )
        try:
            outcome = await kind.run_async(self.call(name, parameters, capture))
        finally:
            capture.close()
        json.dumps(dict(outcome.output), allow_nan=False)
        if outcome.output:
            kind.output.model_validate(outcome.output, strict=True)
        return outcome

    async def script(self, text: str, **parameters: Any) -> StepOutcome:
        return await self.run("script", script=text, **parameters)

    def log(self, stream: LogStream) -> list[str]:
        chunks = enumerate(self.chunks)
        return [entry.message for _, entry in entries(chunks) if entry.stream is stream]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    executor = LocalExecutor()
    values = ValuesFolder()
    yield Desk(executor, tmp_path, values)
    await executor.close()
    values.close()


# --- command --------------------------------------------------------------------------------------


async def test_a_command_gives_its_output_and_logs_it(desk: Desk) -> None:
    outcome = await desk.run("command", command="printf", args=["%s|", "a b", "$HOME", "*"])

    assert (outcome.state, outcome.reason_code, outcome.exit_code) == (
        SUCCESS,
        Reason.EXIT_ZERO,
        0,
    )
    assert outcome.output == {
        "exit_code": 0,
        "stdout": "a b|$HOME|*|",
        "stderr": "",
        "parsed": None,
        "truncated": False,
        "values": {},
    }
    assert desk.log(LogStream.STDOUT) == ["a b|$HOME|*|"]


async def test_numbers_and_booleans_are_arguments_too(desk: Desk) -> None:
    outcome = await desk.run("command", command="echo", args=[8080, 1.5, True, "010"])

    assert outcome.output["stdout"] == "8080 1.5 true 010\n"


async def test_an_exit_code_is_a_failure_with_the_last_lines_of_stderr(desk: Desk) -> None:
    text = "echo out; for i in $(seq 30); do echo line $i >&2; done; exit 3"
    outcome = await desk.run("command", command="sh", args=["-c", text])

    assert (outcome.state, outcome.reason_code, outcome.message) == (
        FAILED,
        Reason.EXIT_NONZERO,
        "exit code 3",
    )
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.exit_code) == ("ExitCode", 3)
    assert outcome.error.stack_trace.splitlines() == [f"line {n}" for n in range(11, 31)]
    assert outcome.output["stdout"] == "out\n"


async def test_without_stderr_the_error_shows_the_end_of_stdout(desk: Desk) -> None:
    outcome = await desk.run("command", command="sh", args=["-c", "echo assert 1 == 2; exit 1"])

    assert outcome.error is not None
    assert outcome.error.stack_trace == "assert 1 == 2"


async def test_death_by_a_signal_is_named(desk: Desk) -> None:
    outcome = await desk.run("command", command="sh", args=["-c", "kill -SEGV $$"])

    assert (outcome.message, outcome.exit_code) == ("killed by SIGSEGV", -11)
    assert outcome.error is not None
    assert outcome.error.kind == "Signal"


@pytest.mark.parametrize(("expected", "state"), [([0, 4], SUCCESS), (4, SUCCESS), ([0], FAILED)])
async def test_expected_exit_codes_are_success(desk: Desk, expected: Any, state: Any) -> None:
    outcome = await desk.run("command", command="sh", args=["-c", "exit 4"], expect_exit=expected)

    assert (outcome.state, outcome.exit_code) == (state, 4)


async def test_an_unexpected_zero_is_a_failure(desk: Desk) -> None:
    outcome = await desk.run("command", command="true", expect_exit=[1])

    assert (outcome.state, outcome.message) == (FAILED, "exit code 0")


async def test_a_command_that_can_never_start_has_invalid_parameters(desk: Desk) -> None:
    outcome = await desk.run("command", command="no-such-program")

    assert (outcome.state, outcome.reason_code) == (FAILED, Reason.INVALID_PARAMETERS)
    assert outcome.message == "command not found: `no-such-program`"
    assert outcome.exit_code is None
    assert outcome.output == {}


async def test_json_output_is_parsed(desk: Desk) -> None:
    outcome = await desk.run("command", command="echo", args=['{"a": [1, 2.5]}'], output="json")

    assert outcome.output["parsed"] == {"a": [1, 2.5]}


@pytest.mark.parametrize("text", ["{", "", "NaN", "[" * 5000])
async def test_output_that_is_no_json_is_a_failure(desk: Desk, text: str) -> None:
    outcome = await desk.run("command", command="printf", args=["%s", text], output="json")

    assert (outcome.state, outcome.reason_code) == (FAILED, Reason.STEP_ERROR)
    assert outcome.message is not None
    assert outcome.message.startswith("stdout is not JSON: ")


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", []), ("a\nb\n", ["a", "b"]), ("a\r\n\nb", ["a", "", "b"]), ("\n", [""])],
)
async def test_lines_are_a_list(desk: Desk, text: str, lines: list[str]) -> None:
    outcome = await desk.run("command", command="printf", args=["%s", text], output="lines")

    assert outcome.output["parsed"] == lines


async def test_long_output_is_cut_in_the_output_and_whole_in_the_log(desk: Desk) -> None:
    args = ["-c", "1000000", "/dev/zero"]
    outcome = await desk.run("command", command="head", args=args, max_output_bytes=1000)

    assert outcome.output["stdout"] == "\0" * 1000
    assert outcome.output["truncated"] is True
    assert sum(len(chunk.data) for chunk in desk.chunks) == 1_000_000


async def test_long_output_is_not_read_as_json(desk: Desk) -> None:
    outcome = await desk.run(
        "command", command="echo", args=["[1, 2, 3]"], output="json", max_output_bytes=5
    )

    assert (outcome.state, outcome.reason_code) == (FAILED, Reason.OUTPUT_LIMIT)


async def test_stdin_is_text_or_json(desk: Desk) -> None:
    text = await desk.run("command", command="cat", stdin="héllo\n")
    data = await desk.run("command", command="cat", stdin={"a": [True]}, output="json")

    assert text.output["stdout"] == "héllo\n"
    assert data.output["parsed"] == {"a": [True]}


async def test_bytes_that_are_no_text_are_replaced_in_the_output(desk: Desk) -> None:
    outcome = await desk.run("command", command="printf", args=["\\377\\n"])

    assert outcome.output["stdout"] == "\ufffd\n"


async def test_a_command_runs_in_the_folder_it_names(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()

    outcome = await desk.run("command", command="pwd", working_dir="sub")
    missing = await desk.run("command", command="pwd", working_dir="nowhere")

    assert outcome.output["stdout"] == f"{tmp_path}/sub\n"
    assert missing.message == f"the working directory {tmp_path}/nowhere does not exist"


@pytest.mark.parametrize("name", ["../..", "..", "/", "out", "sub/../..", "a\0b"])
async def test_a_process_stays_in_the_folder_of_the_mission_like_its_step(
    desk: Desk, tmp_path: Path, name: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "out").symlink_to("..")
    for kind, given in (("command", {"command": "pwd"}), ("script", {"script": "pwd"})):
        outcome = await desk.run(kind, working_dir=name, **given)
        assert outcome.reason_code is Reason.INVALID_PARAMETERS, kind
        assert "working_dir" in (outcome.message or "")


async def test_the_folder_of_a_process_is_relative_to_its_steps_and_within_the_missions(
    tmp_path: Path,
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    executor = FakeExecutor({"the.step": [Act()] * 3})
    desk = Desk(executor, tmp_path / "a/b")
    desk.root = tmp_path / "a"
    await desk.run("command", command="pwd", working_dir="..")
    assert executor.jobs[-1].cwd == str(tmp_path / "a")
    outcome = await desk.run("command", command="pwd", working_dir="../..")
    assert outcome.reason_code is Reason.INVALID_PARAMETERS


@pytest.mark.parametrize("shell", ["bash", "zsh"])
async def test_a_failure_within_a_pipeline_fails_the_script(desk: Desk, shell: str) -> None:
    import shutil

    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    outcome = await desk.run("script", script="false | cat; echo on", shell=shell)
    assert (outcome.state, outcome.exit_code) == (FAILED, 1)
    assert outcome.output["stdout"] == ""
    undone = await desk.run("script", script="set +o pipefail\nfalse | cat; echo on", shell=shell)
    assert undone.output["stdout"] == "on\n"


async def test_sh_stops_at_a_failing_command_and_knows_no_pipefail(desk: Desk) -> None:
    stopped = await desk.run("script", script="false\necho on", shell="sh")
    assert (stopped.state, stopped.output["stdout"]) == (FAILED, "")
    assert (await desk.run("script", script="false | cat; echo on", shell="sh")).state is SUCCESS


async def test_a_command_knows_which_attempt_it_is(desk: Desk) -> None:
    names = ["MISSION_EXECUTION_ID", "MISSION_STEP_ID", "MISSION_ATTEMPT", "MISSION_JOB"]
    outcome = await desk.run("command", command="printenv", args=names, output="lines")

    assert outcome.output["parsed"] == [
        EXECUTION,
        "the.step",
        "2",
        f"{EXECUTION}/the.step/2",
    ]


async def test_what_is_left_running_is_ended_and_logged(desk: Desk) -> None:
    outcome = await desk.run("command", command="bash", args=["-c", "sleep 600 & echo up"])

    assert outcome.state is SUCCESS
    assert desk.log(LogStream.SYSTEM) == [
        "1 process, 0 survivors",
        "ended what was left running and held the output open",
    ]


async def test_a_cancelled_command_keeps_what_it_wrote(desk: Desk) -> None:
    task = asyncio.create_task(desk.script("echo begun; sleep 600"))
    await asyncio.sleep(0.3)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert desk.log(LogStream.STDOUT) == ["begun"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (OutcomeKind.LOST, Reason.WORKER_LOST),
        (OutcomeKind.UNPLACEABLE, Reason.UNPLACEABLE),
        (OutcomeKind.UNREACHABLE, Reason.CLUSTER_LOST),
        (OutcomeKind.UNSTARTABLE, Reason.STEP_ERROR),
        (OutcomeKind.IMPOSSIBLE, Reason.INVALID_PARAMETERS),
    ],
)
async def test_an_executor_that_could_not_run_it_is_a_reason(
    tmp_path: Path, kind: OutcomeKind, reason: Reason
) -> None:
    executor = FakeExecutor({"the.step": Act(outcome=Outcome(kind=kind, message="gone"))})

    outcome = await Desk(executor, tmp_path).run("command", command="true")

    is_final = kind in {OutcomeKind.UNSTARTABLE, OutcomeKind.IMPOSSIBLE}
    state = FAILED if is_final else AttemptState.LOST
    assert (outcome.state, outcome.reason_code, outcome.message) == (state, reason, "gone")


# --- script ---------------------------------------------------------------------------------------


async def test_a_script_finds_the_missions_values_in_its_environment(desk: Desk) -> None:
    desk.scope = {
        "params": {"target": "a b; rm -rf $HOME", "count": 3, "dry": False},
        "vars": {"region": "eu-1", "hosts": ["a", "b"], "none": None},
        "item": {"os": "linux"},
        "index": 4,
    }
    outcome = await desk.script(
        'printf "%s\\n" "$MISSION_PARAM_TARGET" "$MISSION_PARAM_COUNT" "$MISSION_PARAM_DRY" '
        '"$MISSION_VAR_REGION" "$MISSION_VAR_HOSTS" "[$MISSION_VAR_NONE]" "$MISSION_ITEM" '
        '"$MISSION_INDEX"',
        output="lines",
    )

    assert outcome.output["parsed"] == [
        "a b; rm -rf $HOME",
        "3",
        "false",
        "eu-1",
        '["a", "b"]',
        "[]",
        '{"os": "linux"}',
        "4",
    ]


async def test_the_steps_own_environment_wins(desk: Desk) -> None:
    desk.scope["vars"] = {"region": "eu-1"}
    desk.env = {**desk.env, "MISSION_VAR_REGION": "mine"}

    outcome = await desk.script('echo "$MISSION_VAR_REGION"')

    assert outcome.output["stdout"] == "mine\n"


async def test_a_value_too_large_for_the_environment_is_left_out_and_said(desk: Desk) -> None:
    desk.scope["vars"] = {"huge": "x" * 200_000, "nul": "a\0b"}

    outcome = await desk.script('echo "[$MISSION_VAR_HUGE][$MISSION_VAR_NUL]"')

    assert outcome.output["stdout"] == "[][]\n"
    assert desk.log(LogStream.SYSTEM) == [
        "MISSION_VAR_HUGE is too large for an environment variable: not set"
    ]


async def test_a_shell_script_stops_at_its_first_failure(desk: Desk) -> None:
    stopped = await desk.script("echo one\nfalse\necho two")
    went_on = await desk.script("set +e\necho one\nfalse\necho two")

    assert (stopped.message, stopped.output["stdout"]) == ("exit code 1", "one\n")
    assert (went_on.state, went_on.output["stdout"]) == (SUCCESS, "one\ntwo\n")


async def test_a_script_may_use_its_stdin(desk: Desk) -> None:
    outcome = await desk.script('read line; echo "got $line"', stdin="this\n")

    assert outcome.output["stdout"] == "got this\n"


@pytest.mark.parametrize(
    ("shell", "text"), [("sh", "echo hi"), ("python", "print('hi')"), ("python3", "print('hi')")]
)
async def test_other_interpreters_run_scripts(desk: Desk, shell: str, text: str) -> None:
    assert (await desk.script(text, shell=shell)).output["stdout"] == "hi\n"


async def test_a_missing_interpreter_is_named(desk: Desk, tmp_path: Path) -> None:
    desk.env = {"PATH": str(tmp_path)}

    outcome = await desk.script("true", shell="zsh")

    assert (outcome.reason_code, outcome.message) == (
        Reason.INVALID_PARAMETERS,
        "command not found: `zsh`",
    )


async def test_a_script_is_private_while_it_runs_and_gone_afterwards(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    outcome = await desk.script('stat -c "%a" "$0" "$(dirname "$0")"; basename "$0"')

    assert str(outcome.output["stdout"]).split() == ["600", "700", "the.step"]
    assert list(place.iterdir()) == []


async def test_a_script_of_any_length_and_language_runs(desk: Desk) -> None:
    text = "# " + "é" * 200_000 + "\necho 'naïve 🚀 \\'"

    assert (await desk.script(text)).output["stdout"] == "naïve 🚀 \\\n"


# --- parameters and their descriptions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("command", {}),
        ("command", {"command": ""}),
        ("command", {"command": None}),
        ("command", {"command": "a", "args": "b"}),
        ("command", {"command": "a", "args": [None]}),
        ("command", {"command": "a", "args": [["b"]]}),
        ("command", {"command": "a", "expect_exit": []}),
        ("command", {"command": "a", "expect_exit": ["0"]}),
        ("command", {"command": "a", "output": "xml"}),
        ("command", {"command": "a", "max_output_bytes": -1}),
        ("command", {"command": "a", "shell": "bash"}),
        ("script", {"script": ""}),
        ("script", {"script": "a", "shell": "fish; rm"}),
        ("script", {"script": "a", "args": []}),
    ],
)
def test_wrong_parameters_are_refused(name: str, parameters: dict[str, Any]) -> None:
    kind = step_type(name)
    assert kind is not None

    with pytest.raises(ValidationError):
        kind.parameters.model_validate(parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        (
            "command",
            {"command": "cp", "args": ["a b", "{{ params.x }}"]},
            "run cp 'a b' {{ params.x }}",
        ),
        ("command", {"command": "make", "working_dir": "src"}, "run make (in src)"),
        ("script", {"script": "\nset -x\nmake\n"}, "run bash script: set -x … (2 lines)"),
        ("script", {"script": "x" * 999, "shell": "sh"}, "run sh script: " + "x" * 184 + "…"),
    ],
)
def test_a_plan_says_what_would_run(name: str, parameters: dict[str, Any], text: str) -> None:
    kind = step_type(name)
    assert kind is not None

    assert kind.describe(parameters) == text


# --- the environment ------------------------------------------------------------------------------


def test_the_missions_environment_goes_over_the_runners() -> None:
    found = base_environment({"A": "1", "B": "2"}, {"B": 3, "C": True}, "e")

    assert found == {"A": "1", "B": "3", "C": "true", "MISSION_EXECUTION_ID": "e"}


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("LD_PRELOAD", True),
        ("ld_preload", True),
        ("BASH_ENV", True),
        ("PYTHONPATH", True),
        ("PYTHONWARNINGS", True),
        ("PYTHONUNBUFFERED", False),
        ("PYTHON", False),
        ("PYTHON_VERSION", False),
        ("PATH", False),
        ("LANG", False),
        ("LDFLAGS", False),
    ],
)
def test_variables_that_load_code_are_denied(name: str, denied: bool) -> None:
    assert is_denied(name) is denied


def test_names_that_are_no_words_are_exported_with_underscores() -> None:
    assert exported({"params": {"my-param.x": "v"}}) == ({"MISSION_PARAM_MY_PARAM_X": "v"}, [])


async def test_a_script_waits_for_file_descriptors_as_a_command_does(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.script("true")  # what is loaded on first use is loaded
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = asyncio.create_task(desk.script("sleep 1"))
    await asyncio.sleep(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        waiting = asyncio.create_task(desk.script("echo on"))
        for _ in range(5):
            await asyncio.sleep(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert not waiting.done()
    assert (await other).state is SUCCESS
    assert (await waiting).state is SUCCESS
    assert list(tmp_path.glob("mission-*")) == []


# --- values and files -----------------------------------------------------------------------------

LEAVES = """
echo "NAME=a = b" >>"$MISSION_OUTPUT"
printf 'NOTES<<END OF IT\\nfirst\\n\\nEND\\nEND OF IT\\r\\nnext-key=\\n' >>"$MISSION_OUTPUT"
echo 'NAME=last<<one' >>"$MISSION_OUTPUT"
"""


async def test_what_a_script_writes_to_mission_output_becomes_its_values(desk: Desk) -> None:
    outcome = await desk.script(LEAVES, shell="sh")
    assert outcome.output["values"] == {
        "NAME": "last<<one",
        "NOTES": "first\n\nEND",
        "next-key": "",
    }
    assert (await desk.run("command", command="true")).output["values"] == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no sign", "$MISSION_OUTPUT: line 2, `no sign`, is neither KEY=VALUE nor KEY<<END"),
        ("2 B=x", "line 2: `2 B` is not a key"),
        ("A<<", "line 2: there is no delimiter behind `A<<`"),
        ("A<<E\nx\n E", "line 2: no line `E` ends the value of `A`"),
        (r"A=\377", "line 2 is not UTF-8"),
    ],
)
async def test_values_that_are_none_fail_a_step_that_succeeded(
    desk: Desk, text: str, said: str
) -> None:
    script = f"printf 'OK=1\\n{text}\\n' >\"$MISSION_OUTPUT\""
    outcome = await desk.script(script, shell="sh")
    assert (outcome.state, outcome.reason_code) == (FAILED, Reason.STEP_ERROR)
    assert said in (outcome.message or "")
    assert outcome.exit_code == 0
    failed = await desk.script(f"{script}; exit 3", shell="sh")
    assert (failed.reason_code, failed.exit_code) == (Reason.EXIT_NONZERO, 3)
    assert any(said in line for line in desk.log(LogStream.SYSTEM))


async def test_values_are_bounded_and_read_from_a_file_alone(desk: Desk) -> None:
    large = await desk.script('head -c 1048577 /dev/zero >"$MISSION_OUTPUT"', shell="sh")
    assert large.message == "$MISSION_OUTPUT: it has more than 1,048,576 bytes"
    link = await desk.script('ln -s /etc/passwd "$MISSION_OUTPUT"', shell="sh")
    assert "symbolic link" in (link.message or "")
    folder = await desk.script('mkfifo "$MISSION_OUTPUT"', shell="sh")
    assert "not a file" in (folder.message or "")


async def test_output_goes_to_the_files_that_a_step_names_and_to_the_log(desk: Desk) -> None:
    (desk.folder / "both.log").write_text("of an earlier run, and longer than the next")
    outcome = await desk.script(
        "echo out; echo err >&2", shell="sh", stdout_to="logs/out.txt", stderr_to="both.log"
    )
    assert outcome.output["stdout"] == "out\n"
    assert (desk.folder / "logs/out.txt").read_text() == "out\n"
    assert (desk.folder / "both.log").read_text() == "err\n"
    assert desk.log(LogStream.STDOUT) == ["out"]
    await desk.run(
        "command", command="sh", args=["-c", "echo a; echo b >&2"], stdout_to="x", stderr_to="./x"
    )
    assert sorted((desk.folder / "x").read_text().split()) == ["a", "b"]


async def test_a_file_outside_of_the_folder_is_a_violation_and_nothing_runs(desk: Desk) -> None:
    (desk.folder / "away").symlink_to("/tmp")
    for path in ("../out.txt", "/etc/out.txt", "away/out.txt"):
        outcome = await desk.script("touch ran", shell="sh", stdout_to=path)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION
    (desk.folder / "taken").mkdir()
    outcome = await desk.script("touch ran", shell="sh", stdout_to="taken")
    assert (outcome.reason_code, outcome.message) == (
        Reason.STEP_ERROR,
        "taken: is a folder, not a file",
    )
    assert not (desk.folder / "ran").exists()


async def test_output_that_cannot_be_written_fails_the_step(desk: Desk) -> None:
    files = OutputFiles({LogStream.STDOUT: "out"}).open(desk.folder, (), ())
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        files._descriptors[LogStream.STDOUT] = full
        files.write(LogStream.STDOUT, b"x")
        files.write(LogStream.STDOUT, b"y")
    finally:
        os.close(full)
        files.close()
    failure = files.failure()
    assert failure is not None
    assert failure.message == "out: No space left on device"
