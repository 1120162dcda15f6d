"""Determines what is wrong with a stored event that does not follow from the one before it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from core.audit.format import canonical, merkle
from core.audit.format.body import BODY_VERSION, FIELDS, MAX_TS, columns_of
from core.audit.verify.source import ROW, Row
from core.audit.verify.verdict import Findings, Verdict, show
from core.audit.verify.walk_state import SubChainState
from core.value.timestamp import rfc3339

MAX_SEQ_BITS = 62
_MAX_REMEMBERED = 1000
"""Gaps and moved rows remembered to tell a reordering from a loss. Beyond this limit a finding may
get the wrong verdict, but is still reported."""


class SuspectRow(Struct, frozen=True):
    """A row whose hash does not match its body; the next row shows which of them was edited."""

    computed: str
    stored: str
    finding: int


class ChainPosition(Struct, frozen=True):
    """The state before a row; `previous` (hex) is None if damage makes it unknown.

    `shift` is the difference between the numbers in the bodies just read and those of their rows.
    """

    log_id: str
    last_seq: int
    last_ts: int
    previous: str | None
    shift: int
    suspect: SuspectRow | None


class Examined(Struct, frozen=True):
    """The result of examining a row; `body` is None if no event can be decoded from it."""

    seq: int
    computed: bytes
    shift: int
    body: Mapping[str, Any] | None
    suspect: SuspectRow | None


class Examiner:
    """Examines unexpected rows; `resolve` gives the findings of moved rows their final verdict."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._moved_by = 0
        self._moves: list[tuple[int, int]] = []
        self._gaps: list[tuple[int, int, int]] = []

    def examine(
        self, row: Row, known: ChainPosition, sub_of: Callable[[str], SubChainState | None]
    ) -> Examined:
        """Examine `row` and add a finding for each of its faults.

        `sub_of` returns the state of a sub-chain, or None if it is not certain.
        """
        values = dict(zip(ROW, row, strict=False))
        seq = values.get("seq")
        if type(seq) is not int or seq.bit_length() > MAX_SEQ_BITS:
            self._modified(known.last_seq + 1, "seq", known.last_seq + 1, seq)
            seq = known.last_seq + 1
        data = values.get("body")
        if not isinstance(data, bytes):
            self._modified(seq, "body", "bytes", data)
            return Examined(seq, merkle.leaf_hash(b""), known.shift, None, None)
        computed = merkle.leaf_hash(data)
        body = _read(data)
        stored = values.get("hash")
        is_intact = stored == computed
        moved = is_intact and body is not None and body["seq"] != seq
        shift = body["seq"] - seq if moved and body is not None else 0
        place = self._check_place(seq, known, shift)
        suspect = None
        if not is_intact:
            suspect = self._check_hash(seq, values, body, computed)
        elif body is None:
            self._modified(seq, "body", "an audit event", data)
        else:
            self._check_columns(seq, values, body, is_moved=moved)
            if place:
                self._check_link(seq, known, body)
                sub = sub_of(body["execution_id"]) if body["execution_id"] is not None else None
                if sub is not None:
                    self._check_sub(seq, sub, body)
            if not moved:
                self._check_fields(seq, known, body)
        return Examined(seq, computed, shift, body if is_intact else None, suspect)

    def resolve(self) -> None:
        """Set the verdict for moved rows: it is a reordering if every event still exists."""
        targets = {body_seq for body_seq, _ in self._moves}
        for first, last, finding in self._gaps:
            if any(first <= target <= last for target in targets):
                self._findings.rename(finding, Verdict.REORDERED)
        if self._moved_by > 0:
            name = Verdict.MISSING
        elif self._moved_by < 0 and not self._gaps:
            name = Verdict.MODIFIED
        else:
            return
        for _, finding in self._moves:
            self._findings.rename(finding, name)

    # --- individual checks -------------------------------------------------------------------

    def _check_place(self, seq: int, known: ChainPosition, shift: int) -> bool:
        """Tell whether the row directly follows the one before it, by number and by body."""
        self._moved_by += shift
        if seq <= known.last_seq:
            self._modified(seq, "seq", f"more than {known.last_seq}", seq)
            return False
        if shift != known.shift:
            if shift:
                if len(self._moves) < _MAX_REMEMBERED:
                    self._moves.append((seq + shift, self._findings.count))
                self._findings.add(
                    Verdict.REORDERED,
                    "seq",
                    seq=seq,
                    expected=seq,
                    found=seq + shift,
                    message=f"event {show(seq + shift)} stands in its place",
                )
            return False
        if seq > known.last_seq + 1:
            first, last = known.last_seq + 1, seq - 1
            if len(self._gaps) < _MAX_REMEMBERED:
                self._gaps.append((first, last, self._findings.count))
            which = f"event {first} is" if first == last else f"events {first} to {last} are"
            self._findings.add(
                Verdict.MISSING,
                "seq",
                seq=first,
                expected=first,
                found=seq,
                message=f"{which} missing",
            )
            return False
        return True

    def _check_hash(
        self,
        seq: int,
        values: Mapping[str, object],
        body: Mapping[str, Any] | None,
        computed: bytes,
    ) -> SuspectRow:
        """Report a body that does not match its hash, with the field if the columns reveal it."""
        stored = values.get("hash")
        finding = self._findings.count
        edited = next(_differences(values, body), None) if body is not None else None
        if edited is not None:
            field, in_body, in_column = edited
            self._findings.add(
                Verdict.MODIFIED,
                field,
                seq=seq,
                expected=in_column,
                found=in_body,
                message=f"the body says {field} {show(in_body)}, its column {show(in_column)},"
                " and the body does not have its hash",
            )
        else:
            self._findings.add(
                Verdict.MODIFIED,
                "body",
                seq=seq,
                expected=stored,
                found=computed,
                message="the body does not have its hash",
            )
        text = stored.hex() if isinstance(stored, bytes) else ""
        return SuspectRow(computed.hex(), text, -1 if edited is not None else finding)

    def _check_columns(
        self, seq: int, values: Mapping[str, object], body: Mapping[str, Any], *, is_moved: bool
    ) -> None:
        for field, in_body, in_column in _differences(values, body):
            if not (is_moved and field == "seq"):
                self._findings.add(
                    Verdict.MODIFIED,
                    field,
                    seq=seq,
                    expected=in_body,
                    found=in_column,
                    message=f"the column {field} says {show(in_column)}, the body {show(in_body)}",
                )

    def _check_link(self, seq: int, known: ChainPosition, body: Mapping[str, Any]) -> None:
        claimed = body["previous_hash"]
        suspect = known.suspect
        if suspect is not None:
            if claimed == suspect.computed and suspect.finding >= 0:
                self._findings.rename(
                    suspect.finding,
                    Verdict.MODIFIED,
                    field="hash",
                    expected=suspect.computed,
                    found=suspect.stored,
                    message="the stored hash is not that of the body",
                )
            elif claimed not in (suspect.computed, suspect.stored):
                self._modified(seq, "previous_hash", suspect.stored, claimed)
        elif known.previous is not None and claimed != known.previous:
            self._findings.add(
                Verdict.MODIFIED,
                "hash",
                seq=seq - 1,
                expected=claimed,
                found=known.previous,
                message=f"event {seq} follows another event than this",
            )

    def _check_sub(self, seq: int, sub: SubChainState, body: Mapping[str, Any]) -> None:
        if body["exec_seq"] != sub.events + 1:
            self._modified(seq, "exec_seq", sub.events + 1, body["exec_seq"])
        elif body["exec_previous_hash"] != sub.last_hash:
            self._modified(seq, "exec_previous_hash", sub.last_hash, body["exec_previous_hash"])

    def _check_fields(self, seq: int, known: ChainPosition, body: Mapping[str, Any]) -> None:
        if body["log_id"] != known.log_id:
            self._modified(seq, "log_id", known.log_id, body["log_id"])
        if body["v"] != BODY_VERSION:
            self._modified(seq, "v", BODY_VERSION, body["v"])
        if body["ts"] <= rfc3339(known.last_ts):
            self._modified(seq, "ts", f"after {rfc3339(known.last_ts)}", body["ts"])
        has_execution = body["execution_id"] is not None
        for field in ("exec_seq", "exec_previous_hash"):
            if (body[field] is not None) is not has_execution:
                self._modified(seq, field, None, body[field])

    def _modified(self, seq: int, field: str, expected: object, found: object) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            field,
            seq=seq,
            expected=expected,
            found=found,
            message=f"{field} is {show(found)}, not {show(expected)}",
        )


