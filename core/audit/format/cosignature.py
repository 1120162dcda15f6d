"""Timestamped cosignatures of checkpoints by witnesses (C2SP tlog-cosignature, Ed25519).

Format: https://c2sp.org/tlog-cosignature. The signature line of a witness holds, behind the key id,
the time (8 bytes, big-endian, POSIX seconds) and an Ed25519 signature over

    cosignature/v1
    time 1679315147
    (the text of the checkpoint)
"""

import base64
from typing import Final

from msgspec import Struct

from core.audit.format.key import (
    COSIGNATURE,
    SIGNATURE_BYTES,
    check_name,
    check_public_key,
    encode_vkey,
    is_signed,
    key_id,
    split_vkey,
)
from core.audit.format.note import BadSignatureError, Note, Signature, UnknownKeyError

TIME_BYTES: Final = 8
MAX_TIME_SECONDS: Final = 9_223_372_036
"""The last second that an instant in nanoseconds (63 bits) can name."""


class Witness(Struct, frozen=True):
    """A named public key of a witness. Construction refuses what a `Verifier` refuses."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        """Check both fields; `InvalidKeyError`."""
        check_name(self.name)
        check_public_key(self.public_key)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which a signature line names this key."""
        return key_id(self.name, self.public_key, COSIGNATURE)

    @property
    def vkey(self) -> str:
        """The key as `name+id+base64(0x04 || key)`."""
        return encode_vkey(self.name, self.public_key, COSIGNATURE)


class Cosignature(Struct, frozen=True, kw_only=True):
    """A verified cosignature: when the witness made it (POSIX seconds), and its signature line."""

    seconds: int
    line: str


def decode_witness_vkey(text: str) -> Witness:
    """Decode the vkey of a witness, of signature type 0x04; `InvalidKeyError`."""
    return Witness(*split_vkey(text, COSIGNATURE))


def cosigned_message(seconds: int, text: str) -> bytes:
    """Return what a witness signs: header, time, and the text of a note."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def open_cosignature(note: Note, witness: Witness) -> Cosignature:
    """Return the cosignature of a note by this witness.

    Raises `UnknownKeyError` when the witness has not cosigned it, `BadSignatureError` when a line
    names the witness and its signature is wrong or its time cannot be told.
    """
    for signature in note.signatures:
        if (signature.name, signature.key_id) != (witness.name, witness.key_id):
            continue
        data = signature.signature
        seconds = int.from_bytes(data[:TIME_BYTES], "big")
        if len(data) != TIME_BYTES + SIGNATURE_BYTES or not 0 < seconds <= MAX_TIME_SECONDS:
            raise BadSignatureError(f"the cosignature of {witness.name} is not in its format")
        message = cosigned_message(seconds, note.text)
        if not is_signed(witness.public_key, message, data[TIME_BYTES:]):
            raise BadSignatureError(f"the cosignature of {witness.name} is wrong")
        return Cosignature(seconds=seconds, line=_line(signature))
    names = tuple(signature.name for signature in note.signatures)
    raise UnknownKeyError(f"{witness.name} has not cosigned it, only {', '.join(names)[:400]}")


def _line(signature: Signature) -> str:
    raw = base64.b64encode(signature.key_id + signature.signature).decode()
    return f"\u2014 {signature.name} {raw}"
