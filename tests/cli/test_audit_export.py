"""`mission audit export`: evidence that a bare Python and openssl verify without the project."""

import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.errors import AuditError
from tests.support.cli import Inside, Ran, mission
from tests.support.missions import write_parent_and_child


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a home, a run in it, and its bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    write_parent_and_child(folder)
    home = folder / "home"
    assert mission(home, "run", "parent.yaml", cwd=folder).code == 0
    done = mission(home, "audit", "export", "parent#1", "-o", "x.zip", "--json", cwd=folder)
    assert done.code == 0, done.err
    assert done.json["executions"] == 2
    return folder


@pytest.fixture
def inside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    home = tmp_path / "home"
    shutil.copytree(made / "home", home)
    monkeypatch.chdir(tmp_path)
    return Inside(home, monkeypatch, capfd)


def unpacked(made: Path, target: Path) -> Path:
    with zipfile.ZipFile(made / "x.zip") as archive:
        archive.extractall(target)
    return target


def bare(folder: Path, tools: Path) -> Ran:
    """Run verify.py with a Python that finds no package, and a PATH that holds openssl alone."""
    tools.mkdir(exist_ok=True)
    openssl = shutil.which("openssl")
    if openssl is not None and not (tools / "openssl").exists():
        (tools / "openssl").symlink_to(openssl)
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "verify.py"],
        cwd=folder,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="verify.py needs openssl")
def test_a_bare_python_with_openssl_verifies_it(made: Path, tmp_path: Path) -> None:
    folder = unpacked(made, tmp_path / "unpacked")
    told = bare(folder, tmp_path / "bin")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("INTACT: ")
    assert "executions: 2, " in told.out
    assert "named by events: 4\n" in told.out, "two missions and two logs"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="verify.py needs openssl")
def test_a_changed_byte_is_named_by_it(made: Path, tmp_path: Path) -> None:
    folder = unpacked(made, tmp_path / "unpacked")
    logs = folder.glob("executions/*/logs/*.log")
    log = next(one for one in logs if b"evidence" in one.read_bytes())
    log.write_bytes(log.read_bytes().replace(b"evidence", b"Evidence"))
    told = bare(folder, tmp_path / "bin")
    assert told.code == 8
    assert log.name in told.out
    assert "\nMODIFIED\n" in told.out
    log.write_bytes(log.read_bytes().replace(b"Evidence", b"evidence"))
    (folder / "bundle.note").write_bytes(b"")
    assert bare(folder, tmp_path / "bin").code == 8


def test_without_openssl_nothing_is_claimed(made: Path, tmp_path: Path) -> None:
    folder = unpacked(made, tmp_path / "unpacked")
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-I", "-S", "verify.py"],
        cwd=folder,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("NOT VERIFIED")


def test_the_bundle_shows_all_and_the_export_is_an_event(made: Path, inside: Inside) -> None:
    names = zipfile.ZipFile(made / "x.zip").namelist()
    for part in ("README.md", "SHA256SUMS", "bundle.note", "checkpoint.note", "verify.py"):
        assert part in names
    assert sum(name.startswith("missions/") for name in names) == 2
    assert sum(name.endswith("results.json") for name in names) == 2
    assert inside("audit", "verify", str(made / "x.zip")).out.startswith("INTACT")
    assert inside("audit", "verify").code == 0
    kinds = [line["type"] for line in inside("events").ndjson]
    assert kinds[-1] == "audit.exported"


def test_a_file_that_exists_is_left_alone(inside: Inside) -> None:
    Path("x.zip").write_text("mine")
    refused = inside("audit", "export", "parent#1", "-o", "x.zip")
    assert (refused.code, Path("x.zip").read_text()) == (7, "mine")
    assert "--force" in refused.err
    assert inside("audit", "export", "parent#1", "-o", "x.zip", "--force").code == 0
    assert inside("audit", "verify", "x.zip").code == 0
    assert not list(Path().glob(".*.part"))
    assert inside("audit", "export", "parent#1").out == "parent-1.zip\n"
    assert Path("parent-1.zip").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_told(inside: Inside) -> None:
    assert inside("audit", "export", "parent#1", "-o", "no/x.zip").code == 9
    assert inside("audit", "export", "nobody", "-o", "x.zip").code == 4
    assert inside("audit", "verify", "no.zip").code == 4
    assert inside("audit", "verify", "x.zip", "--deep").code in {2, 4}
    Path("text.zip").write_text("no zip file")
    found = inside("audit", "verify", "text.zip", "--json")
    assert (found.code, found.json["verdict"]) == (8, "MODIFIED")


def test_records_that_do_not_verify_are_not_exported(inside: Inside) -> None:
    with sqlite3.connect(inside.home / "missions.db") as connection:
        connection.execute("DROP TRIGGER task_run_sealed")
        connection.execute("UPDATE task_run SET message = 'forged'")
    connection.close()
    refused = inside("audit", "export", "parent#1", "-o", "x.zip")
    assert refused.code == AuditError.exit_code
    assert "do not verify" in refused.err
    assert list(Path().glob("*.zip")) == []


def test_another_key_is_not_believed(made: Path, inside: Inside) -> None:
    shutil.rmtree(inside.home / "keys")
    told = inside("audit", "verify", str(made / "x.zip"))
    assert told.code == 8
    assert told.out.startswith("WRONG KEY")
