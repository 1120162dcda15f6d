"""The anchors of a bundle: the files in which they stand, and their verification.

`verify.py` covers them by digests alone: it knows no authority to trust.
"""

import json
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from core.audit.bundle.bundle_zip import Member, member
from core.audit.format import canonical
from core.audit.format.anchor_record import AUDIT_ANCHORED, AnchorRecord, read_anchor
from core.audit.format.checkpoint import (
    ORIGIN_PREFIX,
    Checkpoint,
    checkpoint_text,
    origin_of,
    parse_checkpoint,
)
from core.audit.format.merkle import verify_consistency
from core.audit.verify.log_events.anchor_check import Authorities, verified_anchor
from core.audit.verify.verdict import AnchorNote
from core.errors import AuditError

MAX_ANCHORS: Final = 100
"""How many anchors of a bundle are verified."""
_NAME: Final = AUDIT_ANCHORED.encode()


def anchor_files(log_id: str, seq: int, anchor: AnchorRecord) -> Iterator[Member]:
    """Yield the files of one anchor: what was stamped or cosigned, and the proof."""
    name = f"anchors/{seq}"
    text = checkpoint_text(origin_of(log_id), anchor.size, bytes.fromhex(anchor.root)).encode()
    if anchor.kind == "time-stamp":
        yield member(f"{name}.checkpoint", text)
        yield member(f"{name}.tsr", anchor.proof_bytes())
    else:
        yield member(f"{name}.note", text + b"\n" + anchor.proof_bytes() + b"\n")


def verify_anchors(
    archive: zipfile.ZipFile, authorities: Authorities
) -> tuple[tuple[AnchorNote, ...], int]:
    """Verify the anchors of a bundle whose events and digests were verified before.

    Also return the number of the last event of its executions: an anchor of fewer events says
    nothing of their end. Raises `AuditError` if an anchor is of a tree that the one which was
    signed at the end does not continue.
    """
    bodies = archive.read("events.ndjson").split(b"\n")[:-1]
    anchors: dict[int, AnchorRecord] = {}
    last = 0
    if any(_NAME in body for body in bodies):
        for body in bodies:
            event = canonical.decode(body)
            anchor = read_anchor(body) if _NAME in body else None
            if anchor is not None:
                anchors[int(event["seq"])] = anchor
            if event["execution_id"] is not None:
                last = int(event["seq"])
    if not anchors:
        return (), last
    checkpoint = parse_checkpoint(archive.read("checkpoint.note"))
    log_id = checkpoint.origin.removeprefix(ORIGIN_PREFIX)
    proofs: Any = json.loads(archive.read("proofs.json")).get("anchors")
    notes = []
    for seq, anchor in sorted(anchors.items())[:MAX_ANCHORS]:
        notes.append(verified_anchor(seq, anchor, log_id, authorities))
        if not _is_continued(proofs, seq, anchor, checkpoint):
            raise AuditError(f"the tree that was signed does not continue that of anchor {seq}")
    return tuple(notes), last


def _is_continued(proofs: Any, seq: int, anchor: AnchorRecord, checkpoint: Checkpoint) -> bool:
    try:
        path = [bytes.fromhex(one) for one in proofs[str(seq)]]
    except (KeyError, TypeError, ValueError):
        return False
    root = bytes.fromhex(anchor.root)
    return anchor.size < seq and verify_consistency(
        anchor.size, checkpoint.size, path, root, checkpoint.root
    )
