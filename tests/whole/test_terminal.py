"""The whole program on a real terminal, over a real database, with real runners."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission
from tests.support.shared import shared_path
from tests.support.terminal import Terminal

SAMPLES = Path(__file__).parents[2] / "sample_missions"
ENTER, ESCAPE, CTRL_R = "\r", "\x1b", "\x12"
SIZES = [(80, 24), pytest.param(200, 50, marks=pytest.mark.slow)]
RUNAWAY = """
version: "1.0"
name: runaway
steps:
  - {id: forever, name: forever, step_type: command, parameters: {command: sleep, args: ["300"]}}
  - {id: after, name: after, step_type: noop, depends_on: [forever]}
"""
GREETING = """
version: "1.0"
name: greeting
params:
  who: {type: string, required: true}
steps:
  - id: greet
    name: greet
    step_type: command
    parameters: {command: sh, args: ["-c", "echo dear {{ params.who }}"]}
  - {id: after, name: after, step_type: noop, depends_on: [greet]}
"""
MENDABLE = """
version: "1.0"
name: mendable
steps:
  - {id: fine, name: fine, step_type: noop}
  - {id: broken, name: broken, step_type: command, depends_on: [fine],
     parameters: {command: sh, args: ["-c", "test -e mended || { echo not mended >&2; exit 3; }"]}}
  - {id: after, name: after, step_type: noop, depends_on: [broken]}
"""
FAILING = """
version: "1.0"
name: failing
steps:
  - {id: fine, name: fine, step_type: command, parameters: {command: echo, args: [fine]}}
  - {id: broken, name: broken, step_type: command, depends_on: [fine],
     parameters: {command: sh, args: ["-c", "echo the reason it broke >&2; exit 3"]}}
"""


class Desk:
    """A home, a folder of missions, and the terminals opened on them."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.missions = folder / "missions"
        self.missions.mkdir()
        self._open: list[Terminal] = []

    def sit_down(self, *words: str, columns: int = 80, rows: int = 24) -> Terminal:
        """Open the screen, or what `words` of the command line say, on a new terminal."""
        env = environment(self.home, MISSION_MISSIONS=str(self.missions))
        found = Terminal([str(SCRIPT), *words], env, self.missions, columns=columns, rows=rows)
        self._open.append(found)
        return found

    def leave(self) -> None:
        for terminal in self._open:
            terminal.kill()


