"""`audit key revoke`: what a key signed alone is named, and a stolen or lost key has a way out."""

import json
from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
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


def test_a_stolen_key_is_handed_over_and_revoked(inside: Inside) -> None:
    old = inside("audit", "key", "show", "--json").json["signing"]
    key_id = old.split("+")[1]
    refused = inside("audit", "key", "revoke", key_id, "--reason", "stolen")
    assert (refused.code, "mission audit key rotate" in refused.err) == (7, True)
    new = inside("audit", "key", "rotate", "--json").json["new"]
    size = inside("audit", "verify", "--json").json["events"]
    for wrong in (("--from-event", str(size + 5)), ("--from-event", "2", "--since", "1d")):
        assert inside("audit", "key", "revoke", key_id, "--reason", "x", *wrong).code == 2
    assert inside("audit", "key", "revoke", "00000000", "--reason", "x").code == 4
    assert inside("audit", "key", "revoke", key_id, "--reason", " ").code == 2
    shown = inside("audit", "key", "show", "--json").json
    assert (shown["trusted"], shown["revoked"]) == (sorted((old, new)), []), "nothing was done yet"

    done = inside("audit", "key", "revoke", key_id, "--reason", "laptop lost", "--from-event", "3")
    assert (done.code, done.out) == (0, f"{old}\n")
    assert f"names the events 3 to {size - 1} from now on" in done.err
    shown = inside("audit", "key", "show", "--json").json
    assert shown["trusted"] == [new]
    assert shown["revoked"] == [{"vkey": old, "reason": "laptop lost"}]
    assert f"revoked  {old}: laptop lost" in inside("audit", "key", "show").out

    for extra in ((), ("--since-verified",), ("--since-verified",), ("--key", new)):
        told = inside("audit", "verify", *extra)
        assert told.code == 8
        assert told.out.startswith(f"REVOKED KEY at 3: events 3 to {size - 1} are signed only")
        assert "laptop lost" in told.out
    assert inside("audit", "verify", "--key", old).code == 8
    assert inside("run", "small.yaml").code == 0, "the log goes on"
    report = inside("audit", "report", "--since", "1d").out
    assert "revoked the key missiondeck/" in report
    assert "what this report says of them may be forged" in report
    assert "NOT verify" not in report
    assert "The log has had 2 keys" in report
    assert f"events from 3 to {size - 1} are signed only" in inside("doctor").out

    exported = inside("audit", "export", "small#2", "-o", "two.zip")
    assert exported.code == 0, exported.err
    assert inside("audit", "verify", "two.zip").code == 0


def test_a_key_that_leaked_after_it_was_handed_over_puts_nothing_in_doubt(inside: Inside) -> None:
    old = inside("audit", "key", "show", "--json").json["signing"]
    assert inside("audit", "key", "rotate").code == 0
    done = inside(
        "audit", "key", "revoke", old, "--reason", "old backup", "--since", "0s", "--json"
    )
    assert (done.code, done.json["from_seq"], done.json["recorded"]) == (0, None, True), done.err
    assert inside("audit", "verify").code == 0
    again = inside("audit", "key", "revoke", old, "--reason", "even older", "--json")
    assert (again.code, again.json["from_seq"]) == (0, 1), "always, when no time is given"
    assert inside("audit", "verify").code == 8


def test_a_key_that_is_lost_and_stolen_is_revoked_in_the_next_log(inside: Inside) -> None:
    head = inside("audit", "verify", "--json").json["head"]
    home = inside.home
    stolen = (home / "keys" / "audit.pem").read_bytes()
    old = inside("audit", "key", "show", "--json").json["signing"]
    (home / "keys" / "audit.pem").unlink()
    assert inside("audit", "key", "revoke", old, "--reason", "stolen").code == 7
    (home / "missions.db").rename(home / "old.db")
    assert inside("run", "small.yaml").code == 0
    wrong = inside("audit", "key", "revoke", old, "--reason", "stolen", "--from-event", "2")
    assert (wrong.code, "no event of this log" in wrong.err) == (2, True)
    assert inside("audit", "key", "revoke", old, "--reason", "stolen").code == 0
    assert inside("audit", "verify").code == 0
    told = inside("--db", str(home / "old.db"), "audit", "verify", "--json")
    assert (told.code, told.json["verdict"]) == (8, "REVOKED KEY")
    assert inside("--db", str(home / "old.db"), "audit", "verify", "--head", head).code == 0
    (home / "keys" / "audit.pem").write_bytes(stolen)
    refused = inside("--db", str(home / "new.db"), "run", "small.yaml")
    assert (refused.code, "was revoked: stolen" in refused.err) == (9, True)


def test_without_a_log_the_key_folder_alone_learns_of_it(inside: Inside) -> None:
    old = inside("audit", "key", "show", "--json").json["signing"]
    for file in inside.home.glob("missions.db*"):
        file.unlink()
    (inside.home / "keys" / "audit.pem").unlink()
    done = inside("audit", "key", "revoke", old, "--reason", "gone", "--json")
    assert (done.code, done.json["recorded"]) == (0, False)
    stored = next((inside.home / "keys").glob("*.revoked")).read_text()
    assert json.loads(stored) == {"vkey": old, "reason": "gone"}
    assert not inside("audit", "key", "show", "--json").json["trusted"]
