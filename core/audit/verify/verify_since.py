"""Incremental verification: the events behind the ones whose chain was verified before.

The remembered edge of the Merkle tree takes the place of a consistency proof: from it and the new
events the root is computed that the last checkpoint must have signed, so the signed tree begins
with the one that was verified. Records are not compared, and earlier events are not read again.
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain as concatenate
from itertools import islice

from core.audit.chain.key_history import KeyHistory
from core.audit.verify.chain_walk import Walk
from core.audit.verify.checkpoint_check import CheckpointCheck, check_revoked
from core.audit.verify.log_events.prune_check import PruneCheck
from core.audit.verify.source import ROW, ChainSource, Row
from core.audit.verify.verdict import Findings, Report, Tier, Verdict
from core.audit.verify.verify import (
    MAX_FINDINGS,
    check_beginning,
    check_head,
    known_keys,
    read_rows,
    report_of,
)
from core.audit.verify.walk_state import ChainState


def verify_since(
    source: ChainSource,
    log_id: str,
    known: ChainState,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify the chain and the checkpoints behind `known`; `events` of the report counts all.

    `InvalidKeyError` if a trusted key is malformed.
    """
    findings = Findings(MAX_FINDINGS)
    size = known.head.size
    prunes = PruneCheck(source, findings)
    keys = KeyHistory(log_id, known_keys(source, log_id), known.keys)
    walk = Walk(log_id, findings, None, keys, prunes)
    walk.resume(known)
    rows = _behind_known(source.rows(after=size - 1), known, findings)
    checkpoints = CheckpointCheck(
        log_id,
        keys,
        source.checkpoints(after=size),
        source.last_checkpoint(),
        findings,
        deep=False,
    )
    is_continued = not findings.count
    if is_continued:
        checkpoints.reached(size, walk.root, is_damaged=False)
        read_rows(walk, rows, checkpoints, frozenset(), progress)
        walk.finish()
        prunes.finish(is_damaged=walk.is_damaged, has_tables=False, after=size)
        checkpoints.finish(walk.last_seq, is_damaged=walk.is_damaged)
        check_beginning(walk, findings)
        check_head(source.head(), walk, findings)
    is_whole = is_continued and not walk.is_damaged
    in_order = findings.count
    signed_by = check_revoked(keys, checkpoints.signed_by, walk.last_seq, 0, findings)
    tiers = {
        Tier.CHAIN: is_whole,
        Tier.SIGNED: is_whole and signed_by is not None and findings.count == in_order,
        Tier.ANCHORED: False,
        Tier.COMPLETE: is_whole and not walk.open_executions,
    }
    return report_of(walk, tiers, findings, signed_by, prunes=prunes)


def _behind_known(rows: Iterator[Row], known: ChainState, findings: Findings) -> Iterator[Row]:
    """Check that the last verified event stands where it stood, and return what follows it."""
    size = known.head.size
    first = list(islice(rows, 1))
    if not size:
        return concatenate(first, rows)
    row = dict(zip(ROW, first[0], strict=False)) if first else {}
    if row.get("seq") != size:
        findings.add(
            Verdict.TRUNCATED if not first else Verdict.MISSING,
            "size",
            seq=size,
            expected=size,
            found=row.get("seq", "nothing"),
            message=f"event {size}, to which the log was verified before, is not here",
        )
        return rows
    body = row.get("body")
    found = row.get("hash")  # all that is left of a pruned event
    if isinstance(body, bytes):
        found = hashlib.sha256(b"\x00" + body).digest()
    if found != known.head.last_hash:
        findings.add(
            Verdict.MODIFIED,
            "hash",
            seq=size,
            expected=known.head.last_hash,
            found=found,
            message=f"event {size} is not the one to which the log was verified before",
        )
    return rows
