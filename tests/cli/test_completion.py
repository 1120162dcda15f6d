"""Completion as people meet it: a tab typed into a real bash, zsh and fish."""

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission
from tui.cli.commands.completion import SHELLS

DEPLOY = """
version: "1.0"
name: deploy
params:
  target: {type: choice, choices: [staging, production], default: staging}
  dry: {type: boolean, default: false}
steps:
  - {id: build, name: Build it, step_type: noop}
  - {id: bundle, name: Bundle it, step_type: noop, depends_on: [build]}
"""
PREPARE = {
    "bash": 'eval "$(mission completion bash)"; bind "set bell-style none"; PS1="READ""Y> "',
    "zsh": "autoload -U compinit; compinit -u -D; "
    'eval "$(mission completion zsh)"; PS1="READ""Y> "',
    "fish": 'mission completion fish | source; function fish_prompt; echo "READ""Y> "; end',
}
START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
_ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()=>][0B]?")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("completion")
    (place / "deploy.yaml").write_text(DEPLOY)
    (place / "depot.txt").write_text("")
    (place / "deeper").mkdir()
    (place / "deeper" / "inner.yaml").write_text(DEPLOY.replace("name: deploy", "name: inner"))
    assert mission(place / "home", "run", "deploy.yaml", "-l", "team=data", cwd=place).code == 0
    return place


def answer(place: Path, line: str, shell: str = "fish") -> list[str]:
    """Return the values the program offers for a line, as it answers a shell."""
    words = line if shell == "bash" else line.replace(" ", "\n")
    done = subprocess.run(
        [SCRIPT],
        env=environment(
            place / "home", _MISSION_COMPLETE=f"{shell}_complete", _MISSION_WORDS=words
        ),
        cwd=place, capture_output=True, check=False,
    )  # fmt: skip
    assert done.stderr == b""
    return [row.split("\t")[1] for row in done.stdout.decode().splitlines() if row]


OFFERED = {
    "mission wa": ["watch"],
    "mission explain step.comm": ["step.command"],
    "mission run ": ["deploy.yaml", "deeper/", "home/", "depot.txt"],
    "mission run de": ["deploy.yaml", "deeper/", "depot.txt"],
    "mission run ./deeper/": ["./deeper/inner.yaml"],
    "mission validate deploy.yaml de": ["deploy.yaml", "deeper/", "depot.txt"],
    "mission run deploy.yaml --only b": ["build", "bundle"],
    "mission run deploy.yaml --skip=bu": ["--skip=build", "--skip=bundle"],
    "mission run deploy.yaml --resume-from ": ["build", "bundle"],
    "mission run deploy.yaml -p ": ["target=", "dry="],
    "mission run deploy.yaml -p target=": ["target=staging", "target=production"],
    "mission run deploy.yaml -p dry=t": ["dry=true"],
    "mission show ": ["@last", "@last-failed", "deploy#1"],
    "mission show @": ["@last", "@last-failed"],
    "mission show dep": ["deploy#1", "deploy"],
    "mission show @last b": ["build", "bundle"],
    "mission retry deploy#1 --step bun": ["bundle"],
    "mission ls ": ["deploy"],
    "mission graph de": ["deploy.yaml", "deeper/", "deploy#1", "deploy"],
    "mission run nowhere.yaml --only ": [],
    "mission show nothing b": [],
}


@pytest.mark.parametrize("line", OFFERED)
def test_the_program_offers_what_fits(line: str, place: Path) -> None:
    assert answer(place, line) == OFFERED[line]


def test_steps_of_a_mission_that_is_not_valid_yet_are_offered(tmp_path: Path) -> None:
    (tmp_path / "half.yaml").write_text(DEPLOY.replace("noop, depends_on", "bogus, depends_on"))
    assert "build" in answer(tmp_path, "mission run half.yaml --only b")
    (tmp_path / "half.yaml").write_text("steps: [[[")
    assert answer(tmp_path, "mission run half.yaml --only b") == []


