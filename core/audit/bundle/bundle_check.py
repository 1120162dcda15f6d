"""Verifies a bundle as a zip file: bytes, digests, proofs, and whether its key is known.

The checks of the content are those that the bundle carries along as `verify.py`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.audit.bundle.anchor_proof import verify_anchors
from core.audit.bundle.bundle_zip import open_zip
from core.audit.bundle.offline_check import Check
from core.audit.format.key import InvalidKeyError, Verifier, decode_vkey
from core.audit.verify.log_events.anchor_check import NOBODY, Authorities
from core.audit.verify.verdict import AnchorNote, Findings, Report, Tier, Verdict
from core.errors import AuditError

MAX_FINDINGS: Final = 100


def verify_bundle(
    path: Path,
    trusted: Iterable[Verifier],
    require: frozenset[Tier] = frozenset(),
    authorities: Authorities = NOBODY,
) -> Report:
    """Verify a bundle against the keys, and its anchors against the authorities, that are trusted.

    Raises `UnavailableError` when the file cannot be read. Whatever it holds is no error but a
    finding.
    """
    findings = Findings(MAX_FINDINGS)
    check = None
    anchors: tuple[AnchorNote, ...] = ()
    last = 0
    try:
        with open_zip(path) as archive:
            check = Check(archive.namelist(), archive.open, _is_signed)
            for name, text in check.run():
                findings.add(Verdict.MODIFIED, name, message=f"{name} {text}")
            if not findings.count:
                anchors, last = verify_anchors(archive, authorities)
    except AuditError as error:
        findings.add(Verdict.MODIFIED, "zip", message=error.message)
    is_whole = check is not None and not findings.count
    is_known = is_whole and _is_known(check.signed_by if check else "", trusted)
    if is_whole and not is_known:
        findings.add(
            Verdict.WRONG_KEY,
            "key",
            found=check.signed_by if check else None,
            message="it is signed by a key that is not known here",
        )
    tiers = {
        Tier.CHAIN: is_whole,
        Tier.SIGNED: is_known,
        Tier.ANCHORED: is_known
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
        events=check.events if check else 0,
        head=check.head if check else "none",
        findings=tuple(findings.kept),
        finding_count=findings.count,
        key=check.signed_by if check and is_known else None,
        executions=check.executions if check else 0,
        anchors=anchors,
    )


def _is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return Verifier("bundle", public_key).verify(message, signature)
    except InvalidKeyError:
        return False


def _is_known(vkey: str, trusted: Iterable[Verifier]) -> bool:
    try:
        found = decode_vkey(vkey).public_key
    except InvalidKeyError:
        return False
    return any(found == one.public_key for one in trusted)
