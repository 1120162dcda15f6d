"""The store of artifacts by content: what a killed writer leaves, and what stays."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.output.content_store import NEW_SECONDS, ContentStore


def test_what_a_killed_writer_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "kept")
    digest = store.put([b"content"])
    names = ("killed", "written", "new")
    paths = {name: store.folder / f".{name}.unfinished" for name in names}
    for path in paths.values():
        path.write_bytes(b"half")
        os.utime(path, (0, time.time() - NEW_SECONDS - 5))
    os.utime(paths["new"])
    with paths["written"].open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert store.remove_unfinished() == 1
    assert [name for name, path in paths.items() if path.exists()] == ["written", "new"]
    assert b"".join(store.pieces(digest)) == b"content"
    next_runner = ContentStore(store.folder)
    next_runner.put([b"more"])
    assert [name for name, path in paths.items() if path.exists()] == ["new"]


def test_content_is_removed_once(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    digest = store.put([b"con", b"tent"])
    assert store.remove(digest) == 7
    assert store.remove(digest) == 0
    with pytest.raises(NotFoundError):
        list(store.pieces(digest))