@pytest.fixture(scope="module")
def montage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one execution of a recorded workflow in it, a step of which has failed."""
    folder = tmp_path_factory.mktemp("montage")
    recorded = shared_path("workflows/montage-chameleon-2mass-05d-001.json")
    converter = shared_path("tools/wf2mission.py")
    path = folder / "montage.json"
    convert: list[str | Path] = [sys.executable, converter, recorded, "--kind", "noop", "-o", path]
    subprocess.run(convert, check=True, capture_output=True)
    authored = json.loads(path.read_text(encoding="utf-8"))
    (step,) = (one for one in authored["steps"] if one["id"] == "mDiffFit_ID0000231")
    words = ["-c", "echo reading tile 12; echo FITS header is damaged >&2; exit 3"]
    step |= {"step_type": "command", "parameters": {"command": "sh", "args": words}}
    path.write_text(json.dumps(authored), encoding="utf-8")
    assert mission(folder / "home", "run", str(path)).code == 1
    return folder / "home"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.leave()


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_mission_with_params_is_launched_watched_and_left_by_keyboard(
    desk: Desk, columns: int, rows: int
) -> None:
    (desk.missions / "greeting.yaml").write_text(GREETING, encoding="utf-8")
    terminal = desk.sit_down(columns=columns, rows=rows)
    terminal.wait_for("mission deck", "greeting", "2 steps")
    terminal.send("n")
    terminal.wait_for("Launch", "Plan in order", "who *", "is required")
    terminal.send("Ada q")
    terminal.send(CTRL_R)
    terminal.wait_for("✓ done", "2✓", "dear Ada q")
    terminal.send(ESCAPE)
    terminal.wait_for("Missions", "Executions")
    terminal.send("q")
    assert terminal.wait_for_end() == 0
    assert [e["state"] for e in mission(desk.home, "ls", "--json").json] == ["SUCCESS"]


def test_the_failed_step_and_its_last_words_are_there_at_once(desk: Desk) -> None:
    (desk.missions / "failing.yaml").write_text(FAILING, encoding="utf-8")
    assert mission(desk.home, "run", str(desk.missions / "failing.yaml")).code == 1
    terminal = desk.sit_down()
    terminal.wait_for("failing")
    terminal.send("2")
    terminal.send(ENTER)
    terminal.wait_for("broken", "the reason it broke")


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_why_1738_steps_failed_is_found_in_two_keys(
    desk: Desk, montage: Path, columns: int, rows: int
) -> None:
    desk.home = montage
    terminal = desk.sit_down(columns=columns, rows=rows)
    terminal.wait_for("montage", "failed")
    terminal.send(ENTER)
    terminal.wait_for("mDiffFit_ID0000231", "FITS header is damaged", "exit 3", "steps skipped")
    terminal.send(ENTER)
    terminal.wait_for("1 Overview", "FITS header is damaged", "Command", "Blocks")


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_failed_step_is_retried_with_its_downstream(desk: Desk, columns: int, rows: int) -> None:
    (desk.missions / "mendable.yaml").write_text(MENDABLE, encoding="utf-8")
    assert mission(desk.home, "run", "mendable.yaml", cwd=desk.missions).code == 1
    (desk.missions / "mended").touch()
    terminal = desk.sit_down(columns=columns, rows=rows)
    terminal.wait_for("mendable", "failed")
    terminal.send(ENTER)
    terminal.wait_for("✗ broken", "not mended", "R")
    terminal.send("R")
    terminal.wait_for("Runs again: broken and 1 downstream step", "after", "▸ Keep")
    terminal.send("\t")
    terminal.wait_for("▸ Retry")
    terminal.send(ENTER)
    terminal.wait_for("retry of", "✓ done", "3✓", "▌✓ broken", "Logs broken ▸ attempt [2✓]")


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_a_runaway_is_cancelled(desk: Desk, columns: int, rows: int) -> None:
    (desk.missions / "runaway.yaml").write_text(RUNAWAY, encoding="utf-8")
    terminal = desk.sit_down(columns=columns, rows=rows)
    terminal.wait_for("runaway", "v validate")
    terminal.send("n")
    terminal.wait_for("Plan in order")
    terminal.send(CTRL_R)
    terminal.wait_for("▶ running", "▶ forever")
    terminal.send("X")
    terminal.wait_for("1 running step gets SIGTERM, 1 step", "▸ Keep")
    terminal.send("\t")
    terminal.wait_for("▸ Cancel run")
    terminal.send(ENTER)
    terminal.wait_for("◼ cancelled", "◼ forever", "1◼", "1⊘", "USER_CANCELLED")


def test_killing_the_screen_leaves_the_run_alone_and_another_screen_sees_it(desk: Desk) -> None:
    (desk.missions / "runaway.yaml").write_text(RUNAWAY, encoding="utf-8")
    first = desk.sit_down()
    first.wait_for("runaway")
    first.send("n")
    first.wait_for("Plan in order")
    first.send(CTRL_R)
    first.wait_for("forever", "running")
    first.kill()
    (running,) = mission(desk.home, "ls", "--json").json
    assert running["state"] == "RUNNING"
    second = desk.sit_down(columns=120, rows=40)
    second.wait_for("runaway", "running")
    second.send("2")
    second.send(ENTER)
    second.wait_for("forever")
    second.send("X")
    second.wait_for("Cancel run")
    second.send("\t")
    second.send(ENTER)
    second.wait_for("cancelled")
    assert mission(desk.home, "watch", running["execution_id"], "--timeout", "30").code == 5


def test_it_follows_the_terminal_through_many_sizes(desk: Desk) -> None:
    shutil.copy(SAMPLES / "hello.yaml", desk.missions)
    terminal = desk.sit_down()
    terminal.wait_for("hello")
    for columns, rows in [(40, 12), (240, 60), (30, 8), (120, 40), (80, 24)]:
        terminal.resize(columns, rows)
    terminal.wait_for("mission deck", "hello", "4 steps")
    terminal.send("q")
    assert terminal.wait_for_end() == 0


def test_keys_can_be_remapped_by_a_file(desk: Desk) -> None:
    desk.home.mkdir()
    (desk.home / "keys.toml").write_text('[keys]\n"app.help" = "ctrl+g"\n', encoding="utf-8")
    shutil.copy(SAMPLES / "hello.yaml", desk.missions)
    terminal = desk.sit_down()
    terminal.wait_for("hello")
    terminal.send("\x07")
    terminal.wait_for("search the keys")


def test_a_screen_ends_with_a_terminal_that_sends_no_signal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    screen = subprocess.Popen(  # in a session that the terminal does not belong to
        [SCRIPT], stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path,
        env={**environment(tmp_path / "home"), "TERM": "xterm-256color"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        drawn = b""
        while b"mission deck" not in drawn:
            drawn += os.read(ours, 65536)
        os.close(ours)
        assert screen.wait(timeout=30) == 129
    finally:
        screen.kill()
        screen.wait()


PROGRESS = """\
version: "1.0"
name: progress
steps:
  - id: pull
    step_type: command
    parameters:
      command: python3
      args:
        - -uc
        - |
          import sys, time
          for n in range(10_000):
              sys.stdout.write(f"\\rlayer {n} of many"); sys.stdout.flush(); time.sleep(0.05)
"""


def test_a_progress_bar_is_seen_live_on_the_screen_and_by_a_follower(desk: Desk) -> None:
    (desk.missions / "progress.yaml").write_text(PROGRESS, encoding="utf-8")
    assert mission(desk.home, "run", str(desk.missions / "progress.yaml"), "--detach").code == 0
    follower = desk.sit_down("logs", "progress", "pull", "-f")
    follower.wait_for("layer 2")
    assert follower.text.count("layer") == 1, "drawn over itself"
    screen = desk.sit_down("watch", "progress")
    screen.wait_for("pull", "layer 4")
    log = screen.text.partition(" Logs ")[2]
    assert log.count("layer") == 1, "drawn over itself"
    assert mission(desk.home, "cancel", "progress", "--wait").code == 0
    follower.wait_for_end()
    assert follower.text.count("layer") == 1
