"""Verification of a stored log: chain, signatures, tables, and one verdict. See docs/audit.md.

Reads every event once, in order; memory grows with open executions only. Never raises because of
the contents of the file, only for invalid options and damaged trusted keys.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Set
from itertools import chain as concatenate
from itertools import islice
from operator import attrgetter
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from core.audit.chain import chain
from core.audit.chain.key_history import KeyHistory, KnownKeys, RevokedKey
from core.audit.format import canonical, merkle
from core.audit.format.body import LOG_CREATED
from core.audit.format.checkpoint import log_verifier
from core.audit.format.key import Verifier, decode_vkey
from core.audit.verify.chain_walk import Walk
from core.audit.verify.checkpoint_check import CheckpointCheck, check_revoked
from core.audit.verify.log_events.anchor_check import NOBODY, AnchorCheck, Authorities
from core.audit.verify.log_events.prune_check import PruneCheck
from core.audit.verify.source import ROW, ChainSource, Record, Row
from core.audit.verify.table_check import TableCheck
from core.audit.verify.verdict import Findings, Report, Tier, Verdict, show
from core.domain.state_word import counted
from core.errors import AuditError, UsageError

MAX_FINDINGS: Final = 100
PROGRESS_EVENTS: Final = 1000
"""How many events are read between two reports of the progress."""

_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


class NotedHead(Struct, frozen=True, kw_only=True):
    """A head that was stored outside the database: number of events and their Merkle root."""

    size: int
    root: bytes


class VerifyOptions(Struct, frozen=True, kw_only=True):
    """What to verify in addition to the chain and the last signature.

    `tables`: rebuild and compare all records, and the root of every checkpoint. `logs`: compare the
    digests of all stored output (with `tables`). `deep`: verify all signatures. `heads`: all of
    them must be heads of this log. `authorities`: whose time stamps and cosignatures count.
    `require`: tiers that must be reached.
    """

    tables: bool = True
    logs: bool = True
    deep: bool = False
    heads: tuple[NotedHead, ...] = ()
    authorities: Authorities = NOBODY
    require: frozenset[Tier] = frozenset()


DEFAULT: Final = VerifyOptions()


def parse_head(text: str) -> NotedHead:
    """Parse a head `SIZE:HASH`, as printed at the end of a run; `UsageError`."""
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(
            f"not a head: {show(text)}", hint="a head is SIZE:HASH, the hash 64 hex digits"
        )
    return NotedHead(size=int(match[1]), root=bytes.fromhex(match[2]))


def parse_tiers(text: str) -> frozenset[Tier]:
    """Parse a list of tiers such as `signed,anchored`; `UsageError` for unknown ones."""
    try:
        return frozenset(Tier(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise UsageError(
            f"not a tier: {show(text)}", hint=f"tiers are {', '.join(Tier)}"
        ) from error


def verify(
    source: ChainSource,
    options: VerifyOptions = DEFAULT,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify a log and return the report; `InvalidKeyError` if a trusted key is malformed.

    `progress` is called with the number of events read so far, every `PROGRESS_EVENTS`.
    """
    findings = Findings(MAX_FINDINGS)
    table_findings = Findings(MAX_FINDINGS)
    problems = list(source.problems()) if options.tables else []
    if any(name == "tables" for name, _ in problems):
        return _unreadable(problems)
    rows = source.rows()
    first = list(islice(rows, 1))
    meta = source.meta()
    log_id = _log_id(meta.get("log_id"), first, findings)
    tables = TableCheck(source, table_findings, logs=options.logs) if options.tables else None
    prunes = PruneCheck(source, table_findings)
    if tables is not None:
        tables.pruned_logs = prunes.logs
    keys = KeyHistory(log_id, known_keys(source, log_id))
    anchors = AnchorCheck(source, log_id, options.authorities, table_findings)
    walk = Walk(log_id, findings, tables, keys, prunes, anchors)
    checkpoints = CheckpointCheck(
        log_id,
        keys,
        source.checkpoints() if options.tables or options.deep else iter(()),
        source.last_checkpoint(),
        findings,
        deep=options.deep,
    )
    sizes = anchors.sizes | {one.size for one in options.heads}
    noted_roots = read_rows(walk, concatenate(first, rows), checkpoints, sizes, progress)
    is_whole = not walk.is_damaged
    walk.finish()
    prunes.finish(is_damaged=walk.is_damaged, has_tables=tables is not None)
    checkpoints.finish(walk.last_seq, is_damaged=walk.is_damaged)
    check_beginning(walk, findings)
    check_head(source.head(), walk, findings)
    held = [
        _check_noted(one, noted_roots.get(one.size), walk, findings)
        for one in sorted(options.heads, key=attrgetter("size"))
    ]
    anchor_notes, older_anchors = anchors.finish(noted_roots)
    is_anchored = all(held) and (bool(held) or any(one.problem is None for one in anchor_notes))
    noted = max((one.size for one in options.heads), default=0) if all(held) else 0
    if tables is not None:
        _check_meta(meta, walk, table_findings)
        tables.finish(walk.subs)
        _add_problems(problems, table_findings)
    findings.extend(table_findings)
    in_order = findings.count
    signed_by = check_revoked(keys, checkpoints.signed_by, walk.last_seq, noted, findings)
    tiers = {
        Tier.CHAIN: is_whole,
        Tier.SIGNED: is_whole and signed_by is not None and findings.count == in_order,
        Tier.ANCHORED: is_whole and is_anchored,
        Tier.COMPLETE: is_whole and not walk.open_executions,
    }
    for tier in Tier:
        if tier in options.require and not tiers[tier]:
            findings.add(
                Verdict.UNSEALED,
                tier.value,
                expected="reached",
                found="not reached",
                message=f"the log is not {tier.value}, as demanded",
            )
    return replace(
        report_of(walk, tiers, findings, signed_by, tables, prunes),
        noted_heads=sum(held),
        anchors=anchor_notes,
        older_anchors=older_anchors,
    )


