"""A bundle: every byte of it counts, and its verifier never fails over what it finds."""

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.bundle.bundle_check import _is_signed, verify_bundle
from core.audit.bundle.bundle_content import Content, LogFile, members
from core.audit.bundle.bundle_zip import write_zip
from core.audit.bundle.offline_check import OUTSIDE, Check, proves
from core.audit.format import canonical, merkle
from core.audit.format.key import Verifier
from core.audit.verify.verdict import Tier, Verdict
from tests.core.audit.test_anchor_check import BOTH, anchor, head, stamped
from tests.core.audit.test_unknown_type import a_log
from tests.support.memory_chain import EXECUTION_ID, LOG_ID, MemoryLog, MemorySigner

FOLDER = f"executions/{EXECUTION_ID}"
LOG_TEXT = b"fetched\n"


def content_of(log: MemoryLog) -> Content:
    rows = [(row[0], row[10], row[11]) for row in log.event_rows]
    last = max(row[0] for row in log.event_rows if row[6] == EXECUTION_ID)
    seal = next((size, note) for size, note in sorted(log.notes) if size >= last)
    checkpoint = log.last_checkpoint()
    assert checkpoint is not None
    assert isinstance(checkpoint[1], bytes)
    return Content(
        log_id=LOG_ID,
        execution_id=EXECUTION_ID,
        leaves=[digest for _, _, digest in rows],
        bodies=[
            (seq, body)
            for seq, body, _ in rows
            if seq == 1 or canonical.decode(body)["execution_id"] == EXECUTION_ID
        ],
        checkpoint=checkpoint[1],
        seals={EXECUTION_ID: seal},
        missions={},
        logs=[LogFile(EXECUTION_ID, 0, 1, len(LOG_TEXT), lambda: [LOG_TEXT])],
        keys=[log.verifier],
    )


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    """A sealed run with events of unknown types, and another execution behind it."""
    return a_log()


@pytest.fixture(scope="module")
def files(log: MemoryLog) -> dict[str, bytes]:
    made = members(content_of(log), {EXECUTION_ID: {"state": "FAILED"}}, log.signer)
    return {one.name: b"".join(one.parts) for one in made}


def check(files: Mapping[str, bytes]) -> Check:
    found = Check(files, lambda name: io.BytesIO(files[name]), _is_signed)
    found.run()
    return found


def zipped(files: Mapping[str, bytes], log: MemoryLog) -> bytes:
    target = io.BytesIO()
    write_zip(target, members(content_of(log), {EXECUTION_ID: {"state": "FAILED"}}, log.signer))
    return target.getvalue()


def test_a_bundle_is_intact_with_events_of_unknown_types(files: dict[str, bytes]) -> None:
    found = check(files)
    assert found.problems == []
    assert found.executions == 1
    assert b"step.teleported" in files["events.ndjson"]
    assert all(files.values()), "no file is empty"


@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_byte_is_found_and_its_file_named(files: dict[str, bytes], step: int) -> None:
    """Without the slow test: every byte of small files and of the beginning of the others."""
    for name in sorted(set(files) - OUTSIDE):
        data = files[name]
        for index in sorted({*range(min(60, len(data))), *range(0, len(data), step)}):
            flipped = data[:index] + bytes([data[index] ^ (1 << index % 8)]) + data[index + 1 :]
            problems = check({**files, name: flipped}).problems
            assert problems, (name, index)
            told = " ".join(f"{place} {text}" for place, text in problems)
            assert name in told or name == "SHA256SUMS", (name, index, problems)


def test_missing_renamed_and_further_files_are_named(files: dict[str, bytes]) -> None:
    for name in sorted(set(files) - OUTSIDE):
        less = {one: data for one, data in files.items() if one != name}
        for changed, expected in ((less, name), ({**less, "other": files[name]}, name)):
            told = " ".join(f"{place} {text}" for place, text in check(changed).problems)
            assert expected in told
    assert check({**files, "extra": b"x"}).problems[0] == ("extra", "is not part of the bundle")


def test_an_attacker_without_the_key_cannot_make_a_list_of_digests_of_his_own(
    log: MemoryLog, files: dict[str, bytes]
) -> None:
    other = MemorySigner(seed=2)
    forged = members(content_of(log), {EXECUTION_ID: {"state": "SUCCESS"}}, other)
    problems = check({one.name: b"".join(one.parts) for one in forged}).problems
    assert any("not signed by a key of the bundle" in text for _, text in problems)