def _read(data: bytes) -> Mapping[str, Any] | None:
    """Decode a body; None if its fields or their types are not those of a body."""
    try:
        body = canonical.decode(data)
    except canonical.CanonicalError:
        return None
    if type(body) is not dict or tuple(body) != FIELDS:
        return None
    is_typed = all(
        type(value) in allowed for value, allowed in zip(body.values(), _TYPES, strict=True)
    )
    return body if is_typed else None


def _differences(
    values: Mapping[str, object], body: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    """Yield (column, value by the body, value in the column) of every column that disagrees."""
    task_id, attempt = columns_of(body["target"])
    event_id, ts = values.get("event_id"), values.get("ts")
    columns: dict[str, object] = {
        **values,
        "event_id": _uuid_text(event_id) if isinstance(event_id, bytes) else event_id,
        "ts": rfc3339(ts) if type(ts) is int and 0 <= ts <= MAX_TS else ts,
    }
    for field, expected in (
        ("seq", body["seq"]),
        ("event_id", body["event_id"]),
        ("ts", body["ts"]),
        ("type", body["type"]),
        ("actor", body["actor"]),
        ("target", body["target"]),
        ("execution_id", body["execution_id"]),
        ("exec_seq", body["exec_seq"]),
        ("task_id", task_id),
        ("attempt", attempt),
    ):
        found = columns.get(field)
        if type(found) is not type(expected) or found != expected:
            yield field, expected, found


def _uuid_text(event_id: bytes) -> str:
    text = event_id.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_OPTIONAL_TEXT = (str, type(None))
_TYPES: tuple[tuple[type, ...], ...] = (
    (str,),  # actor
    (dict,),  # details
    (str,),  # event_id
    _OPTIONAL_TEXT,  # exec_previous_hash
    (int, type(None)),  # exec_seq
    _OPTIONAL_TEXT,  # execution_id
    (str,),  # log_id
    (str,),  # previous_hash
    (int,),  # seq
    (str,),  # target
    (str,),  # ts
    (str,),  # type
    (int,),  # v
)
