"""`audit key`: shown and exported without a question; and what to do when the key is lost works."""

import subprocess
from pathlib import Path

import pytest

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
    home = tmp_path / "home"
    assert mission(home, "run", str(tmp_path / "small.yaml")).code == 0
    return home


def test_the_keys_are_shown_and_nothing_is_created(tmp_path: Path, home: Path) -> None:
    found = mission(home, "audit", "key", "show", "--json").json
    assert found["trusted"] == [found["signing"]] == [found["log"]["vkey"]]
    text = mission(home, "audit", "key", "show").out
    assert f"log      {found['signing']} (the signing key)" in text
    nowhere = tmp_path / "nowhere"
    empty = mission(nowhere, "audit", "key", "show", "--json").json
    assert (empty["signing"], empty["trusted"], empty["log"]) == (None, [], None)
    assert mission(nowhere, "audit", "key", "export").code == 4
    assert not nowhere.exists()


def test_a_public_key_is_exported_for_verify_and_for_openssl(tmp_path: Path, home: Path) -> None:
    key = mission(home, "audit", "key", "export")
    assert key.code == 0
    assert mission(home, "audit", "verify", "--key", key.out.strip()).code == 0
    target = tmp_path / "key.pem"
    command = ("audit", "key", "export", "--format", "pem", "-o", str(target))
    assert mission(home, *command).out == f"{target}\n"
    shown = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", str(target), "-noout", "-text"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert "ED25519" in shown.stdout.upper()
    before = target.read_bytes()
    assert b"PRIVATE" not in before
    assert mission(home, *command).code == 7, "a file that exists is not overwritten"
    assert target.read_bytes() == before
    key_id = key.out.split("+")[1]
    assert mission(home, "audit", "key", "export", "--id", key_id.upper()).out == key.out
    assert mission(home, "audit", "key", "export", "--id", "00000000").code == 4


def test_the_procedure_for_a_lost_key_works_as_it_is_documented(tmp_path: Path, home: Path) -> None:
    keys = home / "keys"
    head = mission(home, "audit", "verify", "--json").json["head"]
    lost = (keys / "audit.pem").read_bytes()
    (keys / "audit.pem").unlink()
    before = sorted(keys.iterdir())
    ran = mission(home, "run", str(tmp_path / "small.yaml"))
    assert (ran.code, sorted(keys.iterdir())) == (9, before), "nothing is created or trusted"
    shown = mission(home, "audit", "key", "show")
    assert (shown.code, "audit.pem does not exist" in shown.out) == (0, True)
    old = home / "missions-old.db"
    (home / "missions.db").rename(old)
    assert mission(home, "run", str(tmp_path / "small.yaml")).code == 0
    assert len(list(keys.glob("*.vkey"))) == 2
    assert (keys / "audit.pem").read_bytes() != lost
    for database in (home / "missions.db", old):
        assert mission(home, "--db", str(database), "audit", "verify").code == 0
    ran = mission(
        home, "--db", str(old), "audit", "verify", "--head", head, "--require", "anchored"
    )
    assert ran.code == 0
    ran = mission(home, "--db", str(old), "run", str(tmp_path / "small.yaml"))
    assert ran.code == 9, "the old log is not continued with the new key"
