"""Every bit of notes, proofs and bundles counts, and no verifier fails over random bytes."""

import random
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from core.audit.bundle.bundle_check import verify_bundle
from core.audit.format import merkle
from core.audit.format.checkpoint import open_checkpoint
from core.audit.format.note import NoteError
from core.audit.verify.source import ROW
from core.audit.verify.verify_since import verify_since
from tests.core.audit.test_bundle import UNSIGNED, check, content_of, zipped
from tests.core.audit.test_unknown_type import a_log
from tests.core.audit.test_verify_since import a_verified_log
from tests.support.memory_chain import EXECUTION_ID, LOG_ID, MemoryLog
from tests.support.rfc_proofs import is_consistent, is_included

SEED = 13


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return a_log()


@pytest.fixture(scope="module")
def files(log: MemoryLog) -> dict[str, bytes]:
    from core.audit.bundle.bundle_content import members

    made = members(content_of(log), {EXECUTION_ID: {"state": "FAILED"}}, log.signer)
    return {one.name: b"".join(one.parts) for one in made}


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def test_every_bit_of_a_checkpoint_counts(log: MemoryLog) -> None:
    data = log.notes[-1][1]
    opened = open_checkpoint(data, [log.verifier])
    for bit in range(len(data) * 8):
        with pytest.raises(NoteError):
            open_checkpoint(flipped(data, bit), [log.verifier])
    assert opened.size == log.notes[-1][0]


def test_every_bit_of_a_proof_counts() -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(11)]
    new, old = merkle.root_of(leaves), merkle.root_of(leaves[:6])
    inclusion = merkle.inclusion_proof(leaves, 4)
    consistency = merkle.consistency_proof(leaves, 6)
    for number in range(len(inclusion)):
        for bit in range(256):
            wrong = list(inclusion)
            wrong[number] = flipped(wrong[number], bit)
            assert not merkle.verify_inclusion(leaves[4], 4, 11, wrong, new)
            assert not is_included(leaves[4], 4, 11, wrong, new)
    for number in range(len(consistency)):
        for bit in range(256):
            wrong = list(consistency)
            wrong[number] = flipped(wrong[number], bit)
            assert not merkle.verify_consistency(6, 11, wrong, old, new)
            assert not is_consistent(6, 11, wrong, old, new)


def _flip_members(
    files: Mapping[str, bytes], step: int, *, among: Collection[str] | None = None
) -> None:
    for name in sorted(set(files if among is None else among) - UNSIGNED):
        first = random.Random(f"{SEED} {name}").randrange(step)
        for bit in range(first, len(files[name]) * 8, step):
            assert check({**files, name: flipped(files[name], bit)}), (name, bit)


def test_sampled_bits_of_a_bundle_count(files: dict[str, bytes]) -> None:
    _flip_members(files, 997)


@pytest.mark.slow
def test_every_bit_of_the_small_members_of_a_bundle_counts(files: dict[str, bytes]) -> None:
    """Of events and proofs, the large members, one bit in 31: every bit of them takes minutes."""
    small = {name: data for name, data in files.items() if len(data) < 1024}
    _flip_members(files, 31)
    _flip_members(files, 1, among=small)


@pytest.mark.parametrize("more", [b"x\n", b"\n", b"x", b"more lines\nbehind it\n"])
def test_nothing_stands_behind_the_signature_of_a_note(
    files: dict[str, bytes], more: bytes
) -> None:
    for name in (one for one in files if one.endswith(".note")):
        assert check({**files, name: files[name] + more}), (name, more)


def _splice(data: bytes, chance: random.Random) -> bytes:
    """Return other bytes: parts overwritten, cut out, doubled or put in."""
    for _ in range(chance.randint(1, 3)):
        at, size = chance.randrange(len(data) + 1), chance.choice((1, 4, 64, 1000))
        other = chance.choice(
            (b"", bytes(size), chance.randbytes(size), data[at : at + size] * 2, b"PK\x03\x04")
        )
        data = data[:at] + other + data[at + chance.choice((0, size)) :]
    return data


def _fuzz(log: MemoryLog, files: Mapping[str, bytes], path: Path, count: int) -> None:
    chance = random.Random(SEED)
    whole = zipped(files, log)
    names = sorted(set(files) - UNSIGNED)
    for number in range(count):
        path.write_bytes(spliced := _splice(whole, chance))
        assert spliced == whole or not verify_bundle(path, [log.verifier]).is_intact, number
        name = chance.choice(names)
        changed = _splice(files[name], chance)
        assert changed == files[name] or check({**files, name: changed}), (number, name)


def test_a_fuzzed_bundle_is_never_intact_and_no_verifier_fails(
    log: MemoryLog, files: dict[str, bytes], tmp_path: Path
) -> None:
    _fuzz(log, files, tmp_path / "x.zip", 60)


@pytest.mark.slow
def test_a_bundle_fuzzed_for_long_is_never_intact_and_no_verifier_fails(
    log: MemoryLog, files: dict[str, bytes], tmp_path: Path
) -> None:
    _fuzz(log, files, tmp_path / "x.zip", 5000)


def test_the_incremental_verifier_never_fails_and_never_calls_damage_intact() -> None:
    log, known = a_verified_log()
    chance = random.Random(SEED)
    size = known.head.size
    for _ in range(300):
        row = chance.choice(log.event_rows[size:])
        place = chance.randrange(len(ROW))
        before = row[place]
        row[place] = chance.choice((None, 0, -1, 2**70, "", "x", b"", b"{}", 0.5, bytes(32)))
        if row[place] != before or type(row[place]) is not type(before):
            assert not verify_since(log, LOG_ID, known).is_intact, (row[0], ROW[place])
        row[place] = before
    assert verify_since(log, LOG_ID, known).is_intact
