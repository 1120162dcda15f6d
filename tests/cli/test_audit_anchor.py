"""`mission audit anchor`: a time-stamping authority and a witness made on the spot."""

import base64
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.audit.format.checkpoint import parse_checkpoint
from core.audit.format.cosignature import Witness, cosigned_message
from core.audit.format.note import parse_note
from tests.support.cli import Inside, mission
from tests.support.memory_chain import MemorySigner
from tests.support.time_stamping import HAS_OPENSSL, TimeStampingAuthority

MISSION = """\
version: "1.0"
name: small
steps:
  - {id: a, name: A, step_type: noop}
"""
SECONDS = 1_790_000_000
WITNESS_KEY = MemorySigner(9)
WITNESS = Witness("witness.example/1", WITNESS_KEY.public_key)

needs_openssl = pytest.mark.skipif(not HAS_OPENSSL, reason="time stamps need openssl")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anchored")
    (folder / "small.yaml").write_text(MISSION)
    assert mission(folder / "home", "run", "small.yaml", cwd=folder).code == 0
    return folder


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeStampingAuthority:
    return TimeStampingAuthority(tmp_path_factory.mktemp("authority") / "tsa")


@pytest.fixture
def inside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    shutil.copytree(made / "home", tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


@needs_openssl
def test_a_time_stamp_anchors_the_log(
    inside: Inside, authority: TimeStampingAuthority, tmp_path: Path
) -> None:
    before = inside("audit", "verify", "--require", "anchored", "--json")
    assert (before.code, before.json["tiers"]["anchored"]) == (8, False)
    written = inside("audit", "anchor", "--tsa")
    assert written.code == 0
    request, response = tmp_path / written.out.strip(), tmp_path / "response.tsr"
    assert request.name == f"anchor-{before.json['events']}.tsq"
    assert inside("audit", "anchor", "--tsa").code == 7, "an existing file stays"
    authority.answer(request, response)
    untrusted = inside("audit", "anchor", "--tsa-response", str(response))
    assert untrusted.code == 2
    assert "--tsa-ca" in untrusted.err
    wrong = str(authority.folder / "signer.pem")
    refused = inside("audit", "anchor", "--tsa-response", str(response), "--tsa-ca", wrong)
    assert refused.code == 8
    assert "certificate" in refused.err
    assert inside("audit", "verify", "--json").json["anchors"] == []

    ca = str(authority.certificates)
    taken = inside("audit", "anchor", "--tsa-response", str(response), "--tsa-ca", ca, "--json")
    assert (taken.code, taken.json["events"]) == (0, before.json["events"])
    assert taken.json["by"] == "/CN=Test TSA"
    (trusted,) = (inside.home / "keys").glob("tsa-*.pem")
    assert inside("audit", "key", "show", "--json").json["tsa"] == [trusted.name]
    assert trusted.name in inside("audit", "key", "show").out
    report = inside("audit", "verify", "--require", "anchored", "--json")
    assert report.code == 0
    (found,) = report.json["anchors"]
    assert (found["events"], found["at"]) == (before.json["events"], taken.json["at"])
    told = inside("audit", "verify")
    assert "by a time stamp of 20" in told.out

    assert inside("audit", "export", "small", "-o", "a.zip").code == 0
    bundle = inside("audit", "verify", "a.zip", "--require", "anchored", "--json")
    assert (bundle.code, bundle.json["anchors"]) == (0, report.json["anchors"])
    foreign = inside("audit", "verify", "a.zip", "--tsa-ca", wrong, "--json").json
    assert not foreign["tiers"]["anchored"]
    with zipfile.ZipFile("a.zip") as archive:
        archive.extractall("unpacked")
    (stamp,) = Path("unpacked/anchors").glob("*.tsr")
    by_hand = ("ts", "-verify", "-data", stamp.with_suffix(".checkpoint").name, "-in", stamp.name)
    done = subprocess.run(
        ["openssl", *by_hand, "-CAfile", ca], cwd=stamp.parent, capture_output=True, check=False
    )
    assert done.returncode == 0, "the README says so"
    done = subprocess.run(
        [sys.executable, "-I", "verify.py"], cwd="unpacked", capture_output=True, check=False
    )
    assert done.returncode == 0
    assert b"README.md says how to verify" in done.stdout

    other = inside("audit", "verify", "--tsa-ca", wrong, "--json").json
    assert (other["verdict"], other["tiers"]["anchored"]) == ("INTACT", False)
    assert "openssl refuses" in other["anchors"][0]["problem"]
    (key,) = (inside.home / "keys").glob("audit-*.vkey")
    assert not inside("audit", "verify", "--key", str(key), "--json").json["tiers"]["anchored"]
    again = inside("audit", "verify", "--key", str(key), "--tsa-ca", ca, "--json")
    assert again.json["tiers"]["anchored"]


@needs_openssl
def test_what_is_no_time_stamp_of_this_log_is_refused(
    inside: Inside, authority: TimeStampingAuthority, tmp_path: Path, made: Path
) -> None:
    ca = str(authority.certificates)

    def taken(response: str, certificates: str = ca) -> tuple[int, str]:
        ran = inside("audit", "anchor", "--tsa-response", response, "--tsa-ca", certificates)
        assert "Traceback" not in ran.err
        return ran.code, ran.err

    request = tmp_path / inside("audit", "anchor", "--tsa").out.strip()
    assert taken("none.tsr")[0] == 4
    (tmp_path / "text.tsr").write_text("no time stamp")
    assert taken("text.tsr")[0] == 8
    (tmp_path / "large.tsr").write_bytes(bytes(100_000))
    assert taken("large.tsr")[0] == 2
    assert taken(str(request))[0] == 8, "the request holds the digest, and is no response"
    authority.answer(request, tmp_path / "a.tsr")
    assert taken("a.tsr", "text.tsr")[0] == 8, "no certificates"
    data = (tmp_path / "a.tsr").read_bytes()
    (tmp_path / "bad.tsr").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert taken("bad.tsr")[0] == 8
    other = made / "other"
    assert mission(other, "run", "small.yaml", cwd=made).code == 0
    foreign = mission(other, "audit", "anchor", "--tsa-response", str(tmp_path / "a.tsr"),
                      "--tsa-ca", ca)  # fmt: skip
    assert foreign.code == 8
    assert "not about a checkpoint of this log" in foreign.err
    assert not list((inside.home / "keys").glob("tsa-*")), "nobody is trusted by a refusal"


def cosigned(note: bytes) -> bytes:
    """Return a checkpoint with the cosignature of the witness below the log's signature."""
    message = cosigned_message(SECONDS, parse_note(note).text)
    raw = WITNESS.key_id + SECONDS.to_bytes(8, "big") + WITNESS_KEY.sign(message)
    return note + f"— {WITNESS.name} {base64.b64encode(raw).decode()}\n".encode()


def test_a_witness_anchors_the_log(inside: Inside, tmp_path: Path) -> None:
    written = inside("audit", "anchor", "--checkpoint", "-o", "head.note", "--json").json
    note = (tmp_path / "head.note").read_bytes()
    assert parse_checkpoint(note).size == written["events"]
    (tmp_path / "cosigned.note").write_bytes(cosigned(note))

    def taken(name: str, witness: str) -> int:
        return inside("audit", "anchor", "--cosigned", name, "--witness", witness).code

    assert inside("audit", "anchor", "--cosigned", "cosigned.note").code == 2
    assert taken("head.note", WITNESS.vkey) == 8, "no cosignature"
    assert taken("cosigned.note", Witness(WITNESS.name, MemorySigner(3).public_key).vkey) == 8
    assert taken("cosigned.note", "nonsense") == 8
    foreign = note.replace(b"\n%d\n" % written["events"], b"\n%d\n" % (written["events"] - 1))
    (tmp_path / "foreign.note").write_bytes(cosigned(foreign))
    assert taken("foreign.note", WITNESS.vkey) == 8
    assert taken("cosigned.note", WITNESS.vkey) == 0
    report = inside("audit", "verify", "--require", "anchored", "--json")
    assert report.code == 0
    (found,) = report.json["anchors"]
    assert (found["kind"], found["by"]) == ("cosignature", WITNESS.name)
    assert found["at"].startswith("2026-09-21T")
    (key,) = (inside.home / "keys").glob("witness-*.vkey")
    key.unlink()
    lost = inside("audit", "verify", "--json").json
    assert (lost["verdict"], lost["tiers"]["anchored"]) == ("INTACT", False)
    given = inside("audit", "verify", "--witness-key", WITNESS.vkey, "--json").json
    assert given["tiers"]["anchored"]


def test_one_thing_is_asked_for_at_a_time(inside: Inside) -> None:
    for words in (
        (),
        ("--tsa", "--checkpoint"),
        ("--tsa", "--tsa-ca", "x"),
        ("--checkpoint", "--witness", "x"),
        ("--cosigned", "x", "--force"),
    ):
        assert inside("audit", "anchor", *words).code == 2, words
