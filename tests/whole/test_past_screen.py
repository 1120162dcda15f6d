"""What went wrong last night, on a real terminal: the comparison, the moment, and the history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission
from tests.support.terminal import Terminal

MISSION = """\
version: "1.0"
name: nightly
params:
  source: {type: string, default: replica-1}
steps:
  - {id: fetch, name: Fetch, step_type: log, parameters: {message: "from {{ params.source }}"}}
  - id: load
    name: Load
    step_type: command
    depends_on: [fetch]
    parameters:
      command: sh
      args: [-c, 'echo "loading {{ params.source }}"; test "{{ params.source }}" = replica-1']
  - {id: publish, name: Publish, step_type: noop, depends_on: [load]}
"""


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    found: list[Terminal] = []
    yield found
    for terminal in found:
        terminal.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_from_a_failed_night_to_what_differs_and_to_the_moment_it_happened(
    columns: int, rows: int, tmp_path: Path, terminals: list[Terminal]
) -> None:
    home, file = tmp_path / "home", tmp_path / "nightly.yaml"
    file.write_text(MISSION)
    assert mission(home, "run", str(file)).code == 0
    assert mission(home, "run", str(file), "-p", "source=replica-2").code == 1
    env = environment(home)
    argv = [str(SCRIPT), "open", "nightly"]
    terminal = Terminal(argv, env, tmp_path, columns=columns, rows=rows)
    terminals.append(terminal)
    terminal.wait_for("nightly#2", "load", "exit 1")
    terminal.send("D")
    terminal.wait_for("compared with nightly#1", "`source`: replica-1 → replica-2", "load: done →")
    terminal.send("q")
    terminal.wait_for("1 List")
    terminal.send("(<")
    terminal.wait_for("THE PAST", "▶ load")
    terminal.send("R")
    terminal.wait_for("this is the past")
    terminal.send("2")
    terminal.wait_for("▶ Load", "○ Publish")
    terminal.send(".")
    terminal.wait_for("✗ Load")
    terminal.settle()
    assert "THE PAST" not in terminal.text
    terminal.send("H")
    terminal.wait_for("mission nightly", "succeeded in 1 of 2 decided runs", "nightly#1")
    terminal.send("qqq")
    assert terminal.wait_for_end() == 0
