"""Which key signs a log from which event on: the key of its creation, then those of its rotations.

A key is followed only by the one that it handed the log over to itself. Knows no file, no database
and no findings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from core.audit.format.checkpoint import log_verifier
from core.audit.format.key import Verifier, decode_vkey
from core.audit.format.key_rotation import InvalidRotationError, rotated_keys


class LogKey(Struct, frozen=True):
    """A key of a log: its vkey, and the number of events from which on it signs checkpoints."""

    vkey: str
    first_size: int


class KeyHistory:
    """The keys of one log in order; `trusted` are the keys that the user has."""

    def __init__(
        self, log_id: str, trusted: Sequence[Verifier], known: Sequence[LogKey] = ()
    ) -> None:
        """Begin with the keys that are `known`; `InvalidKeyError` if one of them is malformed."""
        self.trusted = tuple(trusted)
        self._log_id = log_id
        self._first_sizes = [one.first_size for one in known]
        self._keys = [self._verifier(one.vkey) for one in known]

    @property
    def keys(self) -> Sequence[Verifier]:
        """The keys that have been read so far, the oldest first."""
        return self._keys

    @property
    def state(self) -> tuple[LogKey, ...]:
        """The keys that have been read so far, to begin another history with."""
        both = zip(self._keys, self._first_sizes, strict=True)
        return tuple(LogKey(key.vkey, first_size) for key, first_size in both)

    @property
    def pinned(self) -> Verifier | None:
        """The oldest key of the history that the user trusts, None if none of them is."""
        known = {key.public_key for key in self.trusted}
        return next((key for key in self._keys if key.public_key in known), None)

    def at(self, size: int) -> Verifier | None:
        """Return the key that signs the checkpoint over `size` events."""
        found = None
        for first_size, key in zip(self._first_sizes, self._keys, strict=True):
            found = key if first_size <= size else found
        return found

    def candidates(self, size: int, *, is_last: bool) -> Sequence[Verifier]:
        """Return the keys with which the checkpoint over `size` events is opened.

        The key of that time is among them. For the last checkpoint, which is opened when the whole
        log has been read, that is so only if the user trusts one of the keys of the log.
        """
        found = self.at(size)
        if found is None or (is_last and self.pinned is None):
            return self.trusted
        return (found, *(key for key in self.trusted if key.public_key != found.public_key))

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

    def _verifier(self, vkey: str) -> Verifier:
        return log_verifier(self._log_id, decode_vkey(vkey).public_key)
