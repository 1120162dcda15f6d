"""The whole program on a real terminal, over a real database, with real runners."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission
from tests.support.terminal import Terminal

SAMPLES = Path(__file__).parents[1] / "sample_missions"
ENTER, ESCAPE, CTRL_R = "\r", "\x1b", "\x12"
RUNAWAY = """
version: "1.0"
name: runaway
steps:
  - {id: forever, name: forever, step_type: command, parameters: {command: sleep, args: ["300"]}}
  - {id: after, name: after, step_type: noop, depends_on: [forever]}
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

    def sit_down(self, *, columns: int = 80, rows: int = 24) -> Terminal:
        """Open the screen on a new terminal."""
        env = environment(self.home, MISSION_MISSIONS=str(self.missions))
        found = Terminal([str(SCRIPT)], env, self.missions, columns=columns, rows=rows)
        self._open.append(found)
        return found

    def leave(self) -> None:
        for terminal in self._open:
            terminal.kill()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.leave()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_a_mission_is_launched_watched_and_left_by_keyboard(
    desk: Desk, columns: int, rows: int
) -> None:
    shutil.copy(SAMPLES / "hello.yaml", desk.missions)
    terminal = desk.sit_down(columns=columns, rows=rows)
    terminal.wait_for("mission deck", "hello", "4 steps")
    terminal.send("n")
    terminal.wait_for("Launch", "Plan in order")
    terminal.send(CTRL_R)
    terminal.wait_for("✓ done", "100%")
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
