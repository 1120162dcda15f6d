"""The audit screen on a real terminal, over a real database: verified, exported, and broken."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import SCRIPT, environment, mission
from tests.support.terminal import Terminal

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
  - {id: b, name: B, step_type: noop, depends_on: [a]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(MISSION)
    assert mission(tmp_path / "home", "run", str(tmp_path / "small.yaml")).code == 0
    return tmp_path


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    found: list[Terminal] = []
    yield found
    for terminal in found:
        terminal.kill()


def open_screen(folder: Path, terminals: list[Terminal]) -> Terminal:
    env = environment(folder / "home", MISSION_MISSIONS=str(folder))
    terminals.append(Terminal([str(SCRIPT)], env, folder, columns=120, rows=40))
    return terminals[-1]


@pytest.mark.slow
def test_a_log_is_verified_exported_and_found_broken_on_a_terminal(
    folder: Path, terminals: list[Terminal]
) -> None:
    terminal = open_screen(folder, terminals)
    terminal.wait_for("mission deck", "small")
    terminal.send("A")
    terminal.wait_for("audit log", "execution.finalized", "sealed the record")
    assert "✓ INTACT" not in terminal.text
    terminal.send("v")
    terminal.wait_for("✓ INTACT", "with all records", "a trusted key signed them")
    terminal.send("S")
    terminal.wait_for("written to", "small-1.zip")
    terminal.send("q")
    terminal.wait_for("Executions")
    terminal.send("q")
    assert terminal.wait_for_end() == 0
    assert mission(folder / "home", "audit", "verify", str(folder / "small-1.zip")).code == 0
    assert list((folder / "home/keys").glob("verified-*.note"))

    assert mission(folder / "home", "run", str(folder / "small.yaml")).code == 0
    with closing(sqlite3.connect(folder / "home/missions.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER event_never_updated")
        last = connection.execute("SELECT max(seq) FROM event").fetchone()[0]
        connection.execute("UPDATE event SET actor = 'eve' WHERE seq = ?", (last - 1,))
    terminal = open_screen(folder, terminals)
    terminal.wait_for(f"the audit log does not verify: MODIFIED at {last - 1}")
    terminal.send("A")
    terminal.wait_for("audit log", f"MODIFIED at {last - 1}")
    terminal.send("e")
    terminal.wait_for("expected actor", "found actor", "eve")
    terminal.send("q")
    terminal.wait_for("Executions")
    terminal.send("q")
    assert terminal.wait_for_end() == 0
