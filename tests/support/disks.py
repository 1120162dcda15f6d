"""Small file systems to fill, and processes that no superuser's right helps over a file's mode."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *commands: Sequence[str]) -> Iterator[Path]:
    """Mount something on `folder` by options of `mount`; skip the test where we may not.

    Each of `commands` is one call of it, the folder behind its options.
    """
    folder.mkdir(exist_ok=True)
    is_mounted = False
    try:
        for options in commands:
            made = subprocess.run(
                ["mount", *options, str(folder)], check=False, capture_output=True
            )
            if made.returncode:
                pytest.skip(f"mounting is not permitted: {made.stderr.decode().strip()}")
            is_mounted = True
        yield folder
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs of `size` (as `600k`) on `folder`; skip the test where we may not."""
    with mounted(folder, ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]) as disk:
        yield disk


def enlarge(disk: Path, size: str) -> None:
    """Give a small disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


@contextmanager
def remounted_readonly(disk: Path) -> Iterator[None]:
    """Let a mounted disk be read-only for a while."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk of `folder` to the last byte; return the file to delete to free it again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                written = file.write(b"x" * size)
                size = size if written == size else size // 2
            except OSError:
                size //= 2
    return filler


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Let the disk of `folder` be full for a while."""
    filler = fill(folder)
    try:
        yield
    finally:
        filler.unlink()


def unprivileged() -> Sequence[str]:
    """Return the command that runs another one without a superuser's right to ignore modes."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("a superuser needs setpriv to be refused anything")
    return ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")


def give_away(*paths: Path) -> None:
    """Let files belong to another user; skip the test where we may not."""
    if os.geteuid():
        pytest.skip("only a superuser can give a file away")
    for path in paths:
        os.chown(path, 65534, -1)