def report_of(
    walk: Walk,
    tiers: Mapping[Tier, bool],
    findings: Findings,
    signed_by: Verifier | None,
    tables: TableCheck | None = None,
    prunes: PruneCheck | None = None,
) -> Report:
    """Return the report at the end of a walk."""
    pinned = walk.keys.pinned
    report = Report(
        verdict=findings.kept[0].kind if findings.kept else Verdict.INTACT,
        tiers=tiers,
        events=walk.count,
        head=f"{walk.count}:{walk.root.hex()}",
        findings=tuple(findings.kept),
        finding_count=findings.count,
        key=signed_by.vkey if signed_by is not None else None,
        pinned_key=pinned.vkey if signed_by is not None and pinned is not None else None,
        rotations=max(0, len(walk.keys.keys) - 1),
        revocations=walk.keys.state.revocations,
        executions=walk.executions,
        open_executions=walk.open_executions,
        unknown_events=walk.unknown_events,
        unknown_types=tuple(sorted(walk.unknown_types)),
        unjudged_executions=0 if tables is None else tables.unjudged,
        data_only_seals=0 if tables is None else tables.output.data_only,
        unsealed_outputs=0 if tables is None else tables.output.unsealed,
        is_full=tables is not None,
        prunes=() if prunes is None else prunes.notes,
    )
    return replace(report, chain=walk.state()) if report.is_unchanged else report


def read_rows(
    walk: Walk,
    rows: Iterable[Row],
    checkpoints: CheckpointCheck,
    noted_sizes: Set[int],
    progress: Callable[[int], None] | None,
) -> dict[int, bytes]:
    """Walk all rows; return the roots at those noted sizes that were reached undamaged."""
    noted_roots: dict[int, bytes] = {}
    next_size = checkpoints.next_size
    for row in rows:
        walk.row(row)
        if walk.count == next_size:
            checkpoints.reached(next_size, walk.root, is_damaged=walk.is_damaged)
            next_size = checkpoints.next_size
        if walk.count in noted_sizes and not walk.is_damaged:
            noted_roots[walk.count] = walk.root
        if progress is not None and not walk.count % PROGRESS_EVENTS:
            progress(walk.count)
    return noted_roots


def _unreadable(problems: list[tuple[str, str]]) -> Report:
    """Return the report on a file without the tables from which anything could be read."""
    findings = Findings(MAX_FINDINGS)
    _add_problems(problems, findings)
    return Report(
        verdict=Verdict.MODIFIED,
        tiers=dict.fromkeys(Tier, False),
        events=0,
        head=f"0:{merkle.EMPTY_ROOT.hex()}",
        findings=tuple(findings.kept),
        finding_count=findings.count,
    )


