"""A bundle: every byte of it counts, and its verifier never fails over what it finds."""

import ast
import hashlib
import io
import json
import random
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.bundle import offline_check
from core.audit.bundle.bundle_check import check as check_files
from core.audit.bundle.bundle_check import verify_bundle
from core.audit.bundle.bundle_content import Content, LogFile, members
from core.audit.bundle.bundle_zip import member, write_zip
from core.audit.bundle.offline_check import Problem, root
from core.audit.chain.key_events import keys_of, tells_of_keys
from core.audit.chain.key_history import RevokedKey
from core.audit.format import canonical, merkle
from core.audit.format.checkpoint import origin_of
from core.audit.format.key import Verifier
from core.audit.format.merkle_tree import MerkleTree
from core.audit.format.note import sign_note
from core.audit.verify.verdict import Tier, Verdict
from core.domain.events import Noted
from tests.core.audit.test_anchor_check import BOTH
from tests.core.audit.test_unknown_type import a_log
from tests.support.anchored_log import add_anchor, head_of, stamped
from tests.support.memory_chain import EXECUTION_ID, LOG_ID, START, MemoryLog, MemorySigner, a_run

UNSIGNED = {"README.md", "verify.py"}
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
            if tells_of_keys(body) or canonical.decode(body)["execution_id"] == EXECUTION_ID
        ],
        checkpoint=checkpoint[1],
        seals={EXECUTION_ID: seal},
        missions={},
        logs=[LogFile(EXECUTION_ID, 0, 1, len(LOG_TEXT), lambda: [LOG_TEXT])],
        keys=keys_of(row[10] for row in log.event_rows)[1].state.keys,
    )


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    """A sealed run with events of unknown types, and another execution behind it."""
    return a_log()


@pytest.fixture(scope="module")
def files(log: MemoryLog) -> dict[str, bytes]:
    made = members(content_of(log), {EXECUTION_ID: {"state": "FAILED"}}, log.signer)
    return {one.name: b"".join(one.parts) for one in made}


def check(files: Mapping[str, bytes]) -> list[Problem]:
    return check_files(files, lambda name: io.BytesIO(files[name]), {})


def zipped(files: Mapping[str, bytes], log: MemoryLog) -> bytes:
    target = io.BytesIO()
    write_zip(target, members(content_of(log), {EXECUTION_ID: {"state": "FAILED"}}, log.signer))
    return target.getvalue()


def test_a_bundle_is_intact_with_events_of_unknown_types(files: dict[str, bytes]) -> None:
    assert check(files) == []
    assert b"step.teleported" in files["events.ndjson"]
    assert all(files.values()), "no file is empty"


@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])
def test_every_flipped_byte_is_found_and_its_file_named(files: dict[str, bytes], step: int) -> None:
    """Without the slow test: every byte of small files and of the beginning of the others."""
    for name in sorted(set(files) - UNSIGNED):
        data = files[name]
        for index in sorted({*range(min(60, len(data))), *range(0, len(data), step)}):
            flipped = data[:index] + bytes([data[index] ^ (1 << index % 8)]) + data[index + 1 :]
            problems = check({**files, name: flipped})
            assert problems, (name, index)
            told = " ".join(f"{place} {text}" for place, text in problems)
            assert name in told or name == "SHA256SUMS", (name, index, problems)


def test_missing_renamed_and_further_files_are_named(files: dict[str, bytes]) -> None:
    for name in sorted(set(files) - UNSIGNED):
        less = {one: data for one, data in files.items() if one != name}
        for changed, expected in ((less, name), ({**less, "other": files[name]}, name)):
            told = " ".join(f"{place} {text}" for place, text in check(changed))
            assert expected in told
    assert check({**files, "extra": b"x"})[0] == ("extra", "is not part of the bundle")


def test_an_attacker_without_the_key_cannot_make_a_list_of_digests_of_his_own(
    log: MemoryLog, files: dict[str, bytes]
) -> None:
    other = MemorySigner(seed=2)
    forged = members(content_of(log), {EXECUTION_ID: {"state": "SUCCESS"}}, other)
    problems = check({one.name: b"".join(one.parts) for one in forged})
    assert any("has not signed it" in text for _, text in problems)


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


def test_the_hashes_between_the_events_give_every_root_that_is_needed() -> None:
    chance = random.Random(13)
    for size in range(1, 40):
        leaves = [merkle.leaf_hash(bytes([number])) for number in range(size)]
        shown = sorted(chance.sample(range(size), chance.randint(0, size)))
        sizes = chance.sample(range(1, size + 1), min(size, 3))
        given = list(MerkleTree(leaves).cover(shown, sizes))
        nodes = {(first, count): node for first, count, node in given}
        nodes |= {(number, 1): leaves[number] for number in shown}
        spans = sorted(nodes)
        ends = [first + count for first, count in spans]
        assert [first for first, _ in spans] == [0, *ends[:-1]], "each leaf is under one of them"
        for one in (*sizes, size):
            assert root(nodes, 0, one) == merkle.root_of(leaves[:one])
        assert len(given) <= 2 * (len(shown) + len(sizes) + 1) * size.bit_length()


def test_an_anchor_of_another_history_is_found(tmp_path: Path) -> None:
    log = a_log()
    size, root = head_of(log)
    for is_right in (True, False):
        record = stamped(size, root if is_right else bytes(32))
        seq = add_anchor(log, record)
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


OLD, NEW, THIEF = (MemorySigner(seed) for seed in (1, 2, 9))


