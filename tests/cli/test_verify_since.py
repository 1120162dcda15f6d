"""`audit verify --since-verified`: what is remembered, where, and what is said of it."""

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import Inside, mission

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("since")
    (folder / "small.yaml").write_text(MISSION)
    assert mission(folder / "home", "run", str(folder / "small.yaml")).code == 0
    shutil.copytree(folder / "home", folder / "older")
    assert mission(folder / "home", "run", str(folder / "small.yaml")).code == 0
    return folder


@pytest.fixture
def inside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    shutil.copytree(made / "home", tmp_path / "home")
    return Inside(tmp_path / "home", monkeypatch, capfd)


def note_of(home: Path) -> Path:
    found = list((home / "keys").glob("verified-*.note"))
    assert len(found) == 1
    return found[0]


def edit(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "missions.db", isolation_level=None)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)


def test_a_full_verification_is_remembered_and_the_next_one_reads_on(inside: Inside) -> None:
    first = inside("audit", "verify", "--since-verified")
    assert first.code == 0
    assert "nothing of it was verified before" in first.out
    assert "records not verified yet; the chain alone to event" in first.out
    assert inside("audit", "verify").code == 0
    note = note_of(inside.home)
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    events = inside("audit", "verify", "--json").json["events"]
    second = inside("audit", "verify", "--since-verified")
    assert second.code == 0
    assert f"verified to event {events}, the last one, with all records" in second.out
    found = inside("audit", "verify", "--since-verified", "--json").json
    assert (found["verdict"], found["events"]) == ("INTACT", events)
    assert (found["since"]["events"], found["since"]["records_events"]) == (events, events)


def test_what_was_verified_before_is_not_claimed_for_records(inside: Inside) -> None:
    assert inside("audit", "verify").code == 0
    edit(inside.home, "UPDATE execution SET actor = 'eve'")
    since = inside("audit", "verify", "--since-verified")
    assert since.code == 0, "records are not read"
    assert inside("audit", "verify").code == 8


def test_a_note_that_was_edited_or_removed_counts_as_none(inside: Inside) -> None:
    assert inside("audit", "verify").code == 0
    note = note_of(inside.home)
    note.write_bytes(note.read_bytes().replace(b'"executions":2', b'"executions":3'))
    found = inside("audit", "verify", "--since-verified")
    assert found.code == 0
    assert "nothing of it was verified before" in found.out
    note.chmod(0o644)
    found = inside("audit", "verify", "--since-verified")
    assert "nothing of it was verified before" in found.out


def test_an_older_copy_of_the_database_is_named(inside: Inside, made: Path) -> None:
    assert inside("audit", "verify").code == 0
    note = note_of(inside.home).read_bytes()
    for suffix in ("-wal", "-shm"):
        (inside.home / f"missions.db{suffix}").unlink(missing_ok=True)
    shutil.copyfile(made / "older/missions.db", inside.home / "missions.db")
    since = inside("audit", "verify", "--since-verified")
    assert (since.code, since.out.splitlines()[0][:9]) == (8, "TRUNCATED")
    full = inside("audit", "verify")
    assert "it was cut, or replaced by an older copy" in full.out
    assert note_of(inside.home).read_bytes() == note, "what was verified is not forgotten for it"


@pytest.mark.parametrize("is_known", [True, False])
def test_what_was_pruned_since_is_no_damage(inside: Inside, *, is_known: bool) -> None:
    assert inside("audit", "verify").code == 0
    assert inside("db", "prune", "--older-than", "0s", "--keep", "1").code == 0
    if not is_known:
        note_of(inside.home).unlink()
    found = inside("audit", "verify", "--since-verified")
    assert found.code == 0, found.out
    assert ("nothing of it was verified before" in found.out) is not is_known
    edit(inside.home, "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    assert inside("audit", "verify", "--since-verified").code == 8


def test_what_does_not_go_together_is_refused(inside: Inside) -> None:
    assert inside("audit", "verify", "--since-verified", "--deep").code == 2
    assert inside("audit", "verify", "--since-verified", "x.zip").code == 2


def test_doctor_says_how_far_the_log_was_verified(inside: Inside, made: Path) -> None:
    def told() -> tuple[str, str]:
        checks = inside("doctor", "--json").json["checks"]
        (found,) = [one for one in checks if one["name"] == "audit"]
        return found["status"], found["told"]

    assert told() == ("ok", "log not verified yet")
    assert inside("audit", "verify", "--since-verified").code == 0
    assert told()[1].startswith("log records not verified yet; the chain alone to event")
    assert inside("audit", "verify").code == 0
    assert "the last one, with all records" in told()[1]
    shutil.copyfile(made / "older/missions.db", inside.home / "missions.db")
    assert told()[0] == "problem"
    assert "it was cut, or replaced by an older copy" in told()[1]
