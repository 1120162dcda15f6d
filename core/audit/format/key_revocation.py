"""What an event `key.revoked` says: a key is not to be trusted any more, and from which event on.

    key        vkey under the name of the log
    reason     text
    from_seq   the first event that somebody else may have signed; left out for a key that never
               signed this log

The event is signed by the key in force, which vouches for the events before `from_seq` by that.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from core.audit.format.checkpoint import log_verifier
from core.audit.format.key import decode_vkey
from core.errors import AuditError

KEY_REVOKED: Final = "key.revoked"
MAX_REASON_CHARACTERS: Final = 500


class InvalidRevocationError(AuditError):
    """Raised when the details of a `key.revoked` event revoke nothing."""

    code = "INVALID_REVOCATION"


class Revocation(Struct, frozen=True, kw_only=True):
    """What event `seq` revokes: a key, under the log's name, from event `from_seq` on (0: none)."""

    seq: int
    vkey: str
    reason: str
    from_seq: int = 0


def revocation_details(
    log_id: str, public_key: bytes, reason: str, from_seq: int
) -> dict[str, str | int]:
    """Return the details of a `key.revoked` event; `from_seq` is 0 for a key of another log."""
    details: dict[str, str | int] = {
        "key": log_verifier(log_id, public_key).vkey,
        "reason": reason,
    }
    return details | ({"from_seq": from_seq} if from_seq else {})


def read_revocation(seq: int, details: Mapping[str, Any]) -> Revocation:
    """Return what the details of event `seq` revoke; raises `InvalidRevocationError`."""
    vkey, reason, from_seq = (details.get(name) for name in ("key", "reason", "from_seq"))
    if not isinstance(vkey, str) or not isinstance(reason, str):
        raise InvalidRevocationError("it names no key or no reason")
    if from_seq is not None and not (type(from_seq) is int and 0 < from_seq <= seq):
        raise InvalidRevocationError("it names no event before it")
    try:
        decode_vkey(vkey)
    except AuditError as error:
        raise InvalidRevocationError(error.message) from error
    return Revocation(seq=seq, vkey=vkey, reason=reason, from_seq=from_seq or 0)