def test_a_bundle_of_a_key_that_is_not_known_is_not_intact(
    tmp_path: Path, log: MemoryLog, files: dict[str, bytes]
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(files, log))
    assert verify_bundle(path, [log.verifier]).verdict is Verdict.INTACT
    stranger = Verifier("stranger", MemorySigner(seed=3).public_key)
    report = verify_bundle(path, [stranger])
    assert (report.verdict, report.tiers[Tier.SIGNED]) == (Verdict.WRONG_KEY, False)
    demanded = verify_bundle(path, [log.verifier], frozenset({Tier.ANCHORED}))
    assert demanded.verdict is Verdict.UNSEALED


def test_the_same_records_give_the_same_bytes(log: MemoryLog, files: dict[str, bytes]) -> None:
    assert zipped(files, log) == zipped(files, log)


def test_every_flipped_byte_of_the_zip_file_is_found(
    tmp_path: Path, log: MemoryLog, files: dict[str, bytes]
) -> None:
    path = tmp_path / "x.zip"
    data = zipped(files, log)
    places = sorted({*range(0, len(data), 97), *range(120), *range(len(data) - 400, len(data))})
    for index in places:
        path.write_bytes(data[:index] + bytes([data[index] ^ 0x41]) + data[index + 1 :])
        assert not verify_bundle(path, [log.verifier]).is_intact, index


def compressed(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", 8) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    return target.getvalue()


def bomb(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", 8) as new:
        new.writestr("SHA256SUMS", bytes(50_000_000))
    return target.getvalue()


def doubled(data: bytes) -> bytes:
    target = io.BytesIO(data)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(target, "a") as archive:
        archive.writestr("SHA256SUMS", b"x")
    return target.getvalue()


def with_a_gap(data: bytes) -> bytes:
    """Insert bytes behind the first member and move all offsets, so that readers see nothing."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    second = archive.infolist()[1].header_offset
    start, gap = archive.start_dir, b"hidden"
    directory = bytearray(data[start:-22])
    at = 0
    while at < len(directory):
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        (offset,) = struct.unpack_from("<L", directory, at + 42)
        if offset:
            struct.pack_into("<L", directory, at + 42, offset + len(gap))
        at += 46 + name + extra + comment
    end = bytearray(data[-22:])
    struct.pack_into("<L", end, 16, start + len(gap))
    return data[:second] + gap + data[second:start] + bytes(directory) + bytes(end)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"x",
        lambda data: b"x" + data,
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"PK\x05\x06" + bytes(18),
        compressed,
        bomb,
        doubled,
        with_a_gap,
    ],
)
def test_other_zip_files_are_refused(
    tmp_path: Path, log: MemoryLog, files: dict[str, bytes], damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(damage(zipped(files, log)))
    report = verify_bundle(path, [log.verifier])
    assert report.verdict is Verdict.MODIFIED
    assert report.findings[0].message


def test_the_proofs_are_checked_as_by_the_own_implementation() -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(20)]
    for size in range(1, 21):
        root = merkle.root_of(leaves[:size])
        for old in range(1, size + 1):
            path = [one.hex() for one in merkle.inclusion_proof(leaves[:size], old - 1)]
            assert proves(path, old - 1, size, root, leaves[old - 1])
            assert not proves([*path, "00" * 32], old - 1, size, root, leaves[old - 1])
            assert not proves(path, old - 1, size, root, leaves[old % 20])
            path = [one.hex() for one in merkle.consistency_proof(leaves[:size], old)]
            early = merkle.root_of(leaves[:old])
            assert proves(path, old - 1, size, root, None, early)
            assert not proves(path, old - 1, size, root, None, bytes(32))
            assert not proves([*path, "00" * 32], old - 1, size, root, None, early)
    assert not proves([], -1, 5, bytes(32), None, bytes(32))
    assert not proves([], 5, 5, bytes(32), bytes(32))


def test_an_anchor_of_another_history_is_found(tmp_path: Path) -> None:
    log = a_log()
    size, root = head(log)
    for is_right in (True, False):
        record = stamped(size, root if is_right else bytes(32))
        seq = anchor(log, record)
        content = content_of(log)
        body = log.event_rows[-1][10]
        content = replace(content, bodies=[*content.bodies, (seq, body)], anchors={seq: record})
        path = tmp_path / f"{seq}.zip"
        with path.open("wb") as file:
            write_zip(file, members(content, {EXECUTION_ID: {}}, log.signer))
        report = verify_bundle(path, [log.verifier], authorities=BOTH)
        assert report.tiers[Tier.ANCHORED] is is_right
        if is_right:
            assert [one.problem for one in report.anchors] == [None], report.findings
        else:
            assert report.verdict is Verdict.MODIFIED
            assert f"that of anchor {seq}" in report.findings[0].message
