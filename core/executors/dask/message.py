"""What a runner and the host of attempts on a worker say to each other, as msgpack.

Every request but `Hello` names a session, which is one runner. Requests go to the worker through
one handler of Dask's (`HANDLER`), to which the answer is its return value.
"""

from msgspec import Struct, msgpack

from core.ports.executor import Census, Outcome

HANDLER = "missiondeck"
"""The name of the operation that a worker is asked for, and of the plugin."""

PROTOCOL = 2
"""Raised with every change of these messages: both ends must have the same."""

BATCH_BYTES = 64 * 1024
"""Output is sent when there is so much of it."""

BATCH_SECONDS = 0.05
"""Output waits so long for more of it."""


class Placed(Struct, frozen=True, kw_only=True):
    """A worker has a slot for an attempt, and waits to be told what to run.

    `at` is in seconds of the worker's own clock: it only ever comes back to this worker.
    """

    key: str
    worker: str
    host: str
    protocol: int
    version: str
    public_key: bytes
    at: float


class Hello(Struct, frozen=True, kw_only=True, tag=True):
    """Ask who is there."""


class Start(Struct, frozen=True, kw_only=True, tag=True):
    """Run a job in the slot that waits for it; `sealed` is for this worker alone.

    The lease begins at `granted`, a time of the worker's that the runner knows from it.
    """

    session: str
    key: str
    sealed: bytes
    granted: float
    lease_seconds: float


class Release(Struct, frozen=True, kw_only=True, tag=True):
    """Give a slot back for which there is no job."""

    session: str
    key: str


class Poll(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for output and ends, and extend the lease of all attempts of the session.

    `received` is the last batch that the runner has of each attempt; nothing is sent of those in
    `paused`. The answer comes after `wait_seconds` at the latest.
    """

    session: str
    granted: float
    received: dict[str, int]
    paused: list[str]
    wait_seconds: float


class Cancel(Struct, frozen=True, kw_only=True, tag=True):
    """End an attempt as its job says; its end is told in a batch."""

    session: str
    key: str


class Hurry(Struct, frozen=True, kw_only=True, tag=True):
    """End the grace of what is being ended; `scope` as for `core.ports.executor`'s `hurry`."""

    session: str
    scope: str | None


class EndLeftovers(Struct, frozen=True, kw_only=True, tag=True):
    """End what the jobs of an execution left behind."""

    session: str
    execution_id: str


class TakeOver(Struct, frozen=True, kw_only=True, tag=True):
    """End what an earlier runner of an execution has running here: this session goes on with it."""

    session: str
    execution_id: str


Request = Hello | Start | Release | Poll | Cancel | Hurry | EndLeftovers | TakeOver


class Piece(Struct, frozen=True, array_like=True):
    """Output in the order in which it was read."""

    is_stderr: bool
    data: bytes


class End(Struct, frozen=True, kw_only=True):
    """The end of an attempt, behind all of its output. `outcome` is None when it was cancelled."""

    outcome: Outcome | None
    exit_code: int | None = None
    """How a cancelled one ended, if that is known."""
    has_lapsed: bool = False
    """The worker ended it by itself: it closes, or had not heard from the runner."""
    redactions: dict[str, int] = {}
    """How often each secret was masked."""
    result: bytes | None = None
    """What the process left in the job's `result_file`."""


class OutputBatch(Struct, frozen=True, kw_only=True):
    """Output and censuses of one attempt, numbered from 1 without gaps; the last has the end."""

    key: str
    number: int
    pieces: list[Piece]
    censuses: list[Census]
    minted: bytes = b""
    """What the process wrote to its mask pipe before this output, sealed with the reply key."""
    end: End | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """What a worker answers. `refusal` says why it did not do what it was asked."""

    at: float
    refusal: str | None = None
    batches: list[OutputBatch] = []
    census: Census | None = None
    host: str = ""
    version: str = ""
    protocol: int = PROTOCOL
    instance: bytes = b""
    """The public key of the host of attempts: another one is another process."""


encode = msgpack.encode
decode_request = msgpack.Decoder(Request).decode
decode_answer = msgpack.Decoder(Answer).decode
decode_placed = msgpack.Decoder(Placed).decode
