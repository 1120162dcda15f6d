"""UUIDv7 (RFC 9562, section 5.7): ids that sort by time, so an index of them grows at its end."""

import os
from uuid import UUID

from core.ports.clock import Clock


def uuid7(clock: Clock) -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, 74 random bits, version and variant."""
    milliseconds = clock.now() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | (random & ((1 << 80) - 1))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
