"""The hash chain: turns events into linked bodies (see `body`) and keeps the head. No I/O, no SQL.

The `hash` of a link is SHA-256(0x00 || body): it links the chain and is the leaf hash of the Merkle
tree at the same time.

Usage inside one transaction: `rebase` to the head that was read, `append*` for every event, store
**all** links that `take_links` returns (an append may insert a `clock.stepped_back` link before its
own) and `encode_head(head)`. After a rollback, `rebase` to the old head and discard the changed
`SubChain`s.
"""

import hashlib
import os
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from core.audit.format import canonical, merkle
from core.audit.format.body import (
    CLOCK_STEPPED_BACK,
    EXECUTION_FINALIZED,
    LOG_CREATED,
    MAX_NAME_CHARACTERS,
    MAX_TS,
    columns_of,
    frame,
)
from core.audit.format.canonical import clean_text
from core.audit.format.details import fast_details
from core.domain.events import (
    ENGINE,
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptPlaced,
    AttemptStarted,
    Event,
    event_type,
)
from core.errors import AuditError, BugError

ZERO_HASH: Final = bytes(32)
STEP_BACK_NS: Final = 1_000_000_000
"""How far the wall clock must be behind the last event for a `clock.stepped_back` event."""
MAX_DETAILS_BYTES: Final = 1 << 20
"""The most bytes of details in a body; larger details are recorded by digest."""

_LOG_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_POOL = struct.Struct(">512Q")
_HALVES = struct.Struct(">QQ")
_OF_ATTEMPTS = (AttemptArmed, AttemptDisarmed, AttemptStarted, AttemptPlaced, AttemptEnded)
_make_link = tuple.__new__  # the constructor of a NamedTuple is a Python function
_sha256 = hashlib.sha256


