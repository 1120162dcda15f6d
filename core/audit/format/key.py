"""Ed25519 public keys of signed notes: the vkey text, key ids, and which keys are refused.

Formats: C2SP signed-note (https://c2sp.org/signed-note); vkey as in Go's `sumdb/note`. The package
`cryptography` is imported when a signature is first checked, never at start-up.
"""

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

from core.errors import AuditError

ED25519: Final = b"\x01"
"""The signature type of plain Ed25519 signatures in signed notes."""
COSIGNATURE: Final = b"\x04"
"""The signature type of timestamped Ed25519 cosignatures (C2SP tlog-cosignature)."""
_KINDS: Final = {ED25519: "Ed25519", COSIGNATURE: "an Ed25519 cosignature"}
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID_BYTES: Final = 4

_P = 2**255 - 19
_SIGN_BIT = 1 << 255
# The y coordinates of the eight points whose order divides 8. With either sign bit, and encoded
# canonically or (where that fits into 255 bits) as y + p, they give 14 encodings. For such a "key",
# signatures can be forged for any message.
_LOW_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


class InvalidKeyError(AuditError):
    """Raised when a public key, its name or its vkey text is not acceptable."""

    code = "INVALID_KEY"


class Verifier(Struct, frozen=True):
    """A named public key. Construction refuses bad names, low-order and non-canonical keys."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        """Check both fields; `InvalidKeyError`."""
        check_name(self.name)
        check_public_key(self.public_key)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which a signature line names this key (not a strong hash)."""
        return key_id(self.name, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as `name+id+base64(0x01 || key)`."""
        return encode_vkey(self.name, self.public_key)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether `signature` (RFC 8032) is this key's over `message`."""
        return is_signed(self.public_key, message, signature)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` (RFC 8032) is that of an accepted public key over `message`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def is_name(name: str) -> bool:
    """Tell whether `name` can name a key: not empty, no spaces, plus or control characters."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise `InvalidKeyError` unless `is_name`."""
    if not is_name(name):
        raise InvalidKeyError(f"not a key name: {name[:80]!r}")


def check_public_key(public_key: bytes) -> None:
    """Raise `InvalidKeyError` for a wrong size, a low-order point or a non-canonical encoding."""
    if len(public_key) != KEY_BYTES:
        raise InvalidKeyError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(public_key)}")
    y = int.from_bytes(public_key, "little") & (_SIGN_BIT - 1)
    if y % _P in _LOW_ORDER_Y:
        raise InvalidKeyError("a low-order public key: its signatures prove nothing")
    if y >= _P:
        raise InvalidKeyError("a public key in non-canonical encoding")


@lru_cache(maxsize=64)
def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    """Return the first 4 bytes of SHA-256(name || LF || kind || key)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public_key).digest()[:KEY_ID_BYTES]


def encode_vkey(name: str, public_key: bytes, kind: bytes = ED25519) -> str:
    """Return `name+hex(key id)+base64(kind || key)`; `InvalidKeyError` for an invalid key."""
    check_name(name)
    check_public_key(public_key)
    data = base64.b64encode(kind + public_key).decode()
    return f"{name}+{key_id(name, public_key, kind).hex()}+{data}"


def decode_vkey(text: str) -> Verifier:
    """Decode a vkey; `InvalidKeyError` unless `encode_vkey` would give the same text."""
    return Verifier(*split_vkey(text, ED25519))


def split_vkey(text: str, kind: bytes) -> tuple[str, bytes]:
    """Return name and key of a vkey of one signature type; `InvalidKeyError` for anything else."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise InvalidKeyError("a vkey is NAME+ID+BASE64")
    name, _, data = parts
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidKeyError("the key of a vkey is not base64") from error
    if raw[:1] != kind:
        raise InvalidKeyError(f"a vkey of another type than {_KINDS[kind]} (0x{kind.hex()})")
    if encode_vkey(name, raw[1:], kind) != text:
        raise InvalidKeyError("a vkey whose id or spelling does not belong to its key")
    return name, raw[1:]
