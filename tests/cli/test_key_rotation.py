"""`audit key rotate`: the chain goes on under a new key, whenever the command is interrupted."""

import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import Inside, environment, mission, start
from tests.support.waiting import wait_until

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
"""
WAITS = """\
version: "1.0"
name: waits
steps:
  - {id: a, name: A, step_type: wait, parameters: {seconds: 600}}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    """Return the command line over a home in which a mission has run."""
    (tmp_path / "small.yaml").write_text(MISSION)
    monkeypatch.chdir(tmp_path)
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    assert inside("run", "small.yaml").code == 0
    return inside


def tail(vkey: str) -> str:
    """Return the key itself: the same one has another name in each log."""
    return vkey.rpartition("+")[2]


def test_the_log_is_continued_by_the_new_key_and_verified_by_each(inside: Inside) -> None:
    head = inside("audit", "verify", "--json").json["head"]
    keys = [inside("audit", "key", "show", "--json").json["signing"]]
    for _ in range(2):
        rotated = inside("audit", "key", "rotate", "--json")
        assert (rotated.code, rotated.json["old"]) == (0, keys[-1]), rotated.err
        keys.append(rotated.json["new"])
        shown = inside("audit", "key", "show", "--json").json
        assert (shown["signing"], shown["log"]["vkey"]) == (keys[-1], keys[-1])
        assert shown["staged"] is None
        assert inside("audit", "verify", "--deep").code == 0, "right behind the rotation"
        assert inside("run", "small.yaml").code == 0
    assert shown["trusted"] == sorted(keys, key=lambda key: key.split("+")[1])
    for key in keys:
        found = inside("audit", "verify", "--deep", "--head", head, "--key", key, "--json")
        assert (found.code, found.json["rotations"]) == (0, 2), found.out
        assert tail(found.json["pinned_key"]) == tail(key)
        assert tail(found.json["key"]) == tail(keys[-1])
    told = inside("audit", "verify").out
    assert "keys of the log: 3; pinned: missiondeck/" in told
    assert inside("audit", "export", "small#2", "-o", "two.zip").code == 0
    for key in keys:
        found = inside("audit", "verify", "two.zip", "--key", key, "--json")
        assert (found.code, found.json["rotations"]) == (0, 2), found.out
    stranger = "missiondeck+2957d57d+Af0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY"
    assert inside("audit", "verify", "two.zip", "--key", stranger).code == 8
    with zipfile.ZipFile("two.zip") as archive:
        archive.extractall("two")
    bare = subprocess.run(
        [sys.executable, "-I", "-S", "two/verify.py"], capture_output=True, text=True, check=False
    )
    assert (bare.returncode, bare.stderr) == (0, "")
    signers = bare.stdout.splitlines()[1:-1]
    assert [tail(line.split(": compare")[0]) for line in signers] == [tail(key) for key in keys]
    since = inside("audit", "verify", "--since-verified", "--json")
    assert (since.code, since.json["rotations"]) == (0, 2)
    assert (
        "handed the log over to the key missiondeck/"
        in inside("audit", "report", "--since", "1d").out
    )


def test_a_process_that_still_has_the_old_key_writes_nothing(inside: Inside) -> None:
    old = (inside.home / "keys" / "audit.pem").read_bytes()
    assert inside("audit", "key", "rotate").code == 0
    (inside.home / "keys" / "audit.pem").write_bytes(old)
    before = inside("audit", "verify", "--json").json["head"]
    for refused in (inside("run", "small.yaml"), inside("audit", "key", "rotate")):
        assert refused.code == 9
        assert "signed with another key" in refused.err
    assert inside("audit", "verify", "--json").json["head"] == before


def test_nothing_is_rotated_without_a_database(inside: Inside) -> None:
    shutil.rmtree(inside.home)
    assert inside("audit", "key", "rotate").code == 4
    assert not inside.home.exists()


PLACES = {
    "nothing is staged yet": ("storage.file.keystore.create_whole", 0),
    "staged": ("tui.host.session.rotate_key", 0),
    "in the transaction": ("storage.write.log_event.sign_checkpoint", 0),
    "before the commit": ("storage.write.key_change.insert_events", 0),
    "committed": ("tui.host.session.promote_next_signer", 1),
}
"""Where a rotation stops, and how many rotations the log has then."""


class StoppedError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("place", PLACES)
def test_stopped_anywhere_one_key_is_usable_and_the_record_is_true(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    name, rotations = PLACES[place]

    def stop(*_args: object, **_more: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(name, stop)
        with pytest.raises(StoppedError):
            inside("audit", "key", "rotate")
    _is_usable(inside.home, inside, rotations)


STOPS = """
import importlib, os, sys
module, _, name = sys.argv.pop(1).rpartition(".")
setattr(importlib.import_module(module), name, lambda *_args, **_more: os.kill(os.getpid(), 9))
from tui.cli.main import entry
sys.exit(entry())
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_one_key_is_usable_and_the_record_is_true(
    inside: Inside, place: str
) -> None:
    name, rotations = PLACES[place]
    killed = subprocess.run(
        [sys.executable, "-c", STOPS, name, "audit", "key", "rotate"],
        env=environment(inside.home), capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    _is_usable(inside.home, inside, rotations)


def _is_usable(home: Path, inside: Inside, rotations: int) -> None:
    shown = inside("audit", "key", "show", "--json").json
    assert shown["log"]["vkey"] == (shown["staged"] if rotations else shown["signing"])
    found = inside("audit", "verify", "--deep", "--json")
    assert (found.code, found.json["rotations"]) == (0, rotations)
    assert inside("run", "small.yaml").code == 0
    again = inside("audit", "key", "rotate", "--json")
    assert again.code == 0, again.err
    assert not (home / "keys" / "audit-next.pem").exists()
    found = inside("audit", "verify", "--deep", "--json")
    assert (found.json["verdict"], found.json["rotations"]) == ("INTACT", rotations + 1)


def test_a_key_is_not_rotated_under_a_runner(tmp_path: Path, inside: Inside) -> None:
    (tmp_path / "waits.yaml").write_text(WAITS)
    runner = start(inside.home, "run", str(tmp_path / "waits.yaml"))
    try:
        with closing(sqlite3.connect(inside.home / "missions.db")) as database:
            wait_until(
                lambda: database.execute("SELECT 1 FROM lease WHERE owner IS NOT NULL").fetchone(),
                "a runner that holds the log",
            )
        refused = inside("audit", "key", "rotate")
        assert (refused.code, "a runner drives execution" in refused.err) == (7, True)
        assert inside("audit", "key", "show", "--json").json["staged"] is None
    finally:
        runner.terminate()
        runner.communicate(timeout=30)
    assert inside("audit", "key", "rotate").code == 0
    assert mission(inside.home, "audit", "verify").code == 0
