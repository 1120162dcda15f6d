"""The encryption of one version of a secret: a data key of its own, wrapped by the store's key.

AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. A data key encrypts one value, once. The
associated data bind a value to its store, name, version and attributes, and a wrapped key to the
key that wraps it, too: entries cannot be swapped, renamed or taken to another store. A new store
key rewraps data keys and leaves the encrypted values as they are.
"""

import hashlib
import os

from msgspec import Struct
from msgspec.structs import replace

from core.audit.format.canonical import encode
from core.errors import UnavailableError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_CONTEXT = "missiondeck secret 1"
_KEY_ID_BYTES = 8


class SealedSecretError(UnavailableError):
    """Raised when a sealed secret does not open: it was changed, or another key sealed it."""

    code = "SECRET_UNREADABLE"


class StoreKey(Struct, frozen=True):
    """The key-encryption key of a store: 32 secret bytes."""

    secret: bytes

    @property
    def key_id(self) -> str:
        """16 hexadecimal digits that name the key and tell nothing about it."""
        return (
            hashlib.sha256(b"missiondeck store key\0" + self.secret).digest()[:_KEY_ID_BYTES].hex()
        )

    def __repr__(self) -> str:
        """Never show the key, in a traceback either."""
        return f"StoreKey({self.key_id})"


class SealedSecret(Struct, frozen=True, kw_only=True):
    """One version of a secret as it is stored.

    `wrapped_key` and `data` are nonce, ciphertext and tag in one. `created_at` is in nanoseconds
    since 1970. `is_masked` is False for a value too short to be masked in output.
    """

    name: str
    version: int
    created_at: int
    is_masked: bool
    key_id: str
    wrapped_key: bytes
    data: bytes


def seal(
    key: StoreKey,
    store_id: str,
    *,
    name: str,
    version: int,
    created_at: int,
    is_masked: bool,
    value: bytes,
) -> SealedSecret:
    """Encrypt a value under a new data key."""
    data_key = os.urandom(KEY_BYTES)
    sealed = SealedSecret(
        name=name,
        version=version,
        created_at=created_at,
        is_masked=is_masked,
        key_id=key.key_id,
        wrapped_key=b"",
        data=b"",
    )
    return replace(
        sealed,
        wrapped_key=_encrypt(key.secret, data_key, _key_binding(sealed, store_id)),
        data=_encrypt(data_key, value, _value_binding(sealed, store_id)),
    )


def open_sealed(key: StoreKey, store_id: str, sealed: SealedSecret) -> bytes:
    """Return the value. Raises `SealedSecretError` unless every byte is as it was sealed."""
    return _decrypt(
        _unwrap(key, store_id, sealed), sealed.data, _value_binding(sealed, store_id), sealed.name
    )


def rewrap(old: StoreKey, new: StoreKey, store_id: str, sealed: SealedSecret) -> SealedSecret:
    """Return the same version under another store key. Raises as `open_sealed`."""
    data_key = _unwrap(old, store_id, sealed)
    moved = replace(sealed, key_id=new.key_id)
    return replace(moved, wrapped_key=_encrypt(new.secret, data_key, _key_binding(moved, store_id)))


def _unwrap(key: StoreKey, store_id: str, sealed: SealedSecret) -> bytes:
    if sealed.key_id != key.key_id:
        raise SealedSecretError(
            f"the secret {sealed.name} was sealed by the key {sealed.key_id}, not by {key.key_id}"
        )
    return _decrypt(key.secret, sealed.wrapped_key, _key_binding(sealed, store_id), sealed.name)


def _value_binding(sealed: SealedSecret, store_id: str) -> bytes:
    return encode(
        {
            "context": _CONTEXT,
            "created_at": str(sealed.created_at),
            "masked": sealed.is_masked,
            "name": sealed.name,
            "store": store_id,
            "version": sealed.version,
        }
    )


def _key_binding(sealed: SealedSecret, store_id: str) -> bytes:
    return _value_binding(sealed, store_id) + sealed.key_id.encode()


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, sealed: bytes, associated: bytes, name: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(sealed) >= NONCE_BYTES + TAG_BYTES and len(key) == KEY_BYTES:
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except InvalidTag:
            pass
    raise SealedSecretError(f"the secret {name} was changed since it was stored")