class Head(Struct, frozen=True):
    """The end of a log: number of events, hash and ts of the last, edge of the Merkle tree."""

    size: int
    last_hash: bytes
    last_ts: int
    edge: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The Merkle root over all events."""
        return merkle.root_of_edge(self.edge)


EMPTY_HEAD: Final = Head(0, ZERO_HASH, 0, ())


class SubChain(Struct):
    """The gap-free chain of one execution within the log; `events` is also its last `exec_seq`."""

    execution_id: str
    events: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_hash: bytes = ZERO_HASH


class Link(NamedTuple):
    """One event as it is stored, with its fields in the order of the columns.

    `event_id` is a UUIDv7 (16 bytes), `ts` is in nanoseconds. A tuple, because creating a frozen
    dataclass of twelve fields costs as much as hashing the body.
    """

    seq: int
    event_id: bytes
    ts: int
    type: str
    actor: str
    target: str
    execution_id: str | None
    exec_seq: int | None
    task_id: str | None
    attempt: int | None
    body: bytes
    hash: bytes


class ChainWriter:
    """Appends events to one log, starting at `head`.

    `random(n)` returns n random bytes for event ids. `now` returns the wall clock in nanoseconds,
    to tell an event that is only late from a clock that was set back.
    """

    def __init__(
        self,
        log_id: str,
        head: Head = EMPTY_HEAD,
        random: Callable[[int], bytes] = os.urandom,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        if not is_log_id(log_id):
            raise AuditError(f"not the id of an audit log: {log_id[:80]!r}")
        self.log_id = log_id
        self._random = random
        self._now = now
        self._pool: Iterator[int] = iter(())
        self._behind = False
        self._links: list[Link] = []
        self.rebase(head)

    @property
    def head(self) -> Head:
        """The head after the last appended event."""
        return Head(self._size, self._last_hash, self._last_ts, tuple(self._edge))

    def rebase(self, head: Head) -> None:
        """Continue from `head` and drop pending links; call it at the start of a transaction."""
        self._size = head.size
        self._last_hash = head.last_hash
        self._last_hex = head.last_hash.hex()
        self._last_ts = head.last_ts
        self._edge = list(head.edge)
        self._links.clear()

    def take_links(self) -> list[Link]:
        """Return the links since the last call or `rebase`, in order; all must be stored."""
        links, self._links = self._links, []
        return links

    def start_log(self, vkey: str, at: int) -> Link:
        """Append the first event of a log: its id and the key that signs its checkpoints."""
        if self._size:
            raise BugError("a log is created once, as its first event")
        return self.append(
            type=LOG_CREATED,
            actor=ENGINE,
            target=f"log/{self.log_id}",
            details={"log_id": self.log_id, "vkey": vkey},
            at=at,
            sub=None,
        )

    def append(
        self,
        *,
        type: str,  # noqa: A002 - the field's name in the body
        actor: str,
        target: str,
        details: Mapping[str, Any],
        at: int,
        sub: SubChain | None,
    ) -> Link:
        """Append one event; `sub` is the chain of its execution, None if it belongs to none.

        Any text is accepted (see `canonical.clean`). Raises `CanonicalError` for details of types
        other than those of JSON; then nothing is appended.
        """
        text = _details_text(canonical.clean(details))
        target = clean_text(target, MAX_NAME_CHARACTERS)
        task_id, attempt = columns_of(target)
        return self._append(
            clean_text(type, MAX_NAME_CHARACTERS), clean_text(actor, MAX_NAME_CHARACTERS), target,
            text, at, sub, task_id, attempt,
        )  # fmt: skip

    def append_event(self, event: Event, sub: SubChain | None) -> Link:
        """Append a domain event.

        When the chain's ts had to differ from `event.at`, details carry `at` (text, nanoseconds),
        so that the tables, which keep `event.at`, can be rebuilt exactly.
        """
        execution_id = sub.execution_id if sub is not None else ""
        if event.execution_id != execution_id:
            raise BugError(f"an event of {event.execution_id!r} in the chain of {execution_id!r}")
        at = event.at
        is_late = not self._last_ts < at <= MAX_TS
        text = fast_details(event)
        if text is None:
            details = event.details()
            if is_late:
                details.setdefault("at", str(at))
            text = _details_text(canonical.clean(details))
        elif is_late:
            text = f'{{"at":"{at}",{text[1:]}'  # before "attempt" and "from" in canonical order
        task_id = event.task
        kind, actor = event_type(event), event.actor
        attempt = None
        if task_id is None:
            target = f"execution/{execution_id}" if sub is not None else f"log/{self.log_id}"
        elif isinstance(event, _OF_ATTEMPTS):
            attempt = event.attempt
            target = f"attempt/{attempt}/{task_id}"
        else:
            target = f"step/{task_id}"
        if len(target) + len(kind) + len(actor) > MAX_NAME_CHARACTERS or not (
            target.isascii() and actor.isascii() and kind.isascii()
        ):
            kind, actor = (
                clean_text(kind, MAX_NAME_CHARACTERS),
                clean_text(actor, MAX_NAME_CHARACTERS),
            )
            target = clean_text(target, MAX_NAME_CHARACTERS)
            task_id, attempt = columns_of(target)
        return self._append(kind, actor, target, text, at, sub, task_id, attempt)

    def finalize(self, sub: SubChain, at: int, actor: str = ENGINE) -> Link:
        """Append `execution.finalized`, which seals an execution's chain by its count and head."""
        return self.append(
            type=EXECUTION_FINALIZED,
            actor=actor,
            target=f"execution/{sub.execution_id}",
            details={
                "events": sub.events,
                "first_seq": sub.first_seq,
                "last_seq": sub.last_seq,
                "head": sub.last_hash.hex(),
            },
            at=at,
            sub=sub,
        )

    def _append(
        self,
        kind: str,
        actor: str,
        target: str,
        details: str,
        at: int,
        sub: SubChain | None,
        task_id: str | None,
        attempt: int | None,
    ) -> Link:
        last_ts = self._last_ts
        if last_ts < at <= MAX_TS:
            self._behind = False
            ts = at
        else:
            ts = last_ts + 1
            if at < last_ts - STEP_BACK_NS and self._has_stepped_back(kind):
                ts += 1
        if ts > MAX_TS:
            raise AuditError("the audit log has reached the end of representable time")
        seq = self._size + 1
        event_id = self._event_id(ts)
        if sub is None:
            execution_id = exec_seq = None
            exec_hex = ""
        else:
            execution_id = sub.execution_id
            exec_seq = sub.events + 1
            exec_hex = sub.last_hash.hex()
        before, behind = frame(
            actor, event_id.hex(), exec_hex, exec_seq, execution_id, self.log_id,
            self._last_hex, seq, target, ts, kind,
        )  # fmt: skip
        body = f"{before}{details}{behind}".encode()
        digest = _sha256(b"\x00" + body).digest()
        merkle.append(self._edge, seq - 1, digest)
        self._size = seq
        self._last_hash = digest
        self._last_hex = digest.hex()
        self._last_ts = ts
        if sub is not None:
            if exec_seq == 1:
                sub.first_seq = seq
            sub.events = exec_seq or 0
            sub.last_seq = seq
            sub.last_hash = digest
        link = _make_link(
            Link,
            (seq, event_id, ts, kind, actor, target, execution_id, exec_seq, task_id, attempt,
             body, digest),
        )  # fmt: skip
        self._links.append(link)
        return link

    def _has_stepped_back(self, kind: str) -> bool:
        """Append `clock.stepped_back`, unless the current step back is already recorded."""
        if self._behind or kind == CLOCK_STEPPED_BACK:
            return False
        now, last = self._now(), self._last_ts
        if now >= last - STEP_BACK_NS:
            return False
        self._behind = True
        self.append(
            type=CLOCK_STEPPED_BACK,
            actor=ENGINE,
            target=f"log/{self.log_id}",
            details={"wall": str(now), "last": str(last)},
            at=now,
            sub=None,
        )
        return True

    def _event_id(self, ts: int) -> bytes:
        """Return a UUIDv7 as its 16 bytes (RFC 9562, section 6.2, method 3).

        The 20 bits after the milliseconds are the remaining nanoseconds, so that ids increase as
        strictly as ts; 54 bits are random.
        """
        random = next(self._pool, None)
        if random is None:
            self._pool = iter(_POOL.unpack(self._random(_POOL.size)))
            random = next(self._pool)
        millis, rest = divmod(ts, 1_000_000)
        return _HALVES.pack(
            millis << 16 | 0x7000 | rest >> 8,
            (0x200 | rest & 0xFF) << 54 | random & 0x3FFFFFFFFFFFFF,
        )


