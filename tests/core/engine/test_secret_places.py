"""The private folders of attempts that read secrets, and what a killed runner left of them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.engine.secret_delivery import FOLDER_PREFIX, private_place, remove_abandoned_places


def dead_pid() -> int:
    """Return the pid of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_a_place_is_private_and_removed_with_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with private_place() as place:
        assert place.parent == tmp_path
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (place / "KEY").write_text("value")
    assert list(tmp_path.iterdir()) == []


def test_places_of_dead_runners_are_removed_and_those_of_living_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    dead = tmp_path / f"{FOLDER_PREFIX}{dead_pid()}-x"
    ours = tmp_path / f"{FOLDER_PREFIX}{os.getpid()}-x"
    other = tmp_path / f"{FOLDER_PREFIX}notes-x"
    for folder in (dead, ours, other):
        folder.mkdir()
        (folder / "KEY").write_text("value")
    link = tmp_path / f"{FOLDER_PREFIX}{dead_pid()}-link"
    link.symlink_to(other)
    remove_abandoned_places()
    assert not dead.exists()
    assert (ours / "KEY").exists()
    assert (other / "KEY").exists()
    assert link.is_symlink()
