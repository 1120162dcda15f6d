"""A database that the system keeps from us: by its mode, its owner, its mount, its file system."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import UnavailableError
from storage.file import network_mount
from storage.file.connection import ImmutableConnection, open_readonly
from storage.file.network_mount import network_file_system, require_local
from storage.read.reader import open_reader
from storage.write.store import open_store
from tests.support.cli import Inside, Ran, mission
from tests.support.disks import give_away, mounted, unprivileged
from tests.support.story import StorySigner

MISSION = """
version: "1.0"
name: little
steps:
  - {id: a, step_type: noop}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(tmp_path / "home", monkeypatch, capfd)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with one execution in it, whose modes a test may change."""
    (tmp_path / "m.yaml").write_text(MISSION)
    home = tmp_path / "home"
    assert mission(home, "run", "m.yaml", cwd=tmp_path).code == 0
    yield home
    home.chmod(0o700)


def asked(home: Path, *arguments: str) -> Ran:
    """Run a command as somebody whom modes concern."""
    return mission(home, *arguments, cwd=home.parent, prefix=unprivileged())


def assert_named(ran: Ran, *words: str) -> None:
    """The command was refused with exit code 9 and these words, and a way out."""
    assert (ran.code, ran.out) == (9, "")
    for word in words:
        assert word in ran.err
    assert "hint: " in ran.err
    assert "Traceback" not in ran.err


def assert_looks(home: Path) -> None:
    """Looking works."""
    assert "little#1" in asked(home, "ls").out
    assert asked(home, "db", "check").code == 0
    assert asked(home, "audit", "verify").code == 0
    target = home.parent / "copy.db"
    assert asked(home, "db", "backup", str(target)).code == 0
    target.unlink()


def test_a_file_that_is_read_only_can_be_looked_at(home: Path) -> None:
    (home / "missions.db").chmod(0o400)
    assert_looks(home)
    assert_named(asked(home, "run", "m.yaml"), "missions.db cannot be written, mode 400", "chmod")


def test_a_folder_that_is_read_only_can_be_looked_into(home: Path) -> None:
    home.chmod(0o500)
    assert_looks(home)
    assert_named(asked(home, "run", "m.yaml"), f"{home} cannot be written, mode 500", "chmod")
    assert not list(home.glob("*-wal"))


def test_a_read_only_mount_can_be_looked_at(home: Path) -> None:
    with mounted(home, ["--bind", str(home)], ["-o", "remount,ro,bind"]):
        assert_looks(home)
        assert_named(asked(home, "run", "m.yaml"), "read-only file system", "--db")


def test_a_read_only_folder_of_a_killed_runner_is_refused_with_its_name(home: Path) -> None:
    (home / "missions.db-wal").write_bytes(b"x")
    home.chmod(0o500)
    assert_named(asked(home, "ls"), f"{home} cannot be written, mode 500")


def test_a_file_of_another_owner_is_named_with_the_owner(home: Path) -> None:
    give_away(home / "missions.db")
    for command in (("ls",), ("run", "m.yaml"), ("db", "check"), ("audit", "verify")):
        assert_named(asked(home, *command), "missions.db belongs to user nobody (uid 65534)")


def test_a_readable_folder_of_another_owner_can_be_looked_into(home: Path) -> None:
    (home / "missions.db").chmod(0o644)
    home.chmod(0o755)
    give_away(home, home / "missions.db")
    assert_looks(home)
    ran = asked(home, "run", "m.yaml")
    assert_named(ran, f"{home} belongs to user nobody (uid 65534)", "written")


def test_keys_of_another_owner_are_named_with_the_owner(home: Path) -> None:
    give_away(home / "keys")
    assert_named(asked(home, "run", "m.yaml"), "belongs to user nobody (uid 65534)")


async def test_whoever_took_a_file_for_unwritten_hears_that_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missions.db"
    await (await open_store(path, StorySigner())).close()
    monkeypatch.setattr("storage.file.connection.is_writable_folder", lambda _folder: False)
    with closing(open_readonly(path)) as connection:
        assert isinstance(connection, ImmutableConnection)
    with closing(open_reader(path)) as reader:
        before = reader.data_version()
        assert reader.data_version() == before
        store = await open_store(path, StorySigner())
        await store.control.release(await store.control.acquire("x"))
        with pytest.raises(UnavailableError, match="begun to write"):
            reader.data_version()
        await store.close()


TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 {device} / /home/me rw,noatime shared:12 master:1 - {kind} server:/export rw,vers=4.2
40 22 0:99 /a\\040b /mnt/with\\040space rw - tmpfs tmpfs rw
garbage
"""


def table(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table of mounts say that the device of `folder` is of that kind."""
    device = folder.stat().st_dev
    text = TABLE.format(device=f"{os.major(device)}:{os.minor(device)}", kind=kind)
    (folder / "mountinfo").write_text(text)
    monkeypatch.setattr(network_mount, "MOUNTS", folder / "mountinfo")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
async def test_a_network_file_system_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    table(tmp_path, kind, monkeypatch)
    path = tmp_path / "below" / "missions.db"
    with pytest.raises(UnavailableError, match=f"network file system \\({kind}\\)") as caught:
        await open_store(path, StorySigner())
    assert "--db" in (caught.value.hint or "")
    assert not path.parent.exists()


async def test_what_is_on_a_network_file_system_can_be_copied_off_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missions.db"
    await (await open_store(path, StorySigner())).close()
    table(tmp_path, "nfs", monkeypatch)
    with closing(open_readonly(path)) as connection:
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (1,)


def test_doctor_names_a_network_file_system(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path, "nfs4", monkeypatch)
    ran = inside("doctor")
    assert ran.code == 9
    assert "network file system (nfs4)" in ran.out + ran.err


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "btrfs", "fuse.ntfs-3g", "overlay"])
def test_local_file_systems_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    table(tmp_path, kind, monkeypatch)
    require_local(tmp_path / "missions.db")


def test_without_a_table_of_mounts_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_mount, "MOUNTS", tmp_path / "none")
    assert network_file_system(tmp_path) is None