def is_log_id(text: str) -> bool:
    """Tell whether `text` is a valid log id: short, plain ASCII, usable in an origin line."""
    return _LOG_ID.fullmatch(text) is not None


def encode_head(head: Head) -> bytes:
    """Encode a head: size and last_ts (8 bytes each, big-endian), last_hash, edge (32 each)."""
    return (
        head.size.to_bytes(8, "big")
        + head.last_ts.to_bytes(8, "big")
        + head.last_hash
        + b"".join(head.edge)
    )


def decode_head(data: bytes) -> Head:
    """Decode a head; `AuditError` if it is malformed."""
    size = int.from_bytes(data[:8], "big")
    ts = int.from_bytes(data[8:16], "big")
    if len(data) != 48 + 32 * size.bit_count() or ts > MAX_TS:
        raise AuditError("the stored head of the audit log is damaged")
    edge = tuple(data[at : at + 32] for at in range(48, len(data), 32))
    return Head(size, data[16:48], ts, edge)


def _details_text(details: Any) -> str:
    text = canonical.dump(details)
    data = text.encode()
    if len(data) <= MAX_DETAILS_BYTES:
        return text
    return canonical.dump(
        {"oversize_bytes": len(data), "oversize_sha256": hashlib.sha256(data).hexdigest()}
    )
