"""The interfaces to the wall clock and to the signing key."""

from typing import Protocol


class Clock(Protocol):
    """Wall time. Deadlines, backoff and durations use the loop's monotonic time, never this."""

    def now(self) -> int:
        """Return nanoseconds since the epoch, greater than every value returned before."""


class Signer(Protocol):
    """An Ed25519 key that signs checkpoints (RFC 8032)."""

    @property
    def key_name(self) -> str:
        """The name in the signature line of a signed note."""

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
