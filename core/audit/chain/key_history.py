"""Which key signs a log from which event on: the key of its creation, then those of its rotations.

A key is followed only by the one that it handed the log over to itself. Also knows which of them
were revoked. Knows no file, no database and no findings.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.audit.format.checkpoint import log_verifier
from core.audit.format.key import Verifier, decode_vkey
from core.audit.format.key_revocation import Revocation, read_revocation
from core.audit.format.key_rotation import InvalidRotationError, rotated_keys


class RevokedKey(Struct, frozen=True):
    """A key that the user has revoked, and why."""

    key: Verifier
    reason: str


class KnownKeys(Struct, frozen=True):
    """The keys that the user trusts, and those that the user has revoked, under the log's name."""

    trusted: tuple[Verifier, ...]
    revoked: tuple[RevokedKey, ...] = ()


class LogKey(Struct, frozen=True):
    """A key of a log: its vkey, and the number of events from which on it signs checkpoints."""

    vkey: str
    first_size: int


class KeyState(Struct, frozen=True):
    """All that a log says of its keys up to some event."""

    keys: tuple[LogKey, ...] = ()
    revocations: tuple[Revocation, ...] = ()


class Doubt(Struct, frozen=True):
    """Events of which a revoked key alone has signed that they are those of the log."""

    first_seq: int
    last_seq: int
    revocation: Revocation


def doubts_of(log_id: str, state: KeyState, last_seq: int) -> list[Doubt]:
    """Return the doubts of a log of which `state` is known; see `KeyHistory.doubts`."""
    return list(KeyHistory(log_id, KnownKeys(()), state).doubts(last_seq))


class KeyHistory:
    """The keys of one log in order, as far as its events were read."""

    def __init__(self, log_id: str, known: KnownKeys, state: KeyState | None = None) -> None:
        """Go on from `state`; `InvalidKeyError` if one of its keys is malformed."""
        begin = state or KeyState()
        self.known = known
        self._log_id = log_id
        self._first_sizes = [one.first_size for one in begin.keys]
        self._keys = [self._verifier(one.vkey) for one in begin.keys]
        self._revocations = list(begin.revocations)

    @property
    def keys(self) -> Sequence[Verifier]:
        """The keys that have been read so far, the oldest first."""
        return self._keys

    @property
    def state(self) -> KeyState:
        """What has been read so far, for another history to go on from."""
        both = zip(self._keys, self._first_sizes, strict=True)
        keys = tuple(LogKey(key.vkey, first_size) for key, first_size in both)
        return KeyState(keys, tuple(self._revocations))

    @property
    def pinned(self) -> Verifier | None:
        """The oldest key of the log that the user trusts, None if that trust reaches no further.

        Whoever has a revoked key can hand the log over to a key of their own, so behind it another
        key must be trusted.
        """
        trusted = {key.public_key for key in self.known.trusted}
        revoked = {one.key.public_key for one in self.known.revoked}
        revoked |= {decode_vkey(one.vkey).public_key for one in self._revocations}
        found = None
        for key in self._keys:
            if key.public_key in revoked:
                found = None
            elif found is None and key.public_key in trusted:
                found = key
        return found

    def at(self, size: int) -> Verifier | None:
        """Return the key that signs the checkpoint over `size` events."""
        found = None
        for first_size, key in zip(self._first_sizes, self._keys, strict=True):
            found = key if first_size <= size else found
        return found

    @property
    def broken_trust(self) -> RevokedKey | None:
        """The latest key of the log that was revoked, if all trust in its end goes through it."""
        reasons = {decode_vkey(one.vkey).public_key: one.reason for one in self._revocations}
        reasons |= {one.key.public_key: one.reason for one in self.known.revoked}
        if self.pinned is not None:
            return None
        for key in reversed(self._keys):
            if key.public_key in reasons:
                return RevokedKey(key, reasons[key.public_key])
        return None

    def candidates(self, size: int) -> Sequence[Verifier]:
        """Return the keys with which the checkpoint over `size` events is opened.

        They are the key of that time, and all others that are known: whether that key is the right
        one, and leads to a key that is trusted, is for the caller to check.
        """
        found = self.at(size)
        others = (*self.known.trusted, *(one.key for one in self.known.revoked))
        return others if found is None else (found, *others)

    def doubts(self, last_seq: int) -> Iterator[Doubt]:
        """Yield the events that a revoked key of this log signed alone once it was compromised.

        `last_seq` is the last event of the log. The event of a rotation is signed by both keys.
        """
        ends = [*(size - 2 for size in self._first_sizes[1:]), last_seq]
        for key, first_size, end in zip(self._keys, self._first_sizes, ends, strict=True):
            named = [one for one in self._revocations if one.vkey == key.vkey]
            if named:
                earliest = min(named, key=lambda one: one.from_seq)
                first = max(earliest.from_seq, first_size)
                if first <= end:
                    yield Doubt(first, end, earliest)

    def created(self, vkey: str) -> None:
        """Take the key of `log.created`; `InvalidKeyError` if it is malformed."""
        self._keys.append(self._verifier(vkey))
        self._first_sizes.append(1)

    def rotated(self, seq: int, details: Mapping[str, Any], root: bytes | None) -> None:
        """Take event `seq`, a `key.rotated` behind a tree with this root (None: not certain).

        Raises `InvalidRotationError`, and takes nothing, unless the key in force hands over.
        """
        old, new = rotated_keys(self._log_id, details)
        if not self._keys or old.public_key != self._keys[-1].public_key:
            raise InvalidRotationError("the old key is not the one in force")
        if root is not None and details["head"] != f"{seq - 1}:{root.hex()}":
            raise InvalidRotationError("its head is not that of the events before it")
        if new.public_key in {key.public_key for key in self._keys}:
            raise InvalidRotationError("the new key was in force before")
        self._keys.append(self._verifier(new.vkey))
        self._first_sizes.append(seq + 1)

    def revoked(self, seq: int, details: Mapping[str, Any]) -> None:
        """Take event `seq`, a `key.revoked`; `InvalidRevocationError` if it revokes nothing."""
        found = read_revocation(seq, details)
        self._revocations.append(replace(found, vkey=self._verifier(found.vkey).vkey))

    def _verifier(self, vkey: str) -> Verifier:
        return log_verifier(self._log_id, decode_vkey(vkey).public_key)
