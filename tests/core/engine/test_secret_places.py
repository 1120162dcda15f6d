"""The private folders of attempts that read secrets, and what a killed runner left of them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from core.engine.secret_delivery import FOLDER_PREFIX, private_place, remove_abandoned_places


def killed_runner_place(folder: Path) -> Path:
    """Return the place that a runner left which was killed, and which nobody has waited for yet."""
    program = """
import sys
from core.engine.secret_delivery import private_place
place = private_place()
print(place.__enter__(), flush=True)
sys.stdin.read()
"""
    runner = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    )
    with runner:
        assert runner.stdout is not None
        place = Path(runner.stdout.readline().decode().strip())
        runner.kill()
        os.waitid(os.P_PID, runner.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie
        remove_abandoned_places()
        return place


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
    other = tmp_path / f"{FOLDER_PREFIX}notes-x"
    elsewhere = tmp_path / f"{FOLDER_PREFIX}1-1-0123456789abcdef-x"
    for folder in (other, elsewhere):
        folder.mkdir()
        (folder / "KEY").write_text("value")
    link = tmp_path / f"{FOLDER_PREFIX}1-1-0-link"
    link.symlink_to(other)
    with private_place() as ours:
        (ours / "KEY").write_text("value")
        dead = killed_runner_place(tmp_path)
        assert dead.parent == tmp_path
        assert not dead.exists()
        assert (ours / "KEY").exists()
    assert (other / "KEY").exists()
    assert (elsewhere / "KEY").exists(), "a runner of another boot or container"
    assert link.is_symlink()