def _add_problems(problems: list[tuple[str, str]], findings: Findings) -> None:
    for name, message in problems:
        findings.add(Verdict.MODIFIED, name, message=message)


def _check_meta(meta: Record, walk: Walk, findings: Findings) -> None:
    """Compare what is stored beside the chain with the events from which it was copied."""
    if walk.first_ts is None or walk.is_damaged:
        return
    in_force = walk.keys.keys[-1].vkey if walk.keys.keys[1:] else None
    for name, expected in (
        ("created_at", str(walk.first_ts)),
        ("vkey", walk.vkey),
        ("signing_vkey", in_force),
    ):
        found = meta.get(name)
        if found != expected:
            findings.add(
                Verdict.MODIFIED,
                f"meta.{name}",
                seq=1,
                expected=expected,
                found=found,
                message=f"{name} of the log is {show(found)} in the table, {show(expected)} by the"
                " chain",
            )


def known_keys(source: ChainSource, log_id: str) -> KnownKeys:
    """Return the keys that the user trusts or has revoked, under the key name of this log."""
    revoked = {decode_vkey(vkey).public_key: reason for vkey, reason in source.revoked_vkeys()}
    trusted = [decode_vkey(vkey).public_key for vkey in source.vkeys()]
    return KnownKeys(
        tuple(log_verifier(log_id, key) for key in trusted if key not in revoked),
        tuple(RevokedKey(log_verifier(log_id, key), why) for key, why in revoked.items()),
    )


def _log_id(stored: object, first: list[Row], findings: Findings) -> str:
    """Return the log id, taken from the first event if the stored one is missing."""
    if isinstance(stored, str) and chain.is_log_id(stored):
        return stored
    if first:
        findings.add(Verdict.MODIFIED, "log_id", found=stored, message="the log's id is lost")
    for row in first:
        body = dict(zip(ROW, row, strict=False)).get("body")
        try:
            found = canonical.decode(body)["log_id"] if isinstance(body, bytes) else None
        except (AuditError, KeyError, TypeError):
            continue
        if isinstance(found, str) and chain.is_log_id(found):
            return found
    return "unknown"


def check_beginning(walk: Walk, findings: Findings) -> None:
    """Require that the log begins with its creation, which names its first key."""
    if walk.count and walk.vkey is None and not walk.is_damaged:
        findings.add(
            Verdict.MODIFIED,
            "type",
            seq=1,
            expected=LOG_CREATED,
            message="the log does not begin with its creation",
        )


def check_head(stored: object, walk: Walk, findings: Findings) -> None:
    """Compare the stored head, from which the next append continues, with the actual one."""
    if stored is None and not walk.count:
        return
    try:
        head = chain.decode_head(stored if isinstance(stored, bytes) else b"")
    except AuditError:
        findings.add(
            Verdict.MODIFIED, "head", found=stored, message="the stored head cannot be read"
        )
        return
    if head.size > walk.last_seq:
        _add_truncated("stored", head.size, walk, findings)
    elif not walk.is_damaged and head != walk.head:
        findings.add(
            Verdict.MODIFIED,
            "head",
            seq=walk.last_seq,
            expected=f"{walk.count}:{walk.root.hex()}",
            found=f"{head.size}:{head.root.hex()}",
            message="the stored head is not that of the events",
        )


def _add_truncated(which: str, size: int, walk: Walk, findings: Findings) -> None:
    """Report that a head counts more events than there are."""
    findings.add(
        Verdict.TRUNCATED,
        "size",
        seq=walk.last_seq,
        expected=size,
        found=walk.last_seq,
        message=f"the {which} head counts {counted(size, 'event')}, {walk.last_seq} are here",
    )


def _check_noted(noted: NotedHead, root: bytes | None, walk: Walk, findings: Findings) -> bool:
    """Tell whether the log continues a head that was stored elsewhere."""
    if noted.size > walk.last_seq:
        _add_truncated("noted", noted.size, walk, findings)
        return False
    if root is not None and root != noted.root:
        findings.add(
            Verdict.MODIFIED,
            "root",
            seq=noted.size,
            expected=noted.root,
            found=root,
            message=f"the events up to {noted.size} are not those of the noted head",
        )
    return root == noted.root
