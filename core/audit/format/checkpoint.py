"""Signed tree heads (C2SP tlog-checkpoint, https://c2sp.org/tlog-checkpoint).

missiondeck/LOG_ID        origin, and the key name of the log's signature line
20852163                  size: events in the log
CsUYapGGPo4dkMgI...       base64 of the Merkle root

— missiondeck/LOG_ID base64(key id || Ed25519 signature)
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from core.audit.format import note
from core.audit.format.key import Verifier, is_name
from core.audit.format.merkle import HASH_BYTES
from core.ports.clock import Signer

ORIGIN_PREFIX: Final = "missiondeck/"

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(Struct, frozen=True):
    """A signed tree head; `signed_by` is the known key whose signature was verified."""

    origin: str
    size: int
    root: bytes
    signed_by: Verifier | None = None


def origin_of(log_id: str) -> str:
    """Return the origin line of a log's checkpoints."""
    return f"{ORIGIN_PREFIX}{log_id}"


def log_verifier(log_id: str, public_key: bytes) -> Verifier:
    """Return a public key as the verifier of a log's checkpoints, named after the log's origin."""
    return Verifier(origin_of(log_id), public_key)


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text that is signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def sign_checkpoint(origin: str, size: int, root: bytes, signer: Signer) -> bytes:
    """Return the signed note for a tree of `size` leaves; its key name is `origin`."""
    return note.sign_note(checkpoint_text(origin, size, root), origin, signer)


def parse_checkpoint(data: bytes) -> Checkpoint:
    """Parse a checkpoint without verifying its signature; `NoteError` for a bad format."""
    return _parse_text(note.parse_note(data).text, None)


def open_checkpoint(data: bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Return a checkpoint signed by one of `verifiers`.

    Raises what `note.open_note` raises, and `NoteError` when the note is no checkpoint or its key
    is not named as its origin.
    """
    opened, verifier = note.open_note(data, verifiers)
    found = _parse_text(opened.text, verifier)
    if found.origin != verifier.name:
        raise note.NoteError(f"the key of {verifier.name} signed for {found.origin}")
    return found


def _parse_text(text: str, signed_by: Verifier | None) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise note.NoteError("a checkpoint has three lines: origin, size, root")
    origin, size, root_text, _ = lines
    if not is_name(origin):
        raise note.NoteError("a checkpoint without an origin")
    if not _SIZE.fullmatch(size):
        raise note.NoteError("a checkpoint whose size is not a plain number")
    try:
        root = base64.b64decode(root_text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise note.NoteError("a checkpoint whose root is not base64") from error
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != root_text:
        raise note.NoteError("a checkpoint whose root is not the base64 of 32 bytes")
    return Checkpoint(origin, int(size), root, signed_by)
