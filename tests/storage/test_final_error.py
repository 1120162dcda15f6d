"""The final error of a runner that cannot write any more: stored on a full disk, shown, removed."""

import os
import stat
import threading
from pathlib import Path

import pytest

from core.domain.events import Noted
from core.errors import MissionDeckError, UnavailableError
from storage.file.final_error import (
    MAX_EXECUTIONS,
    SLOT_BYTES,
    SLOTS,
    FinalError,
    Reserve,
    clear_final_errors,
    read_final_errors,
)
from storage.write.store import open_store
from tests.cli.test_run import SLOW, a_file, wait_until_running
from tests.support.cli import mission, start
from tests.support.disks import enlarge, filled, remounted_readonly, small_disk
from tests.support.story import SteppingClock, Story, StorySigner

FULL = UnavailableError("the disk is full")


def a_reserve(tmp_path: Path) -> tuple[Path, Reserve]:
    path = tmp_path / "missions.db"
    return path, Reserve(path)


def test_a_word_is_read_and_forgotten(tmp_path: Path) -> None:
    path, reserve = a_reserve(tmp_path)
    assert read_final_errors(path) == []
    reserve.write(7, FULL, ["x"])
    reserve.write(3, FULL, ["y"])
    words = read_final_errors(path)
    pid = os.getpid()
    assert words == [
        FinalError(at=3, pid=pid, message="the disk is full", executions=("y",)),
        FinalError(at=7, pid=pid, message="the disk is full", executions=("x",)),
    ]
    clear_final_errors(path, words[:1])
    assert read_final_errors(path) == words[1:]
    clear_final_errors(path, words)
    assert read_final_errors(path) == []
    reserve.close()
    reserve.close()


def test_the_reserve_is_allocated_in_advance_and_the_owners_alone(tmp_path: Path) -> None:
    _, reserve = a_reserve(tmp_path)
    found = (tmp_path / "missions.db.reserve").stat()
    assert found.st_size == SLOTS * SLOT_BYTES
    os.sync()
    assert (tmp_path / "missions.db.reserve").stat().st_blocks * 512 >= SLOTS * SLOT_BYTES
    assert stat.S_IMODE(found.st_mode) == 0o600
    reserve.close()


def test_a_word_fits_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        path, reserve = a_reserve(disk)
        with filled(disk):
            reserve.write(7, FULL, ["x"])
            assert [word.at for word in read_final_errors(path)] == [7]
        reserve.close()


def test_without_room_for_the_reserve_nothing_breaks(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk, filled(disk):
        path, reserve = a_reserve(disk)
        reserve.write(7, FULL, ["x"])
        assert read_final_errors(path) == []
        reserve.close()


def test_more_words_than_slots_are_dropped(tmp_path: Path) -> None:
    path, reserve = a_reserve(tmp_path)
    for at in range(SLOTS + 5):
        reserve.write(at, FULL, ["x"])
    assert [word.at for word in read_final_errors(path)] == list(range(SLOTS))
    reserve.close()


def test_words_of_several_writers_take_a_slot_each(tmp_path: Path) -> None:
    path = tmp_path / "missions.db"

    def write(at: int) -> None:
        reserve = Reserve(path)
        reserve.write(at, FULL, ["x"])
        reserve.close()

    writers = [threading.Thread(target=write, args=(at,)) for at in range(SLOTS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [word.at for word in read_final_errors(path)] == list(range(SLOTS))


@pytest.mark.parametrize("message", ["x" * 9999, "\x00\x1b" * 500, "é漢🚀" * 400, "\ud800" * 999])
def test_any_message_is_cut_to_its_slot(tmp_path: Path, message: str) -> None:
    path, reserve = a_reserve(tmp_path)
    ids = ["01a2232b-7433-7574-8604-08f1beecf729"] * 99
    reserve.write(1, MissionDeckError(message), ids)
    reserve.write(2, FULL, ["y"])
    first, second = read_final_errors(path)
    assert len(first.executions) == MAX_EXECUTIONS
    assert first.message
    assert second.executions == ("y",)
    reserve.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"{" * 5000, b"null", b'{"at":1}', os.urandom(20_000), b'{"at": 1e999}',
     b'{"at": 1, "pid": 2, "message": "m", "executions": 3}'.ljust(SLOT_BYTES, b"\0")],
)  # fmt: skip
def test_what_is_no_word_is_ignored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "missions.db.reserve").write_bytes(content)
    path, reserve = a_reserve(tmp_path)
    assert read_final_errors(path) == []
    reserve.close()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "missing"])
