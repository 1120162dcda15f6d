"""Signed notes (C2SP signed-note, https://c2sp.org/signed-note): text, blank line, signature lines.

text ... LF
LF
— NAME base64(key id (4 bytes) || signature) LF
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from core.audit.format.key import KEY_ID_BYTES, Verifier, check_name, is_name, key_id
from core.errors import AuditError
from core.ports.clock import Signer

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 64

_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(AuditError):
    """Raised when bytes are not a signed note, or no known key has signed it."""

    code = "NOTE"


class UnknownKeyError(NoteError):
    """Raised when a note carries no signature by a known key; `names` are the keys it names."""

    code = "UNKNOWN_KEY"

    def __init__(self, message: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.names = names


class BadSignatureError(NoteError):
    """Raised when a signature that names a known key is invalid."""

    code = "BAD_SIGNATURE"


class Signature(Struct, frozen=True):
    """One signature line: key name, key id (4 bytes) and the signature itself."""

    name: str
    key_id: bytes
    signature: bytes


class Note(Struct, frozen=True):
    """A parsed note, nothing verified. `text` ends in a line feed and is what is signed."""

    text: str
    signatures: tuple[Signature, ...]


def sign_note(text: str, name: str, signer: Signer) -> bytes:
    """Return `text` signed by `signer` under the key name `name`."""
    check_name(name)
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteError("the text of a note ends in a line feed and has no control characters")
    message = text.encode()
    signature = key_id(name, signer.public_key) + signer.sign(message)
    return message + f"\n{_DASH}{name} {base64.b64encode(signature).decode()}\n".encode()


def parse_note(data: bytes) -> Note:
    """Parse a signed note strictly; `NoteError` for any deviation from the format."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NoteError("a note that is not UTF-8") from error
    if _CONTROL.search(text):
        raise NoteError("a note with control characters")
    body, blank, lines = text.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteError("a note without signature lines")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise NoteError(f"a note with more than {MAX_SIGNATURES} signatures")
    return Note(body + "\n", tuple(_parse_signature(row) for row in rows))


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> tuple[Note, Verifier]:
    """Return the note and the first known key that signed it.

    Signatures by unknown keys are ignored. `UnknownKeyError` when there are no others;
    `BadSignatureError` when any that names a known key is wrong; `NoteError` for a bad format.
    """
    note = parse_note(data)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    message = note.text.encode()
    signed_by = None
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if not verifier.verify(message, signature.signature):
            raise BadSignatureError(f"the signature of {_label(signature)} is wrong")
        signed_by = signed_by or verifier
    if signed_by is None:
        names = tuple(_label(signature) for signature in note.signatures)
        raise UnknownKeyError(f"no known key has signed it, only {', '.join(names)[:400]}", names)
    return note, signed_by


def _label(signature: Signature) -> str:
    return f"{signature.name}+{signature.key_id.hex()}"


def _parse_signature(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise NoteError("a signature line that does not start with an em dash")
    name, space, data = line[len(_DASH) :].partition(" ")
    if not space:
        raise NoteError("a signature line without a signature")
    if not is_name(name):
        raise NoteError("a signature line without a key name")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("a signature that is not base64") from error
    if base64.b64encode(raw).decode() != data:
        raise NoteError("a signature in non-canonical base64")
    if len(raw) <= KEY_ID_BYTES:
        raise NoteError("a signature that is too short")
    return Signature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])
