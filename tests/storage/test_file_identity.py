"""A database file that goes, is replaced or emptied, and a key that is lost: nothing is written."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.states import ExecutionState
from core.errors import UnavailableError
from storage.file.file_identity import CHECK_INTERVAL_SECONDS, DatabaseReplacedError, is_created
from storage.file.keystore import PRIVATE_FILE, load_or_create_signer, load_signer
from storage.read.reader import open_reader
from storage.write.store import Store, open_store, require_signer
from tests.support.cli import mission, start
from tests.support.story import SteppingClock, Story, StorySigner
from tests.support.waiting import wait_until

HELLO = """\
version: "1.0"
name: hello
steps: [{id: a, step_type: noop}]
"""
SLOW = """\
version: "1.0"
name: slow
steps:
  - id: a
    step_type: script
    parameters: {script: "touch started; while [ ! -e go ]; do sleep 0.02; done"}
  - {id: b, step_type: noop, depends_on: [a]}
"""


async def a_running(path: Path) -> tuple[Store, Story]:
    clock = SteppingClock()
    store = await open_store(path, StorySigner(), clock=clock)
    story = Story("a", clock=clock).create().move(ExecutionState.RUNNING)
    await store.journal.submit(story.batch())
    return store, story


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def delete_the_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


@pytest.mark.parametrize("lose", [delete, replace, delete_the_log, move_the_folder])
async def test_a_file_that_goes_fails_closed(
    tmp_path: Path, lose: Callable[[Path], object]
) -> None:
    store, story = await a_running(tmp_path / "home" / "m.db")
    lose(store.path)
    await asyncio.sleep(CHECK_INTERVAL_SECONDS)
    with pytest.raises(UnavailableError, match=r"was (deleted|replaced by another file) while"):
        await store.journal.submit(story.begin("a").batch())
    with pytest.raises(UnavailableError):
        await store.journal.flush()
    await store.close()


async def test_a_heartbeat_notices_that_the_file_is_gone(tmp_path: Path) -> None:
    store, story = await a_running(tmp_path / "m.db")
    lease = await store.control.acquire(story.execution_id)
    delete(store.path)
    with pytest.raises(UnavailableError, match="was deleted while"):
        await store.control.renew(lease)
    await store.close()


async def test_a_reader_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    store, _ = await a_running(tmp_path / "m.db")
    reader = open_reader(store.path)
    reader.data_version()
    replace(store.path)
    with pytest.raises(UnavailableError, match="deleted or replaced"):
        reader.data_version()
    reader.close()
    await store.close()


def test_an_empty_file_is_a_database_yet_to_be_made(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    assert not is_created(path)
    path.touch()
    assert not is_created(path)
    with pytest.raises(UnavailableError, match="there is no database"):
        open_reader(path)


def test_a_file_that_was_emptied_beside_its_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    path.touch()
    path.with_name("m.db-wal").write_bytes(b"pages")
    with pytest.raises(UnavailableError, match="was truncated"):
        is_created(path)


async def test_the_key_of_a_log_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    store, _ = await a_running(tmp_path / "m.db")
    await store.close()
    require_signer(store.path, StorySigner())
    with pytest.raises(UnavailableError, match="is missing"):
        require_signer(store.path, None)
    with pytest.raises(UnavailableError, match="another key"):
        require_signer(store.path, load_or_create_signer(tmp_path / "keys"))


def test_looking_for_a_key_makes_none(tmp_path: Path) -> None:
    assert load_signer(tmp_path / "keys") is None
    assert not (tmp_path / "keys").exists()
    made = load_or_create_signer(tmp_path / "keys")
    found = load_signer(tmp_path / "keys")
    assert found is not None
    assert found.public_key == made.public_key


def test_moved_files_are_unavailable_and_exit_so() -> None:
    assert DatabaseReplacedError("x").exit_code == UnavailableError.exit_code


# --- as a user meets it -------------------------------------------------------------------------


def write(folder: Path, text: str) -> str:
    (folder / "m.yaml").write_text(text)
    return str(folder / "m.yaml")


@pytest.mark.parametrize("arguments", [("ls",), ("ls", "--json"), ("doctor",)])
def test_commands_that_look_take_an_empty_file_for_a_new_database(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "missions.db").touch()
    assert mission(home, *arguments).code == 0
    assert (home / "missions.db").stat().st_size == 0


def test_a_run_fills_an_empty_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "missions.db").touch()
    assert mission(home, "run", write(tmp_path, HELLO)).code == 0
    assert "hello" in mission(home, "ls").out


@pytest.mark.parametrize("lost", ["lost", "another"])
def test_a_lost_key_is_not_made_anew(tmp_path: Path, lost: str) -> None:
    home = tmp_path / "home"
    path = write(tmp_path, HELLO)
    assert mission(home, "run", path).code == 0
    keys = home / "keys"
    (keys / PRIVATE_FILE).unlink()
    if lost == "another":
        load_or_create_signer(tmp_path / "other")
        shutil.copy2(tmp_path / "other" / PRIVATE_FILE, keys / PRIVATE_FILE)
    before = {file: file.read_bytes() for file in home.iterdir() if file.is_file()}
    there = sorted(keys.iterdir())
    ran = mission(home, "run", path)
    assert ran.code == UnavailableError.exit_code
    assert ("missing" if lost == "lost" else "another key") in ran.err
    assert sorted(keys.iterdir()) == there
    assert {file: file.read_bytes() for file in before} == before
    if lost == "lost":
        doctor = mission(home, "doctor")
        assert doctor.code == UnavailableError.exit_code
        assert "audit.pem is missing" in doctor.out


def test_a_run_whose_database_is_deleted_does_not_end_as_a_success(tmp_path: Path) -> None:
    home = tmp_path / "home"
    running = start(home, "run", write(tmp_path, SLOW))
    wait_until((tmp_path / "started").exists, "the step starts")
    (home / "missions.db").unlink()
    (tmp_path / "go").touch()
    out, err = running.communicate(timeout=30)
    assert running.returncode == UnavailableError.exit_code, (out, err)
    assert b"was deleted while it was in use" in err
