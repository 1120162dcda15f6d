"""What an event `audit.anchored` says: who vouches, outside the log, for one of its heads.

Nothing of it is believed because it stands in the chain: whoever verifies the log checks the proof
anew, against the authorities that they trust.
"""

import base64
import binascii
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from core.audit.format import canonical
from core.errors import AuditError
from core.value.conversion import converter

AUDIT_ANCHORED: Final = "audit.anchored"
MAX_PROOF_BYTES: Final = 64 * 1024
"""The largest proof that is taken in: a time stamp with a chain of certificates has some 6 kB."""
_PIECE_CHARACTERS: Final = 4_000
"""Texts of the chain are truncated at 4,096 characters, so a longer proof stands in pieces."""

_Count = Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
_Root = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Kind = Literal["time-stamp", "cosignature"]


class AnchorRecord(Struct, frozen=True, kw_only=True):
    """One anchor of the tree of `size` events with this `root` (hex).

    `by` and `time` (RFC 3339) are what the proof said when it was taken in. The proof is base64 in
    pieces: of a time stamp the response of the authority (RFC 3161, DER), of a cosignature the
    signature line of the witness (C2SP tlog-cosignature).
    """

    kind: Kind
    size: _Count
    root: _Root
    by: str
    time: str
    proof: list[str]

    def proof_bytes(self) -> bytes:
        """Return the proof; `AuditError` if it is not base64, or too long."""
        text = "".join(self.proof)
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise AuditError("the proof of an anchor is not base64") from error
        if len(data) > MAX_PROOF_BYTES:
            raise AuditError(f"the proof of an anchor has more than {MAX_PROOF_BYTES} bytes")
        return data


def pieces_of(proof: bytes) -> list[str]:
    """Return a proof as an event holds it."""
    text = base64.b64encode(proof).decode()
    return [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]


def facts_of(record: AnchorRecord) -> dict[str, Any]:
    """Return the details of the event."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


_convert = converter(AnchorRecord)


def read_anchor(body: object) -> AnchorRecord | None:
    """Return what the body of a stored `audit.anchored` says, None if it is not one."""
    if not isinstance(body, bytes):
        return None
    try:
        found = canonical.decode(body)
        if type(found) is not dict or found.get("type") != AUDIT_ANCHORED:
            return None
        return _convert(found.get("details"))
    except (AuditError, msgspec.ValidationError):
        return None
