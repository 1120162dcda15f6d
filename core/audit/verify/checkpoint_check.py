"""Checks the signed checkpoints of a log against the Merkle tree over the stored events."""

from collections.abc import Iterator

from core.audit.chain.key_history import KeyHistory
from core.audit.format import note
from core.audit.format.checkpoint import Checkpoint, checkpoint_text, open_checkpoint, origin_of
from core.audit.format.key import Verifier
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.state_word import counted

Stored = tuple[object, object]
"""A checkpoint as it is stored: size and note, either of which may be anything."""


class CheckpointCheck:
    """Compares each checkpoint when its size is reached, and verifies the last one at the end.

    `stored` are the checkpoints to compare (none for a fast verification); `last` is the one whose
    signature must be valid. With `deep` all signatures are verified. `keys` learns the keys of the
    log while its events are read.
    """

    def __init__(
        self,
        log_id: str,
        keys: KeyHistory,
        stored: Iterator[Stored],
        last: Stored | None,
        findings: Findings,
        *,
        deep: bool,
    ) -> None:
        self._origin = origin_of(log_id)
        self._keys = keys
        self._stored = stored
        self._last = last
        self._last_size = 0 if last is None else _size(last[0])
        self._findings = findings
        self._deep = deep
        self._root_at_last: bytes | None = None
        self._is_broken = False
        self._compared = 0
        self._size, self._note = self._take(0)
        self.signed_by: Verifier | None = None

    @property
    def next_size(self) -> int:
        """The next size at which `reached` must be called, 0 for none."""
        sizes = [size for size in (self._size, self._last_size) if size > self._compared]
        return min(sizes, default=0)

    def reached(self, size: int, root: bytes, *, is_damaged: bool) -> None:
        """Compare the checkpoints stored for `size` with the root of the tree read so far."""
        self._compared = size
        if size == self._last_size and not is_damaged:
            self._root_at_last = root
        while self._size == size:
            if not is_damaged:
                self._compare(size, self._note, root)
            self._size, self._note = self._take(size)

    def finish(self, last_seq: int, *, is_damaged: bool) -> None:
        """Verify the last checkpoint; `last_seq` is the number of the last stored event."""
        if self._last is None:
            if last_seq:
                self._findings.add(
                    Verdict.UNSEALED, "checkpoint", message="no checkpoint: nothing is signed"
                )
            return
        size, data = self._last
        found = self._open(size, data)
        if found is None or not self._is_known(found):
            return
        if found.size > last_seq:
            self._findings.add(
                Verdict.TRUNCATED,
                "size",
                seq=last_seq,
                expected=found.size,
                found=last_seq,
                message=f"{counted(found.size, 'event')} were signed, {last_seq} are here",
            )
        elif found.size < last_seq:
            self._findings.add(
                Verdict.UNSIGNED_TAIL,
                "size",
                seq=found.size + 1,
                expected=found.size,
                found=last_seq,
                message=f"nobody signed the events from {found.size + 1} to {last_seq}",
            )
        elif not is_damaged and not self._is_broken:
            if self._root_at_last != found.root:
                self._not_signed(found.size, found.root, self._root_at_last)
            elif not self._is_of_another_key(found):
                self.signed_by = found.signed_by

    def _take(self, after: int) -> tuple[int, object]:
        """Return the next stored checkpoint beyond size `after`; (0, None) when there is none."""
        for stored, data in self._stored:
            size = _size(stored)
            if size > after:
                return size, data
            self._bad(after, f"a checkpoint with the size {show(stored)} behind one of {after}")
        return 0, None

    def _compare(self, size: int, data: object, root: bytes) -> None:
        text = checkpoint_text(self._origin, size, root).encode()
        if isinstance(data, bytes) and data.startswith(text + b"\n"):
            if self._deep and not self._is_broken:
                found = self._open(size, data)
                if found is not None:
                    self._is_of_another_key(found)
            return
        if self._is_broken:
            return
        found = self._open(size, data)
        if found is not None and size != self._last_size:
            self._not_signed(size, found.root, root)

    def _open(self, size: object, data: object) -> Checkpoint | None:
        """Return a checkpoint with valid signature and size, or add a finding and return None."""
        at = _size(size) or None
        if not isinstance(data, bytes):
            self._bad(at, f"a checkpoint that is {show(data)}")
            return None
        try:
            found = open_checkpoint(data, self._keys.candidates(at or 0))
        except note.UnknownKeyError as error:
            self._unknown(at, ", ".join(error.names))
            return None
        except note.NoteError as error:
            self._bad(at, error.message)
            return None
        if found.size != size:
            self._bad(at, f"the checkpoint stored for {show(size)} is one for {found.size}")
            return None
        return found

    def _is_known(self, found: Checkpoint) -> bool:
        """Report the last checkpoint unless its key is known, or the log leads to one that is."""
        known = self._keys.known
        keys = {key.public_key for key in (*known.trusted, *(one.key for one in known.revoked))}
        by = found.signed_by
        if by is None or by.public_key in keys or keys & {k.public_key for k in self._keys.keys}:
            return True
        self._unknown(found.size, f"{by.name}+{by.key_id.hex()}")
        return False

    def _unknown(self, size: int | None, names: str) -> None:
        self._is_broken = True
        known = ", ".join(verifier.vkey for verifier in self._keys.known.trusted)
        self._findings.add(
            Verdict.WRONG_KEY,
            "key",
            seq=size,
            expected=known or "a known key",
            found=names,
            message="it is signed by a key that is not known here",
        )

    def _is_of_another_key(self, found: Checkpoint) -> bool:
        """Report a checkpoint that another key than the one in force at its size has signed."""
        expected = self._keys.at(found.size)
        by = found.signed_by
        if expected is None or by is None or by.public_key == expected.public_key:
            return False
        self._is_broken = True
        self._findings.add(
            Verdict.WRONG_KEY,
            "key",
            seq=found.size,
            expected=expected.vkey,
            found=by.vkey,
            message="it is signed by another key than the log was created with"
            if expected is self._keys.keys[0]
            else "it is signed by another key than the one that the log was handed over to",
        )
        return True

    def _not_signed(self, size: int, expected: bytes, found: bytes | None) -> None:
        self._is_broken = True
        self._findings.add(
            Verdict.MODIFIED,
            "root",
            seq=size,
            expected=expected,
            found=found,
            message=f"the events up to {size} are not those that were signed",
        )

    def _bad(self, size: int | None, message: str) -> None:
        self._is_broken = True
        self._findings.add(Verdict.MODIFIED, "checkpoint", seq=size, message=message)


