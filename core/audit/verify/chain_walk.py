"""Walks the stored events in order and checks links, columns, sub-chains and the Merkle tree.

The fast path computes the expected text of a body around its details from the columns and the
previous event; a body that starts and ends with it is right in every field. Only other rows are
examined field by field (`damage`).
"""

import hashlib
from collections.abc import Mapping
from copy import copy
from typing import Any

from core.audit.chain.chain import Head
from core.audit.chain.key_history import KeyHistory
from core.audit.format import canonical, merkle
from core.audit.format.anchor_record import AUDIT_ANCHORED
from core.audit.format.body import EXECUTION_FINALIZED, LOG_CREATED, MAX_TS, columns_of, frame
from core.audit.format.key import InvalidKeyError
from core.audit.format.key_revocation import KEY_REVOKED, InvalidRevocationError
from core.audit.format.key_rotation import KEY_ROTATED, InvalidRotationError
from core.audit.format.known_type import KNOWN_TYPES
from core.audit.format.prune_record import LOG_PRUNED
from core.audit.verify.damage import ChainPosition, Examiner, SuspectRow
from core.audit.verify.log_events.anchor_check import AnchorCheck
from core.audit.verify.log_events.prune_check import PruneCheck
from core.audit.verify.source import Row
from core.audit.verify.table_check import TableCheck
from core.audit.verify.verdict import Findings, Verdict, show
from core.audit.verify.walk_state import ChainState, SubChainState

MAX_UNKNOWN_TYPES = 100
"""Names that are kept of types this version does not know: a file may hold any number of them."""

_NO_HASH = "0" * 64
_READ_ALWAYS = frozenset({LOG_CREATED, EXECUTION_FINALIZED, KEY_ROTATED, KEY_REVOKED})
"""Types whose details are read even if no tables are rebuilt."""
_NONE = type(None)
_SHAPES = frozenset(
    (int, bytes, int, str, str, str, *execution, *step, bytes, bytes)
    for execution in ((_NONE, _NONE), (str, int))
    for step in ((_NONE, _NONE), (str, _NONE), (str, int))
)
_PRUNED = (int, *(_NONE,) * 5, int, *(_NONE,) * 4, bytes)
"""The types of a row of which only the hash is left."""
_sha256 = hashlib.sha256