def test_a_prefix_of_an_id_is_completed(place: Path) -> None:
    execution_id = mission(place / "home", "show", "deploy#1", "--json").json["execution_id"]
    (found,) = answer(place, f"mission show {execution_id[:3]}")
    assert execution_id.startswith(found)


def test_without_a_database_there_is_nothing_to_offer_and_none_is_made(
    place: Path, tmp_path: Path
) -> None:
    assert answer(tmp_path, "mission show dep") == []
    assert not (tmp_path / "home").exists()


def test_bash_gets_what_stands_behind_its_word_breaks_with_odd_characters_quoted(
    place: Path, tmp_path: Path
) -> None:
    shutil.copy(place / "deploy.yaml", tmp_path / "my mission (1).yaml")
    assert answer(tmp_path, "mission run my", "bash") == [r"my\ mission\ \(1\).yaml"]
    assert answer(tmp_path, r"mission run my\ m", "bash") == [r"my\ mission\ \(1\).yaml"]
    assert answer(tmp_path, "mission run 'my m", "bash") == ["my mission (1).yaml"]
    assert answer(place, "mission run deploy.yaml -p target=st", "bash") == ["staging"]
    assert answer(place, "mission run deploy.yaml --only=bun", "bash") == ["bundle"]
    quoted = "mission ls --where 'state:done label:'"
    assert answer(place, quoted, "bash") == [r"state:done\ label:team="]


TYPED = {
    "mission run deplo": "mission run deploy.yaml",
    "mission run deepe": "mission run deeper/inner.yaml",
    "mission run deploy.yaml --only bun": "--only bundle",
    "mission run deploy.yaml -p tar": "-p target=",
    "mission run deploy.yaml -p target=st": "-p target=staging",
    "mission show @last-": "mission show @last-failed",
    "mission show deploy#": "#1",  # zsh quotes the sign
    "mission show deploy#1 bun": "deploy#1 bundle",
    "mission ls -l te": "-l team=",
    "mission ls -l team=d": "-l team=data",
    "mission ls --where lab": "--where label:",
    "mission ls --where state:fai": "--where state:failed",
    "mission ls --where label:team=d": "--where label:team=data",
    "mission ls --where 'state:done label:team=d": "'state:done label:team=data",
    "mission ls --fields run,tit": "--fields run,title",
    "mission ls --sort took:": "--sort took:desc",
    "mission cancel --name dep": "--name deploy",
    "mission help airf": "mission help airflow",
    "mission help docs/rec": "mission help docs/recipes.md",
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_tab_completes_in_a_real_shell(shell: str, place: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    with Typing([program, *START[shell]], place) as typing:
        typing.send(PREPARE[shell] + "\n")
        typing.wait_for("READY> ")
        for line, expected in TYPED.items():
            typing.screen = b""
            typing.send(f"{line}\t")
            if line.endswith("deepe"):  # the folder first, then the one file in it
                typing.wait_for("deeper/")
                typing.send("\t")
            typing.wait_for(expected.split(" ")[-1])
            typing.send("\x15")  # take the line back


class Typing:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], place: Path) -> None:
        self._main, side = pty.openpty()
        path = f"{SCRIPT.parent}:{os.environ['PATH']}"
        self._child = subprocess.Popen(
            command, stdin=side, stdout=side, stderr=side, cwd=place, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=environment(place / "home", TERM="xterm", PATH=path, HOME=str(place / "home"),
                            COLUMNS="120", LINES="30"),
        )  # fmt: skip
        os.close(side)
        self.screen = b""

    def __enter__(self) -> "Typing":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        os.close(self._main)

    def send(self, text: str) -> None:
        """Type."""
        os.write(self._main, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until the text was drawn."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if select.select([self._main], [], [], 0.05)[0]:
                self.screen += os.read(self._main, 65536)
            plain = _ESCAPES.sub(b"", self.screen).translate(None, b"\x07\x08")
            drawn = plain.decode(errors="replace")
            if text in drawn:
                return
        sys.stderr.write(drawn)
        raise AssertionError(f"{text!r} was never drawn: {drawn!r}")
