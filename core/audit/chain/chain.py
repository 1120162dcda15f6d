"""The chain: turns events into linked bodies (see `body`) and keeps the head. No I/O, no SQL.

`hash` of a link is SHA-256(0x00 || body): link of the chain and leaf of the Merkle tree at once.

Use, inside one transaction: `rebase` to the head that was read, `append*` for every event, store
**everything** `take_links` returns (an append may put a `clock.stepped_back` link before its own)
and `encode_head(head)`. After a rollback, `rebase` to the old head and drop the `SubChain`s that
were touched.
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
from core.domain.events import ENGINE, AttemptEnded, AttemptStarted, Event, event_type
from core.errors import AuditError, BugError

ZERO_HASH: Final = bytes(32)
STEP_BACK_NS: Final = 1_000_000_000
"""How far behind the last event the wall clock must be for that to be an event itself."""
MAX_DETAILS_BYTES: Final = 1 << 20
"""Bytes of details in a body; larger ones are recorded by digest."""

_LOG_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_POOL = struct.Struct(">512Q")
_HALVES = struct.Struct(">QQ")
_make_link = tuple.__new__  # the constructor of a NamedTuple is a Python function
_sha256 = hashlib.sha256


class Head(Struct, frozen=True):
    """The end of a log: `size` events, hash and ts of the last, edge of the tree (see `merkle`)."""

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
    """One event as it is stored, its fields in the order of the columns.

    `event_id` is a UUIDv7 (16 bytes), `ts` nanoseconds. A tuple, because making a frozen dataclass
    of twelve fields costs as much as hashing the body.
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

    `random` gives so many random bytes (for event ids), `now` the wall clock in nanoseconds: an
    event that is merely late is no step back of the clock.
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
        """The head behind the last appended event."""
        return Head(self._size, self._last_hash, self._last_ts, tuple(self._edge))

    def rebase(self, head: Head) -> None:
        """Go on from `head`, forgetting links not taken: at the start of every transaction."""
        self._size = head.size
        self._last_hash = head.last_hash
        self._last_hex = head.last_hash.hex()
        self._last_ts = head.last_ts
        self._edge = list(head.edge)
        self._links.clear()

    def take_links(self) -> list[Link]:
        """Return all links since the last call or `rebase`, in order: the rows to store."""
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
        """Append one event; `sub` is its execution's chain, None for what concerns no execution.

        Any text is accepted (see `canonical.clean`). `details` of other than JSON types are a
        `CanonicalError`, and nothing is appended.
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
        elif isinstance(event, AttemptStarted | AttemptEnded):
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
        """Close an execution's chain: the event states what it consists of."""
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
        """Append `clock.stepped_back` unless the last step back is already recorded."""
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

        The 20 bits behind its milliseconds are the rest of the nanoseconds, so ids rise as strictly
        as ts does; 54 bits are random.
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
    """Tell whether `text` can be the id of a log: short, plain ASCII, fit for an origin line."""
    return _LOG_ID.fullmatch(text) is not None


def encode_head(head: Head) -> bytes:
    """Return a head as bytes: size and last_ts (8, big-endian), last_hash, edge (32 each)."""
    return (
        head.size.to_bytes(8, "big")
        + head.last_ts.to_bytes(8, "big")
        + head.last_hash
        + b"".join(head.edge)
    )


def decode_head(data: bytes) -> Head:
    """Return the head encoded in `data`; `AuditError` when it cannot be one."""
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
