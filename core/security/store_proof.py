"""A message authentication code over all bytes of a secret store, by a key derived from its own.

HMAC-SHA256 (RFC 2104) under a key from HKDF-SHA256 (RFC 5869).
"""

import hashlib
import hmac

from core.security.sealed_secret import StoreKey

_PURPOSE = b"missiondeck secret store proof 1"


def make_proof(key: StoreKey, body: bytes) -> str:
    """Return the proof of `body` as 64 hexadecimal digits."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA256(), 32, None, _PURPOSE).derive(key.secret)
    return hmac.new(derived, body, hashlib.sha256).hexdigest()


def proves(key: StoreKey, body: bytes, proof: str) -> bool:
    """Tell whether `proof` was made by the key over these bytes, in constant time."""
    return hmac.compare_digest(make_proof(key, body).encode(), proof.encode())
