"""The statement with which one signing key hands an audit log over to the next, signed by both.

    missiondeck/LOG_ID#rotation
    OLD VKEY
    NEW VKEY
    SIZE:ROOT

SIZE events with that Merkle root (hex) are signed by the old key; the event `key.rotated`, whose
details these are, is the next one and the last that the old key signs. Knows neither files nor
databases.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

from core.audit.format.checkpoint import log_verifier, origin_of
from core.audit.format.key import Verifier, decode_vkey
from core.errors import AuditError
from core.ports.clock import Signer

KEY_ROTATED: Final = "key.rotated"
ROTATION_SUFFIX: Final = "#rotation"
"""Follows the log's origin in the first line of the statement: it is no checkpoint and no note."""


class InvalidRotationError(AuditError):
    """Raised when the details of a `key.rotated` event do not hand the log over."""

    code = "INVALID_ROTATION"


def rotation_details(
    log_id: str, size: int, root: bytes, old: Signer, new: Signer
) -> dict[str, str]:
    """Return the details of a `key.rotated` event behind `size` events with the given root."""
    details = {
        "old": log_verifier(log_id, old.public_key).vkey,
        "new": log_verifier(log_id, new.public_key).vkey,
        "head": f"{size}:{root.hex()}",
    }
    message = _statement(log_id, details)
    for name, signer in (("signed_by_old", old), ("signed_by_new", new)):
        details[name] = base64.b64encode(signer.sign(message)).decode()
    return details


def rotated_keys(log_id: str, details: Mapping[str, Any]) -> tuple[Verifier, Verifier]:
    """Return the old and the new key of a `key.rotated` event after verifying both signatures.

    Raises `InvalidRotationError`. That the old key is the one in force, and the head the one in
    front of the event, is for the caller to check.
    """
    try:
        message = _statement(log_id, details)
        old, new = decode_vkey(details["old"]), decode_vkey(details["new"])
        signatures = {
            name: base64.b64decode(details[name], validate=True)
            for name in ("signed_by_old", "signed_by_new")
        }
    except AuditError as error:
        raise InvalidRotationError(error.message) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRotationError("it lacks keys or signatures") from error
    for key, (name, signature) in zip((old, new), signatures.items(), strict=True):
        if not key.verify(message, signature):
            raise InvalidRotationError(f"its signature `{name}` is wrong")
    return old, new


def _statement(log_id: str, details: Mapping[str, Any]) -> bytes:
    lines = (f"{origin_of(log_id)}{ROTATION_SUFFIX}", *(details[n] for n in ("old", "new", "head")))
    return "".join(f"{line}\n" for line in lines).encode()
