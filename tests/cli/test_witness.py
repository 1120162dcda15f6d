"""The witness file: written at each seal, and no log that does not continue it is continued."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.audit.format.witness import witness_line, witnessed_heads
from storage.file.keystore import public_keys
from tests.support.cli import mission

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(MISSION)
    return tmp_path / "home"


def run(home: Path, witness: Path) -> None:
    ran = mission(home, "run", str(home.parent / "small.yaml"), "--witness-file", str(witness))
    assert ran.code == 0, ran.err


def test_each_seal_is_witnessed_and_every_head_is_verified(home: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    run(home, witness)
    run(home, witness)
    lines = witness.read_text().splitlines()
    assert len(lines) == 2
    report = mission(home, "audit", "verify", "--witness", str(witness), "--json")
    assert report.code == 0
    assert report.json["tiers"]["anchored"] is True
    assert report.json["head"] == lines[-1].split(" ")[1]
    wrong = "1" if lines[0].endswith("0") else "0"
    witness.write_text(f"{lines[0][:-1]}{wrong}\n{lines[1]}\n")
    report = mission(home, "audit", "verify", "--witness", str(witness), "--json")
    assert (report.code, report.json["verdict"]) == (8, "MODIFIED")
    assert report.json["findings"][0]["field"] == "root"


def test_a_log_that_was_set_back_is_not_continued(home: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    run(home, witness)
    shutil.copyfile(home / "missions.db", tmp_path / "old.db")
    run(home, witness)
    shutil.copyfile(tmp_path / "old.db", home / "missions.db")
    before = witness.read_bytes()
    ran = mission(
        home, "run", str(tmp_path / "small.yaml"), env={"MISSION_WITNESS_FILE": str(witness)}
    )
    assert ran.code == 8
    assert "does not continue the head" in ran.err
    assert witness.read_bytes() == before
    report = mission(home, "audit", "verify", "--witness", str(witness), "--json")
    assert (report.code, report.json["verdict"]) == (8, "TRUNCATED")
    assert mission(home, "audit", "verify").code == 0, "the file alone cannot tell"


def test_the_setting_is_the_users_and_not_a_projects(home: Path, tmp_path: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('witness_file = "seen"\n')
    (tmp_path / ".mission.toml").write_text('witness_file = "other"\n')
    ran = mission(home, "run", "small.yaml", cwd=tmp_path)
    assert ran.code == 0
    assert (home / "seen").read_text().startswith("missiondeck/")
    assert not (tmp_path / "other").exists()


def test_a_witness_file_that_cannot_be_written_stops_before_the_run(
    home: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no" / "such" / "folder"
    ran = mission(home, "run", str(tmp_path / "small.yaml"), "--witness-file", str(nowhere))
    assert ran.code == 9
    assert f"the witness file {nowhere} cannot be written" in ran.err
    with closing(sqlite3.connect(home / "missions.db")) as connection:
        assert connection.execute("SELECT count(*) FROM execution").fetchone() == (0,)
    ran = mission(home, "ls", env={"MISSION_WITNESS_FILE": "relative"})
    assert "is not an absolute path" in ran.err


def test_a_line_that_was_cut_off_is_skipped() -> None:
    whole = witness_line("log", 5, b"\x01" * 32)
    torn = witness_line("log", 7, b"\x02" * 32)[:40]
    other = witness_line("other", 9, b"\x03" * 32)
    lines = [torn + b"\n", b"nonsense\n", other, whole, b"\xff\n", torn]
    assert list(witnessed_heads(lines, "log")) == [(5, b"\x01" * 32)]


def test_a_key_that_is_given_is_trusted_in_place_of_the_folder(home: Path, tmp_path: Path) -> None:
    assert mission(home, "run", str(tmp_path / "small.yaml")).code == 0
    (key,) = public_keys(home / "keys")
    database = str(home / "missions.db")
    elsewhere = tmp_path / "auditor"
    file = tmp_path / "given.vkey"
    file.write_text(f"{key.vkey}\n")
    for given in (key.vkey, str(file)):
        ran = mission(elsewhere, "--db", database, "audit", "verify", "--key", given, "--json")
        assert (ran.code, ran.json["tiers"]["signed"]) == (0, True)
    assert not elsewhere.exists(), "verification writes nothing"
    ran = mission(elsewhere, "--db", database, "audit", "verify", "--json")
    assert (ran.code, ran.json["verdict"]) == (8, "WRONG KEY")
    for bad in ("nonsense", str(tmp_path)):
        ran = mission(elsewhere, "--db", database, "audit", "verify", "--key", bad)
        assert ran.code in (2, 8)
        assert "error[" in ran.err