class Walk:
    """The state of a verification between two rows.

    `count` rows have been read, the last with number `last_seq`; `edge` is that of the tree over
    all bodies; `vkey` is the key in `log.created`, `keys` has those of the rotations as well.
    """

    def __init__(
        self,
        log_id: str,
        findings: Findings,
        tables: TableCheck | None,
        keys: KeyHistory,
        prunes: PruneCheck | None = None,
        anchors: AnchorCheck | None = None,
    ) -> None:
        self.log_id = log_id
        self.keys = keys
        self.count = 0
        self.last_seq = 0
        self.last_ts = 0
        self.last_hash = bytes(32)
        self.edge: list[bytes] = []
        self.vkey: str | None = None
        self.executions = 0
        self.unknown_events = 0
        """Events of types that this version does not know."""
        self.unknown_types: set[str] = set()
        """Those types, at most `MAX_UNKNOWN_TYPES` of them."""
        self.first_ts: int | None = None
        """The `ts` of the first event, if it stands where it belongs."""
        self._subs: dict[str, SubChainState] = {}
        self._findings = findings
        self._tables = tables
        self._prunes = prunes
        self._anchors = anchors
        self._examiner = Examiner(findings)
        self._previous: str | None = _NO_HASH
        self._suspect: SuspectRow | None = None
        self._shift = 0
        self._generation = 0
        self._is_damaged = False

    @property
    def open_executions(self) -> int:
        """The number of executions that are not finalised yet."""
        return len(self._subs)

    @property
    def subs(self) -> Mapping[str, SubChainState]:
        """The sub-chains of the executions that are not finalised yet, by execution id."""
        return self._subs

    @property
    def is_damaged(self) -> bool:
        """Tell whether the rows read so far have any finding."""
        return self._is_damaged

    @property
    def head(self) -> Head:
        """The head that should be stored after the rows read so far."""
        return Head(self.last_seq, self.last_hash, self.last_ts, tuple(self.edge))

    @property
    def root(self) -> bytes:
        """The Merkle root over the rows read so far."""
        return merkle.root_of_edge(self.edge)

    def resume(self, known: ChainState) -> None:
        """Go on behind events that were verified before; the first row is the next one."""
        self.count = self.last_seq = known.head.size
        self.last_ts, self.last_hash = known.head.last_ts, known.head.last_hash
        self.edge = list(known.head.edge)
        self.vkey = known.keys.keys[0].vkey if known.keys.keys else None
        self.executions = known.executions
        self._previous = known.head.last_hash.hex()
        self._subs = {key: copy(sub) for key, sub in known.subs.items()}

    def state(self) -> ChainState:
        """Return where the walk stands."""
        subs = {key: copy(sub) for key, sub in self._subs.items()}
        return ChainState(
            head=self.head, keys=self.keys.state, executions=self.executions, subs=subs
        )

    def row(self, row: Row) -> None:
        """Check the next row in order of seq."""
        shape = tuple(map(type, row))
        if shape in _SHAPES:
            if self._follows(row):
                return
        elif shape == _PRUNED:
            if self._follows_pruned(row):
                return
            self._findings.add(
                Verdict.MISSING,
                "body",
                seq=self.last_seq + 1,
                message=f"of event {show(row[0])} only a hash is left, and no prune event names it",
            )
        self._examine(row)

    def finish(self) -> None:
        """Finish after the last row."""
        self._examiner.resolve()

    def _follows(self, row: Any) -> bool:
        """Accept a row of the right types if it is exactly as expected; else change nothing."""
        (
            seq, event_id, ts, kind, actor, target, execution_id, exec_seq, task_id, attempt, body,
            digest,
        ) = row  # fmt: skip
        previous = self._previous
        computed = _sha256(b"\x00" + body).digest()
        if (
            computed != digest
            or previous is None
            or seq != self.last_seq + 1
            or not self.last_ts < ts <= MAX_TS
            or len(event_id) != 16
            or not _names(target, task_id, attempt)
        ):
            return False
        if execution_id is None:
            sub, exec_previous = None, ""
        else:
            sub = self._sub(execution_id)
            exec_previous = sub.last_hash
            if exec_seq != sub.events + 1 or sub.generation != self._generation:
                return False
        before, behind = frame(
            actor, event_id.hex(), exec_previous, exec_seq, execution_id, self.log_id, previous,
            seq, target, ts, kind,
        )  # fmt: skip
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        if not (
            text.startswith(before)
            and text.endswith(behind)
            and len(text) > len(before) + len(behind)
        ):
            return False
        details: Any = None
        if self._tables is not None or kind in _READ_ALWAYS:
            try:
                details = canonical.decode_text(text[len(before) : -len(behind)], 2)
            except canonical.CanonicalError:
                return False
            if type(details) is not dict:
                return False
        root = self.root if kind == KEY_ROTATED else b""
        self._advance(seq, ts, computed)
        if kind not in KNOWN_TYPES:
            self._count_unknown(kind)
        if sub is not None:
            self._advance_sub(execution_id, sub, seq, kind, details)
            self._fold(seq, kind, details, ts, actor, execution_id, task_id, attempt)
        elif kind == LOG_CREATED:
            self._log_created(seq, details)
        elif kind == KEY_ROTATED:
            self._key_rotated(seq, details, None if self._is_damaged else root)
        elif kind == KEY_REVOKED:
            self._key_revoked(seq, details)
        elif kind == LOG_PRUNED and self._prunes is not None:
            self._prunes.confirm(seq, ts, actor, self._subs)
        elif kind == AUDIT_ANCHORED and self._anchors is not None:
            self._anchors.confirm(seq)
        return True

    def _follows_pruned(self, row: Any) -> bool:
        """Go on over an event of which only the hash is left, if a prune event names it."""
        seq, key, leaf = row[0], row[6], row[11]
        if self._prunes is None or seq != self.last_seq + 1 or len(leaf) != 32:
            return False
        pruned = self._prunes.take_hash(seq, key, leaf)
        if pruned is None:
            return False
        entry = pruned.entry
        sub = self._sub(entry.execution_id)
        self._advance(seq, self.last_ts, leaf)
        self._advance_sub(entry.execution_id, sub, seq, "", None)
        if seq == entry.first_seq and self._tables is not None:
            self._tables.pruned(pruned)
        if seq == entry.last_seq:
            self._subs.pop(entry.execution_id, None)
        return True

    def _examine(self, row: Row) -> None:
        """Examine a row that is not as expected: report why, and determine where to continue."""
        known = ChainPosition(
            log_id=self.log_id,
            last_seq=self.last_seq,
            last_ts=self.last_ts,
            previous=self._previous,
            shift=self._shift,
            suspect=self._suspect,
        )
        found_before = self._findings.count
        examined = self._examiner.examine(row, known, self._certain_sub)
        is_expected = self._previous is None or self._shift != 0 or self._generation > 0
        if self._findings.count == found_before and not is_expected:
            # The fast path is authoritative: a row that it rejects always gives a finding.
            self._findings.add(Verdict.MODIFIED, "body", seq=examined.seq)
        if self._findings.count != found_before:
            self._generation += 1
            self._is_damaged = True
            if self._tables is not None:
                self._tables.mark_unreliable()
        self._shift = examined.shift
        body = examined.body
        ts = self.last_ts
        if body is not None:
            column = row[2]
            ts = column if type(column) is int and self.last_ts < column <= MAX_TS else ts
        self._advance(examined.seq, ts, examined.computed)
        if examined.suspect is not None or body is None:
            self._previous = None
        self._suspect = examined.suspect
        if body is None:
            return
        kind, execution_id = body["type"], body["execution_id"]
        if kind not in KNOWN_TYPES:
            self._count_unknown(kind)
        if execution_id is not None and type(body["exec_seq"]) is int:
            sub = self._sub(execution_id)
            is_certain = sub.generation == self._generation
            sub.events = body["exec_seq"] - 1
            details = body["details"]
            self._advance_sub(execution_id, sub, body["seq"], kind, details if is_certain else None)
            self._fold(
                examined.seq, kind, details, ts, body["actor"], execution_id,
                *columns_of(body["target"]),
            )  # fmt: skip
        elif kind == LOG_CREATED:
            self._log_created(examined.seq, body["details"])
        elif kind == KEY_ROTATED:
            self._key_rotated(examined.seq, body["details"], None)
        elif kind == KEY_REVOKED:
            self._key_revoked(examined.seq, body["details"])

    def _fold(
        self,
        seq: int,
        kind: str,
        details: Mapping[str, Any],
        ts: int,
        actor: str,
        execution_id: str,
        task_id: str | None,
        attempt: int | None,
    ) -> None:
        """Pass an event to the rebuild of its execution; the last one closes the execution."""
        tables = self._tables
        if self._prunes is not None:
            pruned = self._prunes.take_event(execution_id, seq, self.last_hash)
            if pruned is not None:
                if tables is not None and seq == pruned.entry.first_seq:
                    tables.pruned(pruned)
                tables = None  # its records are no longer shown, and may be gone
        if tables is not None:
            tables.event(
                seq, kind, details, ts=ts, actor=actor, execution_id=execution_id,
                task_id=task_id, attempt=attempt,
            )  # fmt: skip
        if kind == EXECUTION_FINALIZED:
            sub = self._subs.pop(execution_id, None)
            if tables is not None and sub is not None:
                tables.finalized(execution_id, sub)

    def _count_unknown(self, kind: str) -> None:
        self.unknown_events += 1
        if len(self.unknown_types) < MAX_UNKNOWN_TYPES:
            self.unknown_types.add(kind)

    def _certain_sub(self, execution_id: str) -> SubChainState | None:
        sub = self._sub(execution_id)
        return sub if sub.generation == self._generation else None

    def _sub(self, execution_id: str) -> SubChainState:
        """Return the state of a sub-chain; one that first appears after damage is uncertain."""
        return self._subs.get(execution_id) or SubChainState(-1 if self._generation else 0)

    def _advance(self, seq: int, ts: int, computed: bytes) -> None:
        merkle.append(self.edge, self.count, computed)
        self.count += 1
        self.last_seq = seq
        self.last_ts = ts
        self.last_hash = computed
        self._previous = computed.hex()
        self._suspect = None

    def _advance_sub(
        self,
        execution_id: str,
        sub: SubChainState,
        seq: int,
        kind: str,
        details: Mapping[str, Any] | None,
    ) -> None:
        if not sub.events:
            sub.first_seq = seq
            self._subs[execution_id] = sub
            is_pruned = self._prunes is not None and execution_id in self._prunes.executions
            self.executions += not is_pruned
        elif kind == EXECUTION_FINALIZED and details is not None:
            self._check_final(seq, sub, details)
        sub.generation = self._generation
        sub.events += 1
        sub.last_seq = seq
        sub.last_hash = self._previous or _NO_HASH

    def _check_final(self, seq: int, sub: SubChainState, details: Mapping[str, Any]) -> None:
        expected = {
            "events": sub.events,
            "first_seq": sub.first_seq,
            "head": sub.last_hash,
            "last_seq": sub.last_seq,
        }
        if details != expected:
            self._bad_details(seq, "the seal of the execution does not describe its events")

    def _log_created(self, seq: int, details: Mapping[str, Any]) -> None:
        log_id, vkey = details.get("log_id"), details.get("vkey")
        if seq != 1 or log_id != self.log_id or not isinstance(vkey, str):
            self._is_damaged = True
            self._findings.add(
                Verdict.MODIFIED,
                "details",
                seq=seq,
                expected=self.log_id,
                found=log_id,
                message=f"this is not how the log {show(self.log_id)} begins",
            )
            return
        self.vkey = vkey
        self.first_ts = self.last_ts
        try:
            self.keys.created(vkey)
        except InvalidKeyError as error:
            self._bad_details(seq, error.message)

    def _key_rotated(self, seq: int, details: Mapping[str, Any], root: bytes | None) -> None:
        try:
            self.keys.rotated(seq, details, root)
        except InvalidRotationError as error:
            self._bad_details(
                seq, f"this does not hand the log over to another key: {error.message}"
            )

    def _key_revoked(self, seq: int, details: Mapping[str, Any]) -> None:
        try:
            self.keys.revoked(seq, details)
        except InvalidRevocationError as error:
            self._bad_details(seq, f"this does not revoke a key: {error.message}")

    def _bad_details(self, seq: int, message: str) -> None:
        self._is_damaged = True
        self._findings.add(Verdict.MODIFIED, "details", seq=seq, message=message)


def _names(target: str, task_id: str | None, attempt: int | None) -> bool:
    """Tell whether a target names this step and attempt."""
    if attempt is None:
        usual = f"step/{task_id}"
    elif attempt.bit_length() <= 62:
        usual = f"attempt/{attempt}/{task_id}"
    else:
        return False
    return (target == usual and task_id is not None) or columns_of(target) == (task_id, attempt)
