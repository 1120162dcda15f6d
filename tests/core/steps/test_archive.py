import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.steps.archive import inflate
from core.steps.archive.inflate import InflatingReader, bzip2_stream, gzip_stream, xz_stream
from tests.support.step_run import StepRunner

FORMATS = ["tar.gz", "tar", "tar.bz2", "tar.xz", "zip"]


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    root = tmp_path / "work"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("outside")
    return StepRunner(root)


@pytest.fixture
def release(steps: StepRunner) -> Path:
    folder = steps.working_dir / "build/release"
    (folder / "bin").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "bin/tool").write_bytes(os.urandom(700_000))
    (folder / "bin/tool").chmod(0o755)
    (folder / "README.md").write_text("read me" * 1000)
    (folder / "zero").write_text("")
    (folder / ("long" * 40)).write_text("a long name")
    (folder / "ünïcode 💥").write_text("a name of many bytes")
    (folder / "link").symlink_to("bin/tool")
    (folder / "bin/up").symlink_to("../README.md")
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


# --- checksum -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "blake2b", "sha1", "md5"])
def test_a_digest_is_what_hashlib_says(steps: StepRunner, algorithm: str) -> None:
    data = os.urandom(2_500_000)
    (steps.working_dir / "x").write_bytes(data)
    output = steps.ok("checksum", path="x", algorithm=algorithm)
    assert output["checksum"] == hashlib.new(algorithm, data).hexdigest()
    assert output["size"] == len(data)