@pytest.fixture(scope="module")
def rotated() -> MemoryLog:
    """Return a log whose key was rotated in the middle of an execution and behind it."""
    log = MemoryLog()
    transactions = list(a_run())
    for events, is_last in transactions:
        if len(log.notes) == 4:
            log.rotate(NEW)
        log.commit(*events, finalize=is_last)
    for number in range(5):
        log.commit(Noted(at=START + 10**12 + number, execution_id="", kind="engine.started"))
    log.rotate(MemorySigner(3))
    return log


def bundle_of(log: MemoryLog, path: Path, signer: MemorySigner | None = None) -> dict[str, bytes]:
    """Write a bundle of a log, and return its files."""
    made = members(content_of(log), {EXECUTION_ID: {}}, signer or log.signer)
    found = {one.name: b"".join(one.parts) for one in made}
    with path.open("wb") as file:
        write_zip(file, (member(name, data) for name, data in found.items()))
    return found


def test_a_rotation_within_an_execution_is_followed(tmp_path: Path, rotated: MemoryLog) -> None:
    path = tmp_path / "x.zip"
    files = bundle_of(rotated, path)
    assert check(files) == []
    assert sum(name.startswith("keys/") for name in files) == 6
    for signer, pinned in ((OLD, 0), (NEW, 1), (MemorySigner(3), 2)):
        report = verify_bundle(path, [Verifier("x", signer.public_key)])
        assert (report.verdict, report.rotations) == (Verdict.INTACT, 2)
        keys = keys_of(row[10] for row in rotated.event_rows)[1].keys
        assert (report.key, report.pinned_key) == (keys[2].vkey, keys[pinned].vkey)
    assert verify_bundle(path, [Verifier("x", THIEF.public_key)]).verdict is Verdict.WRONG_KEY
    old = RevokedKey(Verifier("x", OLD.public_key), "stolen")
    both = [Verifier("x", one.public_key) for one in (OLD, NEW)]
    assert verify_bundle(path, both[1:], revoked=[old]).is_intact
    assert verify_bundle(path, both[:1], revoked=[old]).verdict is Verdict.REVOKED_KEY


def test_every_flipped_byte_of_a_bundle_with_rotations_is_found(
    tmp_path: Path, rotated: MemoryLog
) -> None:
    files = bundle_of(rotated, tmp_path / "x.zip")
    for name in sorted(set(files) - UNSIGNED):
        for index in range(0, len(files[name]), 397):
            data = files[name]
            changed = data[:index] + bytes([data[index] ^ 4]) + data[index + 1 :]
            assert check({**files, name: changed}), (name, index)


def resealed(files: dict[str, bytes], signer: MemorySigner, **changed: bytes) -> dict[str, bytes]:
    """Replace files and sign the list of digests anew, as whoever has the key can."""
    found = {**files, **{name.replace("__", "."): data for name, data in changed.items()}}
    names = sorted(set(found) - UNSIGNED - {"SHA256SUMS", "bundle.note"})
    sums = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in names)
    first = found["bundle.note"].decode().split("\n")[:2]
    text = "\n".join([*first, hashlib.sha256(sums.encode()).hexdigest(), ""])
    note = sign_note(text, origin_of(LOG_ID), signer)
    return {**found, "SHA256SUMS": sums.encode(), "bundle.note": note}


def test_events_that_are_not_in_the_tree_are_found_even_with_the_key(
    tmp_path: Path, rotated: MemoryLog
) -> None:
    files = bundle_of(rotated, tmp_path / "x.zip")
    bodies = files["events.ndjson"].splitlines(keepends=True)
    signer = MemorySigner(3)
    assert check(resealed(files, signer)) == []
    forged = bodies[1].replace(b'"actor":"', b'"actor":"e', 1)
    tiles = json.loads(files["proofs.json"])
    whole = {"tree": [[0, len(rotated.event_rows), rotated.writer.head.root.hex()]]}
    for name, data in {
        "one was left out": b"".join(bodies[:3] + bodies[4:]),
        "one was changed": b"".join([bodies[0], forged, *bodies[2:]]),
        "one was added": b"".join([bodies[0], forged, *bodies[1:]]),
        "a rotation was left out": b"".join(one for one in bodies if b"key.rotated" not in one),
        "the end was left out": b"".join(bodies[:-2] + bodies[-1:]),
    }.items():
        assert check(resealed(files, signer, events__ndjson=data)), name
    for proofs in (whole, {"tree": tiles["tree"][1:]}, {"tree": [*tiles["tree"], *whole["tree"]]}):
        assert check(resealed(files, signer, proofs__json=json.dumps(proofs).encode())), proofs
    for key in (OLD, NEW, THIEF):
        assert check(resealed(files, key)), "the list is signed by the last key of the log"


def test_events_that_a_revoked_key_alone_signed_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    for from_seq, verdict in ((1, Verdict.REVOKED_KEY), (6, Verdict.REVOKED_KEY), (99, None)):
        log = MemoryLog()
        for events, is_last in a_run():
            log.commit(*events, finalize=is_last)
        log.rotate(NEW)
        log.revoke(OLD.public_key, min(from_seq, len(log.event_rows)))
        bundle_of(log, path)
        report = verify_bundle(path, [Verifier("x", NEW.public_key)])
        assert report.verdict is (verdict or Verdict.INTACT)
        assert report.tiers[Tier.SIGNED] == (verdict is None)
        assert len(report.revocations) == 1


def test_the_verifier_is_short_and_runs_on_older_versions() -> None:
    text = Path(offline_check.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
    }
    assert imported <= sys.stdlib_module_names
