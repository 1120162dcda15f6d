"""Verifies a bundle as a zip file: bytes, digests, proofs, and whether its keys are trusted.

The checks of the content are those that the bundle carries along as `verify.py`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from core.audit.bundle.anchor_proof import verify_anchors
from core.audit.bundle.bundle_zip import open_zip
from core.audit.bundle.offline_check import DAMAGED, Open, Problem, problems
from core.audit.chain.key_events import keys_of, tells_of_keys
from core.audit.chain.key_history import KeyHistory, KnownKeys, RevokedKey
from core.audit.format.key import InvalidKeyError, Verifier, decode_vkey
from core.audit.verify.log_events.anchor_check import NOBODY, Authorities
from core.audit.verify.verdict import AnchorNote, Findings, Report, Tier, Verdict
from core.domain.state_word import counted
from core.errors import AuditError

MAX_FINDINGS: Final = 100


def verify_bundle(
    path: Path,
    trusted: Iterable[Verifier],
    require: frozenset[Tier] = frozenset(),
    authorities: Authorities = NOBODY,
    *,
    revoked: Iterable[RevokedKey] = (),
) -> Report:
    """Verify a bundle against the keys, and its anchors against the authorities, that are trusted.

    Raises `UnavailableError` when the file cannot be read. Whatever it holds is no error but a
    finding.
    """
    findings = Findings(MAX_FINDINGS)
    told: dict[str, Any] = {}
    keys: KeyHistory | None = None
    anchors: tuple[AnchorNote, ...] = ()
    bodies: Sequence[bytes] = ()
    last = 0
    try:
        with open_zip(path) as archive:
            for name, text in check(archive.namelist(), archive.open, told):
                findings.add(Verdict.MODIFIED, name, message=f"{name} {text}")
            if not findings.count:
                anchors, last = verify_anchors(archive, authorities)
                bodies = archive.read("events.ndjson").split(b"\n")[:-1]
                known = KnownKeys(tuple(trusted), tuple(revoked))
                _, keys = keys_of(filter(tells_of_keys, bodies), known)
    except AuditError as error:
        findings.add(Verdict.MODIFIED, "zip", message=error.message)
    is_whole = keys is not None and not findings.count
    is_signed = keys is not None and _is_trusted(keys, bodies, findings)
    pinned = keys.pinned if keys is not None and is_signed else None
    tiers = {
        Tier.CHAIN: is_whole,
        Tier.SIGNED: is_signed,
        Tier.ANCHORED: is_signed
        and any(one.problem is None and one.size >= last for one in anchors),
        Tier.COMPLETE: is_whole,
    }
    for tier in sorted(require):
        if not tiers[tier]:
            findings.add(
                Verdict.UNSEALED,
                tier.value,
                expected="reached",
                found="not reached",
                message=f"the bundle is not {tier.value}, as demanded",
            )
    return Report(
        verdict=findings.kept[0].kind if findings.kept else Verdict.INTACT,
        tiers=tiers,
        events=told.get("events", 0),
        head=told.get("head", "none"),
        findings=tuple(findings.kept),
        finding_count=findings.count,
        key=keys.keys[-1].vkey if keys is not None and is_signed else None,
        pinned_key=None if pinned is None else pinned.vkey,
        rotations=0 if keys is None else len(keys.keys) - 1,
        revocations=() if keys is None else keys.state.revocations,
        executions=len(told.get("ends", ())),
        anchors=anchors,
    )


def check(names: Iterable[str], opened: Open, told: dict[str, Any]) -> list[Problem]:
    """Return (file, problem) of what is not as it was signed; see `offline_check.problems`."""
    found: list[Problem] = []
    try:
        found.extend(problems(set(names), opened, is_signed, told))
    except DAMAGED as error:
        found.append((told["file"], f"cannot be verified: {error!a}"[:200]))
    return found


def is_signed(vkey: str, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature is that of a key, given as text, which may be no key at all."""
    try:
        return decode_vkey(vkey).verify(message, signature)
    except InvalidKeyError:
        return False


def _is_trusted(keys: KeyHistory, bodies: Sequence[bytes], findings: Findings) -> bool:
    """Tell whether keys that are trusted, and not revoked, vouch for all events of executions."""
    own = {key.public_key for key in keys.keys}
    known = (*keys.known.trusted, *(one.key for one in keys.known.revoked))
    broken = keys.broken_trust
    if not own & {key.public_key for key in known}:
        findings.add(
            Verdict.WRONG_KEY,
            "key",
            expected=", ".join(key.vkey for key in keys.known.trusted) or "a known key",
            found=keys.keys[-1].vkey,
            message="it is signed by a key that is not known here",
        )
        return False
    if broken is not None:
        findings.add(
            Verdict.REVOKED_KEY,
            "key",
            found=broken.key.vkey,
            expected="a key that was not revoked",
            message=f"it is signed under a key that was revoked: {broken.reason}",
        )
        return False
    doubts = list(keys.doubts(0))
    seqs = [event["seq"] for event in map(json.loads, bodies if doubts else ()) if _is_shown(event)]
    for doubt in doubts:
        within = [seq for seq in seqs if doubt.first_seq <= seq <= doubt.last_seq]
        if within:
            why = doubt.revocation
            findings.add(
                Verdict.REVOKED_KEY,
                "key",
                seq=within[0],
                expected="a key that was not revoked",
                found=why.vkey,
                message=f"{counted(len(within), 'event')}, {within[0]} to {within[-1]}, signed only"
                f" by a key that event {why.seq} revokes: {why.reason}",
            )
    return not any(one.kind is Verdict.REVOKED_KEY for one in findings.kept)


def _is_shown(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is one of an execution of the bundle, and not of the log."""
    return event["execution_id"] is not None