def _size(stored: object) -> int:
    """Return a stored size, 0 if it is invalid."""
    return stored if type(stored) is int and 0 < stored < 1 << 62 else 0


def check_revoked(
    keys: KeyHistory, signed_by: Verifier | None, last_seq: int, anchored: int, findings: Findings
) -> Verifier | None:
    """Report the events for which revoked keys alone vouch; return the key that vouches for all.

    `signed_by` signed the tree over all `last_seq` events; those up to `anchored` lie under a head
    that was noted elsewhere.
    """
    if signed_by is None:
        return None
    broken = keys.broken_trust
    if broken is not None:
        if anchored < last_seq:
            why = f"signed by a key that was revoked: {show(broken.reason)}"
            _revoked(findings, anchored + 1, last_seq, broken.key.vkey, why)
        return None
    for doubt in keys.doubts(last_seq):
        found = doubt.revocation
        why = f"signed only by a key that event {found.seq} revokes: {show(found.reason)}"
        _revoked(findings, doubt.first_seq, doubt.last_seq, found.vkey, why)
    return signed_by


def _revoked(findings: Findings, first_seq: int, last_seq: int, vkey: str, why: str) -> None:
    events = f"event {first_seq} is"
    if last_seq > first_seq:
        events = f"events {first_seq} to {last_seq} are"
    findings.add(
        Verdict.REVOKED_KEY,
        "key",
        seq=first_seq,
        expected="a key that was not revoked",
        found=vkey,
        message=f"{events} {why}",
    )
