"""Secret inputs on the real command line: given, asked for, delivered, and recorded nowhere."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import mission, on_a_terminal
from tests.support.killed_runs import KilledRuns
from tests.support.missions import mission_yaml
from tests.support.stored_bytes import stored_bytes
from tests.whole.test_secrets_never_leak import CANARY, leaks, nothing_leaked

PARAMS = {"token": {"secret": True, "required": True}, "who": {"default": "me"}}
CHECK = 'test "$token" = "$(cat expected)" && test -z "${MISSION_SECRET_token-}" && echo "<$token>"'


def script(step_id: str, text: str = CHECK, **fields: Any) -> dict[str, Any]:
    """Return a step that reads the secret input."""
    given = {"id": step_id, "step_type": "script", "parameters": {"script": text}}
    return {**given, "secrets": ["token"], **fields}


def write(folder: Path, *steps: dict[str, Any], **fields: Any) -> str:
    """Write a mission with a secret input, and the value in files beside it; return its path."""
    file = folder / "mission.yaml"
    file.write_text(mission_yaml(*steps, **{"params": PARAMS, **fields}), "utf-8")
    (folder / "expected").write_text(CANARY)
    (folder / "value").write_text(f"{CANARY}\n")
    return str(file)


@pytest.mark.parametrize("how", ["file", "stdin", "environment"])
@pytest.mark.parametrize("detach", [False, True])
def test_a_value_reaches_the_step_that_names_it_and_is_recorded_nowhere(
    tmp_path: Path, how: str, detach: bool
) -> None:
    home = tmp_path / "home"
    assert mission(home, "secrets", "set", "CANARY", input=CANARY).code == 0  # for the scan
    look = 'echo "${token-none} ${MISSION_SECRET_token-none} $(env | grep -ci secret_token)"; true'
    other = script("other", look)
    del other["secrets"]
    file = write(tmp_path, script("use"), other)
    arguments = ["run", *(["--detach"] if detach else []), file]
    arguments += {
        "file": ["-p", f"token=@{tmp_path}/value"], "stdin": ["-p", "token=@-"], "environment": []
    }[how]  # fmt: skip
    given = {"MISSION_SECRET_token": CANARY} if how == "environment" else {}
    done = mission(home, *arguments, env=given, input=f"{CANARY}\n" if how == "stdin" else None)
    assert done.code == 0, done.out + done.err
    if detach:
        assert mission(home, "watch", "--plain", "@last").code == 0
    assert mission(home, "logs", "@last", "use").out == "<***>\n"
    assert mission(home, "logs", "@last", "other").out == "none none 0\n"
    assert mission(home, "show", "@last", "--json").json["params"] == {"who": "me"}
    nothing_leaked(home)


def test_a_value_in_an_argument_is_refused_without_repeating_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = write(tmp_path, script("use"))
    for command in ("run", "plan"):
        done = mission(home, command, file, "-p", f"token={CANARY}")
        assert done.code == 2
        assert "`token` is secret" in done.err
        assert leaks((done.out + done.err).encode()) == []
    assert mission(home, "ls", "--json").json == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("short", "fewer than 8"),
        ("does-not-match", "does not match"),
        ("v" + "x" * 200_000, "more than"),
        ("v-with-a-\0-byte", "is not text"),
    ],
    ids=["short", "no match", "long", "no text"],  # pytest puts the id into the environment
)
def test_a_value_that_cannot_be_used_is_refused_without_repeating_it(
    tmp_path: Path, value: str, told: str
) -> None:
    home = tmp_path / "home"
    params = {"token": {"secret": True, "pattern": "^v"}}
    file = write(tmp_path, script("use", "true"), params=params)
    done = mission(home, "run", file, "-p", "token=@-", input=value)
    assert done.code == 2, done.err
    assert told in done.err
    assert value[:20] not in done.err
    missing = mission(home, "run", file, "-p", "token=@none")
    assert (missing.code, "No such file" in missing.err) == (9, True)
    assert mission(home, "ls", "--json").json == []


def test_a_missing_value_is_told_before_anything_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = mission(home, "run", write(tmp_path, script("use", "touch ran")))
    assert done.code == 4
    assert "-p token=@FILE" in done.err
    assert "MISSION_SECRET_token" in done.err
    assert mission(home, "ls", "--json").json == []
    assert not (tmp_path / "ran").exists()


def test_a_mission_on_standard_input_leaves_it_to_nothing_else(tmp_path: Path) -> None:
    text = Path(write(tmp_path, script("use"))).read_text()
    done = mission(tmp_path / "home", "run", "-", "-p", "token=@-", input=text)
    assert done.code == 2
    assert "already read" in done.err


def test_on_a_terminal_the_value_is_asked_for_without_echo(tmp_path: Path) -> None:
    file = write(tmp_path, script("use"))
    answer = f"{CANARY}\r".encode()
    home = tmp_path / "home"
    done = on_a_terminal(home, "run", file, question=b"value of token", answer=answer)
    assert done.code == 0, done.out
    assert leaks(done.out.encode()) == []
    again = on_a_terminal(home, "rerun", "@last", question=b"value of token", answer=answer)
    assert again.code == 0, again.out
    assert mission(home, "watch", "--plain", "@last").code == 0
    assert leaks(again.out.encode()) == []


def test_a_rerun_and_a_retry_need_the_value_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = write(tmp_path, script("use", f"{CHECK} && test -e again"))
    given = {"MISSION_SECRET_token": CANARY}
    assert mission(home, "run", file, env=given).code == 1
    for command in ("rerun", "retry"):
        refused = mission(home, command, "@last", "--reason", "x")
        assert refused.code == 4, refused.err
        assert "MISSION_SECRET_token" in refused.err
    (tmp_path / "again").touch()
    done = mission(home, "retry", "@last", "--reason", "x", "--watch", env=given)
    assert done.code == 0, done.err


def test_a_run_whose_runner_was_killed_needs_the_value_again_to_be_resumed(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=11)
    text = f"{CHECK}; touch ready; test -e again || sleep 60"
    write(tmp_path, script("use", text, env={"STORM": runs.token}))
    given = {"MISSION_SECRET_token": CANARY}
    try:
        started = mission(runs.home, "run", "--detach", f"{tmp_path}/mission.yaml", env=given)
        assert started.code == 0, started.err
        execution_id = started.out.strip()
        end = time.monotonic() + 30
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < end, "the step did not start"
            time.sleep(0.05)
        assert runs.kill(execution_id)
        refused = mission(runs.home, "resume", execution_id)
        assert refused.code == 4, refused.err
        assert "MISSION_SECRET_token" in refused.err
        (tmp_path / "again").touch()
        resumed = mission(runs.home, "resume", "--watch", execution_id, env=given)
        assert resumed.code == 0, resumed.err
        for path, data in stored_bytes(runs.home).items():
            assert leaks(data) == [], path
    finally:
        runs.stop()


def test_a_sub_mission_has_the_secret_input_of_the_run_by_its_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(tmp_path, script("inner"), name="inner")
    (tmp_path / "mission.yaml").rename(tmp_path / "child.yaml")
    sub = {"id": "sub", "step_type": "mission", "parameters": {"file": "child.yaml"}}
    file = write(tmp_path, sub, name="outer")
    done = mission(home, "run", file, "-p", f"token=@{tmp_path}/value")
    assert done.code == 0, done.out + done.err
    sub["parameters"] = {"file": "child.yaml", "params": {"token": "{{ params.who }}"}}
    done = mission(home, "run", write(tmp_path, sub), "-p", f"token=@{tmp_path}/value")
    assert done.code == 1
    assert "`token` is secret" in done.out + done.err


def test_the_plan_says_which_secrets_each_step_reads_and_which_are_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert mission(home, "secrets", "set", "--unmaskable", "PIN", input="1234\n").code == 0
    one = script("use", secrets=["token", "GONE", "PIN", "CI"])
    secrets = ["GONE", "PIN", {"CI": "env:CI_TOKEN"}, "UNUSED"]
    file = write(tmp_path, one, secrets=secrets)
    shown = mission(home, "plan", file)
    assert shown.code == 0, shown.err
    assert "token from an input of the run: it has no value" in shown.out
    assert "GONE from the secret store: it has no value" in shown.out
    assert "PIN from the secret store: too short to be masked in output" in shown.out
    assert "reads token, GONE, PIN, CI" in " ".join(shown.out.split())
    assert "UNUSED" not in shown.out
    env = {"CI_TOKEN": "a value of ci", "MISSION_SECRET_token": CANARY}
    told = mission(home, "plan", file, "--json", env=env).json
    assert {found["name"]: found["missing"] for found in told["secrets"]} == {
        "token": False, "GONE": True, "PIN": False, "CI": False
    }  # fmt: skip
    assert told["steps"][0]["secrets"] == ["token", "GONE", "PIN", "CI"]
    assert leaks(str(told).encode()) == []
