"""`run --watch`: which files count, when a change is over, and runs one after another."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.mission_file.load import load_mission
from tests.support.cli import Inside, environment
from tui.cli.following import run_again
from tui.cli.following.watched_files import (
    SETTLE_SECONDS,
    State,
    changed,
    files_of,
    state_of,
    wait_for_change,
)

MISSION = """\
version: "1.0"
name: again
include: [more.yaml]
env_files: [.env]
steps:
  - {id: a, run: 'cat note.txt; echo x >> counted; exit 0'}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(MISSION)
    (tmp_path / "more.yaml").write_text("variables: {x: 1}\n")
    (tmp_path / ".env").write_text("A=1\n")
    (tmp_path / "note.txt").write_text("one\n")
    (tmp_path / "src" / ".git").mkdir(parents=True)
    (tmp_path / "src" / "deep").mkdir()
    for name in ("src/b", "src/deep/c", "src/.git/index"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_files_of_a_mission_and_of_folders_that_are_named(folder: Path) -> None:
    loaded = load_mission(folder / "m.yaml")

    files = files_of(loaded, folder / "m.yaml", [folder / "src", folder / "gone"])

    assert [str(file.relative_to(folder)) for file in files] == [
        *("m.yaml", "more.yaml", ".env", "src/b", "src/deep/c", "gone"),
    ]


def test_what_steps_read_is_looked_at_but_not_what_they_make(folder: Path) -> None:
    (folder / "m.yaml").write_text(
        'version: "1.0"\nname: b\nparams: {top: {default: src}}\nconfig: {working_dir: .}\nsteps:\n'
        "  - {id: a, foreach: [b, gone], working_dir: '{{ params.top }}', run: x,\n"
        "     inputs: '{{ item }}', outputs: ['deep/{{ item }}.o']}\n"
        "  - {id: l, depends_on: a, run: x, inputs: ['src/deep/*'], outputs: app}\n"
        "  - {id: o, foreach: '{{ steps.l.output[\"values\"] }}', depends_on: l, run: x,\n"
        "     inputs: 'note.{{ item }}'}\n"
    )
    (folder / "src/deep/b.o").touch()
    loaded = load_mission(folder / "m.yaml")
    assert loaded.ok, loaded.diagnostics

    files = files_of(loaded, folder / "m.yaml", [])

    names = [str(file.relative_to(folder)) for file in files]
    assert names == ["m.yaml", "note.txt", "src/b", "src/deep/c"]


def test_a_file_that_comes_goes_or_is_written_has_changed(folder: Path) -> None:
    names = [folder / "note.txt", folder / "new", folder / ".env"]
    before = state_of(names)
    (folder / "new").touch()
    (folder / ".env").unlink()
    (folder / "note.txt").write_text("other")

    assert changed(before, state_of(names)) == sorted(names)
    assert changed(before, before) == []


def test_a_change_counts_when_it_is_over() -> None:
    file = Path("f")
    states: list[State] = [{file: (n, 0, 0)} for n in (1, 1, 2, 3, 3, 3)]
    slept: list[float] = []

    found = wait_for_change(lambda: states.pop(0), states[0], slept.append)

    assert found == [file]
    assert states == []
    assert slept.count(SETTLE_SECONDS) == 2


def test_what_cannot_be_watched_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    inside = Inside(folder / "home", monkeypatch, capfd)

    assert inside("run", "-", "--watch").code == 2
    assert inside("run", "m.yaml", "--also", "src").code == 2
    assert inside("run", "m.yaml", "--watch", "--detach").code == 2


def test_a_mission_file_that_is_gone_or_wrong_for_a_while_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    file = folder / "m.yaml"
    runs: list[bool] = []
    happenings: list[Callable[[], object]] = [
        file.unlink,
        lambda: file.write_text(MISSION + "bad: ["),
        lambda: None,
        lambda: file.write_text(MISSION),
    ]

    def sleep(_seconds: float) -> None:
        if happenings:
            happenings.pop(0)()

    def run_once(_arguments: object) -> None:
        runs.append(file.exists())
        if not happenings:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(run_again, "_run_once", run_once)
    said: list[str] = []
    console = SimpleNamespace(say=said.append, flush=lambda: None)
    invocation = cast("Any", SimpleNamespace(console=console))

    assert run_again.run_again(invocation, "m.yaml", [], []) == 130

    assert runs == [True, True, True]
    assert said[0] == "watching 3 files; Ctrl-C ends"
    assert said.count("m.yaml changed") == 2


@pytest.mark.slow
def test_a_mission_runs_again_when_a_file_changes_and_not_for_what_it_writes(folder: Path) -> None:
    command = "from tui.cli.main import entry; entry()"
    arguments = ("run", "m.yaml", "--watch", "--also", "note.txt", "--also=counted")
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        cwd=folder,
        env=environment(folder / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        runs = folder / "counted"
        _wait(lambda: _lines(runs) == 2)  # once more: it writes a file that is looked at
        time.sleep(1.5)
        assert _lines(runs) == 2
        (folder / "note.txt").write_text("two\n")
        _wait(lambda: _lines(runs) == 3)
        time.sleep(1.5)
        assert _lines(runs) == 3
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate(timeout=20)
        assert process.returncode == 130
    assert "counted changed meanwhile: once more" in told
    assert "note.txt changed" in told
    assert "watching 5 files; Ctrl-C ends" in told


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def _wait(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