def test_what_is_no_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "missions.db.reserve"
    if kind == "link":
        place.symlink_to(tmp_path / "target")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    assert read_final_errors(tmp_path / "missions.db") == []
    _, reserve = a_reserve(tmp_path)
    reserve.write(1, FULL, ["x"])
    reserve.close()
    assert not (tmp_path / "target").exists()


# --- who writes one ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_owner", [True, False])
async def test_only_who_runs_an_execution_leaves_a_last_word(
    tmp_path: Path, is_owner: bool
) -> None:
    clock = SteppingClock()
    store = await open_store(tmp_path / "missions.db", StorySigner(), clock=clock)
    story = Story("a", clock=clock).create()
    await store.journal.submit(story.batch())
    if is_owner:
        await store.control.acquire(story.execution_id)
    else:
        await store.control.fence(story.execution_id)
    raw = store.journal._writer._connection._conn
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.execute(f"PRAGMA max_page_count = {pages}")
    story.emit(a_large_note(story))
    with pytest.raises(UnavailableError, match="full"):
        await store.journal.submit(story.batch())
    await store.close()
    words = read_final_errors(store.path)
    assert [word.executions for word in words] == [(story.execution_id,)] * is_owner
    assert all("full" in word.message for word in words)


ON_A_SMALL_DISK = SLOW.replace("config: {", "config: {breaker: {free_disk_mb: 0}, ")
FLOOD = """\
version: "1.0"
name: flood
config: {breaker: {free_disk_mb: 0}}
steps:
  - id: pours
    step_type: command
    parameters: {command: sh, args: ["-c", "head -c 9000000 /dev/zero | tr '\\\\0' x; sleep 60"]}
  - {id: sleeps, step_type: command, parameters: {command: sleep, args: ["60.731"]}}
  - {id: later, step_type: noop, depends_on: [sleeps]}
"""


def test_a_full_disk_stops_a_run_which_the_next_command_says_and_which_can_go_on(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        home = disk / "home"
        ran = mission(home, "run", a_file(tmp_path, FLOOD))
        assert ran.code == 9
        assert "disk is full" in ran.err
        assert "mission resume" in ran.err
        assert not any(b"60.731" in line for line in command_lines())
        with filled(disk):
            ran = mission(home, "ls")
            assert ran.code == 0
            assert ran.err.count("stopped, because it could not write any more: ") == 1
            assert "the runner of flood#1 " in ran.err
        enlarge(disk, "16m")
        mission(home, "ls")  # what could not be recorded before is recorded now, and forgotten
        assert mission(home, "ls").err == ""
        shown = mission(home, "show", "@last", "--json").json
        assert shown["reason_code"] == "RUNNER_LOST"
        assert "disk is full" in str(shown)
        assert mission(home, "cancel", "@last", "--wait").code in {0, 5}
        assert mission(home, "audit", "verify").code == 0
        assert mission(home, "db", "check").code == 0


def test_a_loss_that_cannot_be_recorded_is_said_again_and_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        home = disk / "home"
        running = start(home, "run", a_file(tmp_path, ON_A_SMALL_DISK))
        wait_until_running(home, "long")
        running.kill()
        running.communicate()
        with remounted_readonly(disk):
            for _ in range(2):
                ran = mission(home, "ls")
                assert ran.code == 0
                assert "died, which cannot be recorded: " in ran.err
                assert "read-only" in ran.err
            watched = mission(home, "watch", "@last", "--timeout", "60")
            assert watched.code == 9
            assert watched.err.count("cannot be recorded") == 1
        assert "`mission resume " in mission(home, "ls").err
        assert mission(home, "cancel", "@last", "--wait").code in {0, 5}


def command_lines() -> list[bytes]:
    """Return the command lines of all processes."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(place.read_bytes())
        except OSError:
            continue
    return found


def a_large_note(story: Story) -> Noted:
    return Noted(
        at=story.clock.now(),
        execution_id=story.execution_id,
        kind="note",
        facts={"text": "x" * 50_000},
    )