def test_a_digest_can_be_demanded(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("abc")
    right = hashlib.sha256(b"abc").hexdigest()
    assert steps.ok("checksum", path="x", expected=right.upper())["checksum"] == right
    outcome = steps.run("checksum", path="x", expected="00ff")
    assert outcome.error is not None
    assert outcome.error.kind == "mismatch"
    assert outcome.output["checksum"] == right


def test_a_cancelled_digest_stops(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("abc")
    steps.cancelled.set()
    outcome = steps.run("checksum", path="x")
    assert outcome.error is not None
    assert outcome.error.kind == "cancelled"


# --- compress -----------------------------------------------------------------------------------


def tree_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
    return found


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_packed_is_what_is_unpacked(steps: StepRunner, release: Path, form: str) -> None:
    packed = steps.ok("compress", source="build/release", destination=f"dist/r.{form}", format=form)
    assert packed["count"] == 10
    assert packed["size"] == (steps.working_dir / f"dist/r.{form}").stat().st_size
    unpacked = steps.ok("extract", source=f"dist/r.{form}", destination="out/deep")
    assert unpacked["count"] == 10
    assert unpacked["size"] == packed["content_size"]
    assert tree_of(steps.working_dir / "out/deep/release") == tree_of(release)
    again = steps.ok("extract", source=f"dist/r.{form}", destination="out/deep")
    assert again == unpacked


@pytest.mark.parametrize("form", FORMATS)
def test_other_programs_read_what_is_packed(
    steps: StepRunner, release: Path, tmp_path: Path, form: str
) -> None:
    steps.ok("compress", source="build/release", destination=f"r.{form}", format=form)
    archive = steps.working_dir / f"r.{form}"
    other = tmp_path / "other"
    other.mkdir()
    if form == "zip":
        with zipfile.ZipFile(archive) as opened:
            assert opened.testzip() is None
            assert len(opened.namelist()) == 10
    else:
        subprocess.run(["tar", "-xf", archive, "-C", other], check=True)
        assert tree_of(other / "release") == tree_of(release)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_content_makes_the_same_archive(
    steps: StepRunner, release: Path, form: str
) -> None:
    def pack(name: str) -> bytes:
        steps.ok(
            "compress", source="build/release", destination=name, format=form, mtime=1_700_000_000
        )
        return (steps.working_dir / name).read_bytes()

    first = pack("one")
    for path in release.rglob("*"):
        if not path.is_symlink():
            os.utime(path)
    assert pack("two") == first


def test_an_archive_inside_its_source_does_not_hold_itself(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("x")
    for _ in range(2):
        assert steps.ok("compress", source=".", destination="all.tar")["count"] == 1
    with tarfile.open(steps.working_dir / "all.tar") as archive:
        assert archive.getnames() == ["x"]


def test_a_single_file_is_packed_by_its_name(steps: StepRunner) -> None:
    (steps.working_dir / "d").mkdir()
    (steps.working_dir / "d/x").write_text("x")
    steps.ok("compress", source="d/x", destination="x.zip", format="zip")
    with zipfile.ZipFile(steps.working_dir / "x.zip") as archive:
        assert archive.read("x") == b"x"


def test_special_and_protected_files_are_left_out_with_a_warning(steps: StepRunner) -> None:
    root = steps.working_dir
    (root / "x").write_text("x")
    (root / "missions.db").write_text("db")
    os.mkfifo(root / "fifo")
    steps.protected_paths = (root / "missions.db",)
    assert steps.ok("compress", source=".", destination="a.tar")["count"] == 1
    assert steps.logs == [
        (LogLevel.WARN, "left out fifo: it is not a file, folder or link"),
        (LogLevel.WARN, "left out missions.db: it is protected"),
    ]
    outcome = steps.run("compress", source="missions.db", destination="b.tar")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION


def test_packing_refuses_the_outside_and_what_is_not_there(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("x")
    (steps.working_dir / "out").symlink_to("..")
    for source, target in (("..", "a"), ("out", "a"), ("x", "../a"), ("x", "out/a")):
        outcome = steps.run("compress", source=source, destination=target)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert steps.run("compress", source="no", destination="a").reason_code is Reason.STEP_ERROR
    steps.ok("compress", source="x", destination="a")
    outcome = steps.run("compress", source="x", destination="a", overwrite=False)
    assert outcome.message == "a: exists already, and overwrite is false"


def test_a_cancelled_packing_leaves_nothing(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("x")
    steps.cancelled.set()
    outcome = steps.run("compress", source="x", destination="a.zip", format="zip")
    assert outcome.state is AttemptState.FAILED
    assert [path.name for path in steps.working_dir.iterdir()] == ["x"]


# --- extract ------------------------------------------------------------------------------------


def tar_of(*members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], form: int = 2) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def a_file(name: str, data: bytes = b"evil") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def a_link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def a_special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


def a_folder(name: str) -> tarfile.TarInfo:
    return a_special(name, tarfile.DIRTYPE)


TarMember = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]

HOSTILE: dict[str, list[TarMember]] = {
    "going up": [a_file("../outside.txt")],
    "going up in the middle": [a_file("a/../../outside.txt")],
    "absolute": [a_file("/tmp/outside.txt")],
    "a link up": [a_link("l", "..")],
    "a link up from below": [a_folder("d"), a_link("d/l", "../..")],
    "an absolute link": [a_link("l", "/etc")],
    "a link to nothing": [a_link("l", "")],
    "a file through a link": [a_folder("d"), a_link("l", "d"), a_file("l/x")],
    "a link through a link": [
        a_folder("d"),
        a_folder("d/e"),
        a_link("d/e/s", "../.."),
        a_link("t", "d/e/s/../outside.txt"),
    ],
    "a link in the guise of a folder": [a_link("l", "."), a_link("l/m", "..")],
    "a link that goes down and up": [a_link("l", "d/../../outside.txt")],
    "a hard link up": [a_link("h", "../outside.txt", tarfile.LNKTYPE)],
    "a hard link to what was there": [a_link("h", "there", tarfile.LNKTYPE)],
    "a hard link to a link": [a_link("l", "there"), a_link("h", "l", tarfile.LNKTYPE)],
    "a character device": [a_special("null", tarfile.CHRTYPE)],
    "a block device": [a_special("disk", tarfile.BLKTYPE)],
    "a FIFO": [a_special("fifo", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_tar_halts_and_writes_nothing_outside(
    steps: StepRunner, tmp_path: Path, what: str
) -> None:
    root = steps.working_dir
    (root / "out").mkdir()
    (root / "out/there").write_text("there")
    (root / "evil.tar").write_bytes(tar_of(*HOSTILE[what]))
    outcome = steps.run("extract", source="evil.tar", destination="out")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert (tmp_path / "outside.txt").read_text() == "outside"
    assert (root / "out/there").read_text() == "there"
    assert {path.name for path in root.iterdir()} == {"out", "evil.tar"}


@pytest.mark.parametrize(
    ("name", "mode", "data"),
    [
        ("../x", 0o100644, b""),
        ("/x", 0o100644, b""),
        ("l", 0o120777, b"/etc/passwd"),
        ("l", 0o120777, b"../x"),
        ("dev", 0o020644, b""),
    ],
)
def test_a_hostile_zip_halts_and_writes_nothing_outside(
    steps: StepRunner, tmp_path: Path, name: str, mode: int, data: bytes
) -> None:
    with zipfile.ZipFile(steps.working_dir / "evil.zip", "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr, info.create_system = mode << 16, 3
        archive.writestr(info, data)
    outcome = steps.run("extract", source="evil.zip", destination="out")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.txt", "work"]
    assert not (steps.working_dir / "out").exists()


def test_the_destination_itself_stays_inside(steps: StepRunner) -> None:
    (steps.working_dir / "a.tar").write_bytes(tar_of(a_file("x")))
    (steps.working_dir / "out").symlink_to("..")
    for destination in ("..", "out", "/tmp", "out/sub"):
        outcome = steps.run("extract", source="a.tar", destination=destination)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION


def test_protected_files_are_not_replaced(steps: StepRunner) -> None:
    (steps.working_dir / "missions.db").write_text("db")
    (steps.working_dir / "a.tar").write_bytes(tar_of(a_file("missions.db")))
    steps.protected_paths = (steps.working_dir / "missions.db",)
    outcome = steps.run("extract", source="a.tar", destination=".")
    assert outcome.reason_code is Reason.SECURITY_VIOLATION
    assert (steps.working_dir / "missions.db").read_text() == "db"


def test_links_that_stay_inside_and_hard_links_are_unpacked(steps: StepRunner) -> None:
    (steps.working_dir / "a.tar").write_bytes(
        tar_of(
            a_file("d/x", b"content"),
            a_link("d/up", "../l"),
            a_link("l", "./d/x"),
            a_link("h", "./d//x", tarfile.LNKTYPE),
        )
    )
    for _ in range(2):
        assert steps.ok("extract", source="a.tar", destination="out")["count"] == 4
    out = steps.working_dir / "out"
    assert (out / "d/up").read_text() == "content"
    assert (out / "h").read_text() == "content"
    assert not (out / "h").is_symlink()
    assert (out / "h").stat().st_ino != (out / "d/x").stat().st_ino


def test_a_link_that_is_there_is_replaced_and_not_followed(
    steps: StepRunner, tmp_path: Path
) -> None:
    (steps.working_dir / "out").mkdir()
    (steps.working_dir / "out/x").symlink_to(tmp_path / "outside.txt")
    (steps.working_dir / "a.tar").write_bytes(tar_of(a_file("x", b"new")))
    outcome = steps.run("extract", source="a.tar", destination="out", overwrite=False)
    assert outcome.reason_code is Reason.STEP_ERROR
    steps.ok("extract", source="a.tar", destination="out")
    assert (steps.working_dir / "out/x").read_text() == "new"
    assert (tmp_path / "outside.txt").read_text() == "outside"


def test_overwrite_false_keeps_what_is_there(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("mine")
    for archive in (tar_of(a_file("x")), tar_of(a_link("x", "y"))):
        (steps.working_dir / "a.tar").write_bytes(archive)
        outcome = steps.run("extract", source="a.tar", destination=".", overwrite=False)
        assert outcome.reason_code is Reason.STEP_ERROR
    assert (steps.working_dir / "x").read_text() == "mine"


def test_modes_are_made_safe_and_times_are_kept(steps: StepRunner) -> None:
    members = []
    for name, mode in (("all", 0o7777), ("none", 0), ("plain", 0o666), ("odd", 0o011)):
        info, data = a_file(name)
        info.mode, info.mtime = mode, 1_500_000_000
        members.append((info, data))
    (steps.working_dir / "a.tar").write_bytes(tar_of(*members))
    steps.ok("extract", source="a.tar", destination="out")
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (steps.working_dir / "out").iterdir()
    }
    assert modes == {"all": 0o755, "none": 0o600, "plain": 0o644, "odd": 0o600}
    assert (steps.working_dir / "out/all").stat().st_mtime == 1_500_000_000


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_is_read(steps: StepRunner, form: int) -> None:
    long_name = "/".join(["folder"] * 12 + ["n" * 90])
    info, data = a_file(long_name, b"1" * 1000)
    info.pax_headers = {"mtime": "1500000000.25", "comment": "ö" * 3000} if form == 2 else {}
    (steps.working_dir / "a.tar").write_bytes(
        tar_of((info, data), a_link("link", "t" * 90), a_file("after", b"2"), form=form)
    )
    steps.ok("extract", source="a.tar", destination="out")
    assert (steps.working_dir / "out" / long_name).read_bytes() == data
    assert str((steps.working_dir / "out/link").readlink()) == "t" * 90
    assert (steps.working_dir / "out/after").read_bytes() == b"2"


def test_an_archive_of_gnu_tar_with_pax_and_long_links_is_read(steps: StepRunner) -> None:
    source = steps.working_dir / "source"
    source.mkdir()
    (source / ("n" * 200)).write_text("long")
    (source / "l").symlink_to("t" * 150)
    for form in ("gnu", "pax"):
        archive = steps.working_dir / f"{form}.tar"
        subprocess.run(["tar", f"--format={form}", "-cf", archive, "-C", source, "."], check=True)
        steps.ok("extract", source=archive.name, destination=form)
        assert tree_of(steps.working_dir / form) == tree_of(source)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_stopped_at_its_limit(steps: StepRunner, pack: Callable[[bytes], bytes]) -> None:
    bomb = tar_of(a_file("x", bytes(20_000_000)))
    (steps.working_dir / "bomb").write_bytes(pack(bomb))
    outcome = steps.run("extract", source="bomb", destination="out", max_bytes=1_000_000)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    assert outcome.message == "bomb would unpack to more than max_bytes (1000000)"
    assert not (steps.working_dir / "out").exists()


def test_a_bomb_of_many_files_is_stopped_at_its_limit(steps: StepRunner) -> None:
    (steps.working_dir / "a.tar").write_bytes(tar_of(*[a_file(f"f{n}", b"") for n in range(20)]))
    outcome = steps.run("extract", source="a.tar", destination="out", max_files=10)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    with zipfile.ZipFile(steps.working_dir / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(5_000_000))
    outcome = steps.run("extract", source="a.zip", destination="out", max_bytes=1_000_000)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT


def test_a_refusal_leaves_what_was_there_and_nothing_else(steps: StepRunner) -> None:
    root = steps.working_dir
    good = [a_file("kept", b"new"), a_file("d/x", b"new"), a_file("fresh/y", b"new")]
    refused = {
        "limit.tar": tar_of(*good, a_file("huge", bytes(3_000_000))),
        "escape.tar": tar_of(*good, a_file("../evil")),
        "cut.tar": tar_of(*good, a_file("z", bytes(2000)))[:-11_000],
        "folder.tar": tar_of(*good, a_file("taken/deep")),
        "file.tar": tar_of(*good, a_file("folder")),
    }
    (root / "out/d").mkdir(parents=True)
    (root / "out/folder").mkdir()
    for name in ("kept", "d/x", "taken"):
        (root / "out" / name).write_text("mine")
    for name, data in refused.items():
        (root / name).write_bytes(data)
    before = tree_of(root / "out")
    names = sorted(root.iterdir())
    for name in refused:
        for destination in ("out", "new/deep"):
            if destination == "new/deep" and name in {"folder.tar", "file.tar"}:
                continue  # nothing is in the way there
            outcome = steps.run("extract", source=name, destination=destination, max_bytes=1 << 20)
            assert outcome.reason_code is not Reason.STEP_DONE, name
            assert tree_of(root / "out") == before, name
            assert sorted(root.iterdir()) == names, name


def test_a_cancelled_extract_leaves_nothing(steps: StepRunner) -> None:
    (steps.working_dir / "a.tar").write_bytes(tar_of(*[a_file(f"f{n}", b"x") for n in range(50)]))
    steps.cancelled.set()
    assert steps.run("extract", source="a.tar", destination="out").error is not None
    assert [path.name for path in steps.working_dir.iterdir()] == ["a.tar"]


def test_several_archives_unpacked_into_one_folder_at_once_all_arrive(steps: StepRunner) -> None:
    from concurrent.futures import ThreadPoolExecutor

    for n in range(12):
        data = tar_of(*[a_file(f"d{d}/{n}", b"x") for d in range(20)])
        (steps.working_dir / f"{n}.tar").write_bytes(data)
    with ThreadPoolExecutor(6) as pool:
        unpack = partial(steps.ok, "extract", destination="deep/out")
        list(pool.map(lambda n: unpack(source=f"{n}.tar"), range(12)))
    found = [path for path in (steps.working_dir / "deep/out").rglob("*") if path.is_file()]
    assert len(found) == 12 * 20
    assert not list((steps.working_dir / "deep").glob(".mission-*"))


def pax(record: bytes, kind: bytes = b"x") -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = kind, len(record)
    return info.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)


BROKEN = {
    "empty": b"",
    "no archive": b"hello world" * 100,
    "cut in a header": tar_of(a_file("x"))[:300],
    "cut in the content": tar_of(a_file("x", b"1" * 2000))[:1500],
    "cut before its end": tar_of(a_file("x"))[:1024],
    "a damaged header": tar_of(a_file("x"), a_file("y")).replace(b"y\0", b"z\0", 1),
    "a header of a gigabyte": a_special("big", b"L").tobuf().replace(b"0" * 11, b"7" * 11, 1),
    "a negative size": pax(b"10 size=-\n") + tar_of(a_file("x")),
    "a size of minus one": pax(b"11 size=-1\n") + tar_of(a_file("x")),
    "a size that is none": pax(b"12 size=1_0\n") + tar_of(a_file("x")),
    "a record of no length": pax(b"0 size=1\n") + tar_of(a_file("x")),
    "a record too long": pax(b"99 size=1\n") + tar_of(a_file("x")),
    "headers without end": pax(b"11 path=ab\n") * 100,
    "an unknown type": tar_of(a_special("x", b"V")),
    "a sparse file": pax(b"22 GNU.sparse.major=1\n") + tar_of(a_file("x")),
    "a file without a name": tar_of(a_file(".")),
    "cut gzip": gzip.compress(tar_of(a_file("x", os.urandom(5000))))[:-100],
    "damaged gzip": gzip.compress(tar_of(a_file("x", b"1" * 5000)))[:-8] + b"12345678",
    "damaged bzip2": b"BZh9" + b"1" * 100,
    "damaged xz": b"\xfd7zXZ\0" + b"1" * 100,
    "damaged zip": b"PK\x03\x04" + b"1" * 100,
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_damaged_archive_is_a_failure_that_says_so(steps: StepRunner, what: str) -> None:
    (steps.working_dir / "broken").write_bytes(BROKEN[what])
    outcome = steps.run("extract", source="broken", destination="out")
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.error is not None
    assert outcome.error.kind == "archive", outcome.message


def test_an_encrypted_or_odd_zip_is_a_failure(steps: StepRunner) -> None:
    path = steps.working_dir / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", "x")
    outcome = steps.run("extract", source="a.zip", destination="out")
    assert outcome.message == "a.zip: x: compression 14 is not supported"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "x")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    outcome = steps.run("extract", source="a.zip", destination="out")
    assert outcome.message == "a.zip: x is encrypted"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_mutation_of_an_archive_does_more_than_fail(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    plain = tar_of(a_file("d/x", b"1" * 600), a_link("l", "d/x"), a_file("n" * 120))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d/x", "1" * 600)
        archive.writestr("y", "2")
    kinds = [plain, gzip.compress(plain, mtime=0), buffer.getvalue()]
    mutated = bytearray(data.draw(st.sampled_from(kinds)))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    del mutated[data.draw(st.integers(len(mutated) // 2, len(mutated))) :]
    root = tmp_path_factory.mktemp("mutated")
    (root / "work").mkdir()
    (root / "work/a").write_bytes(mutated)
    steps = StepRunner(root / "work")
    outcome = steps.run("extract", source="a", destination="out", max_bytes=10_000)
    assert outcome.reason_code in {
        Reason.STEP_DONE,
        Reason.STEP_ERROR,
        Reason.SECURITY_VIOLATION,
        Reason.OUTPUT_LIMIT,
    }
    assert [path.name for path in root.iterdir()] == ["work"]


# --- decompression ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pack", "stream"),
    [
        (gzip.compress, gzip_stream),
        (bz2.compress, bzip2_stream),
        (lzma.compress, xz_stream),
    ],
)
def test_streams_behind_one_another_are_read_as_one(
    pack: Callable[[bytes], bytes], stream: Callable[[], inflate.Decompressor]
) -> None:
    parts = [os.urandom(100_000), b"", b"z" * 300_000]
    packed = b"".join(map(pack, parts)) + bytes(100)
    reader = InflatingReader(io.BytesIO(packed), stream)
    whole = b"".join(iter(lambda: reader.read(7777), b""))
    assert whole == b"".join(parts)
    assert reader.read(1) == b""


def test_an_xz_stream_that_wants_too_much_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inflate, "XZ_MEMORY_BYTES", 100_000)
    reader = InflatingReader(io.BytesIO(lzma.compress(bytes(1000), preset=9)), xz_stream)
    with pytest.raises(inflate.DecompressError, match=r"[Mm]emory"):
        reader.read(10)


def test_plans_say_what_would_be_packed_and_unpacked(steps: StepRunner) -> None:
    assert steps.describe("checksum", path="x") == "would compute the sha256 of x"
    assert steps.describe("compress", source="d", destination="a") == (
        "would pack d into a (gzip-compressed tar)"
    )
    assert steps.describe("extract", source="a", destination="d") == "would unpack a into d"
