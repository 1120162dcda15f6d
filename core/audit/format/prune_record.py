"""What an event `log.pruned` says: which executions or which output may be gone, and the proof.

The bodies of pruned events are replaced by their hashes. `leaves_sha256` binds these to their
numbers and to one execution: SHA-256 over number (8 bytes, big-endian) and hash of each, in order.
"""

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.audit.format import canonical
from core.audit.format.body import EXECUTION_FINALIZED
from core.audit.format.merkle import leaf_hash
from core.errors import AuditError
from core.value.conversion import converter

LOG_PRUNED: Final = "log.pruned"
MAX_EXECUTIONS: Final = 100
"""Executions that one event names: its details stay far below `MAX_DETAILS_BYTES`."""

_Count = Annotated[int, Meta(ge=0, le=(1 << 53) - 1)]
_Instant = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$")]
Kind = Literal["executions", "logs"]


class PrunedOutput(Struct, frozen=True, kw_only=True):
    """The stored output of an execution: chunks, the rows they lie between, lines, bytes."""

    chunks: _Count = 0
    first_row: _Count = 0
    last_row: _Count = 0
    entries: _Count = 0
    bytes: _Count = 0


class PrunedExecution(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One execution as it was; instants are nanoseconds since the epoch as text.

    `row` is its number in the table. `seal` is the exact body of its `execution.finalized`, which
    proves that it had ended; `mission_name` and `mission_format` are those of the stored file.
    `archive_sha256` is the digest of the bundle that holds it.
    """

    execution_id: str
    row: _Count
    workflow_id: str
    name: str
    run_number: _Count
    mission_sha256: str
    mission_name: str
    mission_format: str
    state: Literal["SUCCESS", "FAILED", "CANCELLED"]
    created_at: _Instant
    ended_at: _Instant
    events: _Count
    first_seq: _Count
    last_seq: _Count
    leaves_sha256: str
    seal: str
    output: PrunedOutput = PrunedOutput()
    archive_sha256: str | None = None


class PruneRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The details of one `log.pruned`. `policy` is what was asked for, `archive` its index file.

    Of `executions` everything is removed, of `logs` only the stored output.
    """

    what: Kind
    executions: list[PrunedExecution]
    policy: dict[str, Any] = {}
    archive: dict[str, Any] = {}


class LeavesDigest:
    """Computes `leaves_sha256` of one execution from its events in order."""

    __slots__ = ("_digest", "count", "first_seq", "last_hash", "last_seq")

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.count = self.first_seq = self.last_seq = 0
        self.last_hash = b""

    def add(self, seq: int, leaf: bytes) -> None:
        """Add the next event, by its number and hash."""
        if not self.count:
            self.first_seq = seq
        self._digest.update(seq.to_bytes(8, "big") + leaf)
        self.count += 1
        self.last_seq, self.last_hash = seq, leaf

    @property
    def text(self) -> str:
        """The digest so far, as hex."""
        return self._digest.hexdigest()


def details_of(record: PruneRecord) -> dict[str, Any]:
    """Return the details of the event."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


_convert = converter(PruneRecord)


def read_details(details: object) -> PruneRecord:
    """Return what the details of a `log.pruned` say; `AuditError` if they are not of that shape."""
    try:
        return _convert(details)
    except msgspec.ValidationError as error:
        raise AuditError(f"details of {LOG_PRUNED}: {error}") from None


def read_body(body: object) -> PruneRecord | None:
    """Return what the body of a stored `log.pruned` says, None if it is not one."""
    if not isinstance(body, bytes):
        return None
    try:
        found = canonical.decode(body)
        if type(found) is not dict or found.get("type") != LOG_PRUNED:
            return None
        return read_details(found.get("details"))
    except AuditError:
        return None


def is_sealed_by(pruned: PrunedExecution, last_hash: bytes) -> bool:
    """Tell whether `seal` is the event with this hash, and closes exactly this execution."""
    try:
        data = pruned.seal.encode()
        body = canonical.decode(data)
    except (AuditError, UnicodeEncodeError):
        return False
    if leaf_hash(data) != last_hash or type(body) is not dict:
        return False
    details = body.get("details")
    return (
        body.get("type") == EXECUTION_FINALIZED
        and body.get("execution_id") == pruned.execution_id
        and body.get("seq") == pruned.last_seq
        and type(details) is dict
        and details.get("events") == pruned.events - 1
        and details.get("first_seq") == pruned.first_seq
    )
