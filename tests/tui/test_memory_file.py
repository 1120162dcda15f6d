"""What the screen remembers from one session to the next, in a file that may hold anything."""

from pathlib import Path

import pytest

from tui.host.memory_file import MemoryFile
from tui.live.home.screen_memory import ATTENTION_NS, attention_floor

NOW = 1_760_000_000_000_000_000


def test_two_screens_remember_what_either_was_told(tmp_path: Path) -> None:
    path = tmp_path / "state" / "screen.json"
    one, other = MemoryFile(path), MemoryFile(path)
    one.look_at(["a", "b"], NOW)
    other.look_at(["c"], NOW + 1)
    other.keep_size("missions", 40)
    assert other.looked_at() == {"a", "b", "c"}
    assert MemoryFile(path).looked_at() == {"a", "b", "c"}
    assert MemoryFile(path).sizes() == {"missions": 40}
    assert [entry.name for entry in path.parent.iterdir()] == ["screen.json"]


def test_what_can_need_nobody_any_more_is_forgotten(tmp_path: Path) -> None:
    memory = MemoryFile(tmp_path / "screen.json")
    memory.look_at(["old"], NOW)
    memory.look_at(["new"], NOW + ATTENTION_NS)
    assert memory.looked_at() == {"new"}
    assert attention_floor(NOW) <= NOW - ATTENTION_NS


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"looked_at": {"a": "soon"}}'])
def test_a_file_that_is_not_ours_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "screen.json"
    path.write_bytes(content)
    memory = MemoryFile(path)
    assert memory.looked_at() == frozenset()
    memory.look_at(["a"], NOW)
    assert MemoryFile(path).looked_at() == {"a"}


def test_what_cannot_be_written_is_remembered_for_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = MemoryFile(tmp_path / "file" / "screen.json")
    memory.look_at(["a"], NOW)
    memory.keep_size("missions", 50)
    assert memory.looked_at() == {"a"}
    assert memory.sizes() == {"missions": 50}
