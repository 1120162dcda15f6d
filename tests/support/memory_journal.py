"""The journal and control ports in memory: twins of SQLite's that pass the same contract tests.

Faults come in two flavours: a commit that *failed*, and one that *failed but persisted* (the answer
was lost, the data was not), which is what a disk may do to the last transaction before a crash.
"""

import asyncio
import os
from asyncio import Future
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from core.audit.chain.chain import ChainWriter, SubChain
from core.domain.events import Event, ExecutionCreated, dump_json
from core.domain.mission import EMPTY, MissionSource
from core.domain.records import Attempt, Execution, TaskRun
from core.domain.states import is_terminal
from core.errors import (
    BugError,
    ConflictError,
    LeaseHeldError,
    MissionDeckError,
    NotFoundError,
    UnavailableError,
)
from core.launch.run_number import numbered
from core.machine.runner_identity import identity, is_alive
from core.machine.system_clock import SystemClock
from core.ports.claims import Claim, ClaimAnswer
from core.ports.clock import Clock
from core.ports.control import TOO_LATE, Lease, Request, RequestKind, RequestOutcome, RunnerIdentity
from core.ports.executor import WorkerLoad
from core.ports.journal import Batch, LogChunk, Receipt
from tests.support.memory_claims import MemoryClaims


@dataclass(slots=True)
class MemoryRun:
    """One execution as it is stored."""

    execution: Execution
    sub: SubChain
    tasks: dict[str, TaskRun] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    sealed: bool = False


@dataclass(slots=True)
class MemoryWorld:
    """What would be the database file: shared by the journals and controls of all 'processes'."""

    chain: ChainWriter = field(default_factory=lambda: ChainWriter("memory"))
    runs: dict[str, MemoryRun] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    chunks: list[LogChunk] = field(default_factory=list)
    claims: MemoryClaims | None = None
    missions: dict[str, MissionSource] = field(default_factory=dict)
    leases: dict[str, tuple[Lease, bool]] = field(default_factory=dict)
    """The last lease of each execution, and whether it is held or was released."""
    requests: list[Request] = field(default_factory=list)
    taken: dict[int, tuple[str, int]] = field(default_factory=dict)
    """By whom requests were taken: an owner under an epoch of its lease."""
    outcomes: dict[int, RequestOutcome] = field(default_factory=dict)
    owners: int = 0
    run_numbers: dict[str, int] = field(default_factory=dict)
    """The last run number given, by workflow id."""

    def next_owner(self) -> str:
        """Return a name no other process has."""
        self.owners += 1
        return f"memory:{self.owners}"

    def check_writer(self, owner: str, execution_id: str, epoch: int | None, now: int) -> None:
        """Raise `LeaseHeldError` when somebody else owns, or since owned, the execution."""
        if execution_id not in self.leases:
            return
        lease, held = self.leases[execution_id]
        if (held and lease.owner == owner and lease.epoch == epoch) or (
            epoch is None and not (held and _is_live(lease, now))
        ):
            return
        raise LeaseHeldError(f"execution {execution_id} is owned by {lease.owner}")


class MemoryJournal:
    """Implements `core.ports.Journal`; commits what is queued at the loop's next turn."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        world: MemoryWorld | None = None,
        owner: str | None = None,
    ) -> None:
        self.world = world or MemoryWorld()
        self.owner = owner or self.world.next_owner()
        self.epochs: dict[str, int] = {}
        self._clock = clock or SystemClock()
        self._queue: list[tuple[Batch | LogChunk, Future[Receipt] | None]] = []
        self._scheduled = False
        self._closed = False
        self._failure: MissionDeckError | None = None
        self._fault: tuple[MissionDeckError, bool] | None = None
        self.backlog = 0

    @property
    def events(self) -> list[Event]:
        """All committed events, of every execution."""
        return self.world.events

    def fail_next(self, error: MissionDeckError, *, persisted: bool = False) -> None:
        """Let the next commit fail with `error`, after it was written when `persisted`."""
        self._fault = (error, persisted)

    def die(self, *, is_written: bool) -> None:
        """Be the journal of a process that was killed; what is queued may have been written."""
        if is_written:
            queue, self._queue = self._queue, [(item, None) for item, _ in self._queue]
            self._commit()
            self._queue = queue
        for _, future in self._queue:
            if future is not None:
                future.cancel()
        self._queue = []
        self._failure = UnavailableError("this process was killed")

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch."""
        future: Future[Receipt] = asyncio.get_running_loop().create_future()
        if self._failure is not None or self._closed:
            future.set_exception(self._refusal())
        else:
            self._put(batch, future)
        return future

    def append_log(self, chunk: LogChunk) -> None:
        """Queue output."""
        if self._failure is None and not self._closed:
            self.backlog += len(chunk.data)
            self._put(chunk, None)

    async def flush(self) -> None:
        """Wait until everything queued is committed."""
        self._commit()
        if self._failure is not None:
            raise self._refusal()
        if self._closed:
            raise UnavailableError("the database was closed")

    async def close(self) -> None:
        """Commit what is queued and refuse everything after it. Idempotent."""
        self._commit()
        self._closed = True

    def _put(self, item: Batch | LogChunk, future: "Future[Receipt] | None") -> None:
        self._queue.append((item, future))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._scheduled = False
        queue, self._queue = self._queue, []
        self.backlog = 0
        if not queue:
            return
        fault, self._fault = self._fault, None
        if fault is not None and not fault[1]:
            self._failure = fault[0]
        results = [] if self._failure is not None else [self._write(item) for item, _ in queue]
        if fault is not None:
            self._failure = fault[0]
        for number, (_, future) in enumerate(queue):
            if future is None or future.done():
                continue
            if self._failure is not None:
                future.set_exception(self._refusal())
            elif isinstance(found := results[number], Exception):
                future.set_exception(found)
            elif found is not None:
                future.set_result(found)

    def _write(self, item: Batch | LogChunk) -> Receipt | MissionDeckError | None:
        try:
            if isinstance(item, LogChunk):
                self._add_log(item)
                return None
            return self._add(item)
        except (ConflictError, NotFoundError) as error:
            return error
        except MissionDeckError as error:
            self._failure = error
            return error

    def _add_log(self, chunk: LogChunk) -> None:
        run = self.world.runs.get(chunk.execution_id)
        if run is None or run.sealed or chunk.task_id not in run.tasks:
            raise BugError(f"output of {chunk.execution_id}/{chunk.task_id}, which does not run")
        try:
            self._check_writer(chunk.execution_id)
        except LeaseHeldError:
            return
        self.world.chunks.append(chunk)
        run.execution = replace(
            run.execution,
            log_entry_count=run.execution.log_entry_count
            + sum(segment.lines for segment in chunk.segments),
            updated_at=max(run.execution.updated_at, *(part.at for part in chunk.segments)),
        )

    def _add(self, batch: Batch) -> Receipt:
        world = self.world
        run = world.runs.get(batch.execution_id)
        if batch.execution_id:
            self._check_writer(batch.execution_id)
            if _creates(batch):
                batch, run = self._create(batch, run)
            else:
                run = self._change(batch, run)
        for event in batch.events:
            world.chain.append_event(event, None if run is None else run.sub)
            world.events.append(event)
        for outcome in batch.outcomes:
            world.outcomes.setdefault(outcome.request_id, outcome)
        if batch.finalize:
            self._settle_late(batch.execution_id)
        if batch.finalize and run is not None:
            world.chain.finalize(run.sub, self._clock.now())
            run.sealed = True
            if batch.changes.execution is not None:
                run.execution = replace(
                    batch.changes.execution, run_number=run.execution.run_number
                )
        world.chain.take_links()
        head = world.chain.head
        return Receipt(
            size=head.size,
            root=head.root.hex(),
            execution_events=0 if run is None else run.sub.events,
            run_number=run.execution.run_number if run is not None and _creates(batch) else None,
        )

    def _settle_late(self, execution_id: str) -> None:
        for request in self.world.requests:
            if request.execution_id == execution_id:
                late = RequestOutcome(request_id=request.request_id, done=False, why=TOO_LATE)
                self.world.outcomes.setdefault(request.request_id, late)

    def _create(self, batch: Batch, known: MemoryRun | None) -> tuple[Batch, MemoryRun]:
        record = batch.changes.execution
        if record is None:
            raise BugError("the batch that creates an execution has no record of it")
        if known is not None:
            raise ConflictError(f"execution {batch.execution_id} exists already")
        for other in self.world.runs.values():
            key = (other.execution.workflow_id, other.execution.run_key)
            if record.run_key is not None and key == (record.workflow_id, record.run_key):
                raise ConflictError(f"the run key {record.run_key!r} was used")
        number = self.world.run_numbers.get(record.workflow_id, 0) + 1
        self.world.run_numbers[record.workflow_id] = number
        batch = numbered(batch, number)
        run = MemoryRun(replace(record, run_number=number), SubChain(batch.execution_id))
        self.world.runs[batch.execution_id] = run
        if batch.mission is not None:
            self.world.missions.setdefault(batch.mission.digest, batch.mission)
        _take_records(run, batch)
        return batch, run

    def _change(self, batch: Batch, run: MemoryRun | None) -> MemoryRun:
        if run is None:
            raise NotFoundError(f"there is no execution {batch.execution_id}")
        if run.sealed:
            raise ConflictError(f"execution {batch.execution_id} has ended and is sealed")
        _take_records(run, batch)
        record = batch.changes.execution
        if record is not None:
            run.execution = replace(
                record,
                log_entry_count=run.execution.log_entry_count,
                run_number=run.execution.run_number,
                updated_at=max(record.updated_at, run.execution.updated_at),
            )
        return run

    def _check_writer(self, execution_id: str) -> None:
        self.world.check_writer(
            self.owner, execution_id, self.epochs.get(execution_id), self._clock.now()
        )

    def _refusal(self) -> MissionDeckError:
        failure = self._failure
        if failure is None:
            return UnavailableError("the database was closed")
        return type(failure)(failure.message, hint=failure.hint)


class MemoryControl:
    """Implements `core.ports.Control` for the process that has `journal`."""

    def __init__(
        self,
        journal: MemoryJournal,
        *,
        clock: Clock | None = None,
        lease_ttl_seconds: float = 15.0,
        runner: RunnerIdentity | None = None,
    ) -> None:
        self._journal = journal
        self._world = journal.world
        self._clock = clock or SystemClock()
        self._ttl = round(lease_ttl_seconds * 1_000_000_000)
        self._runner = runner or identity()

    async def acquire(self, execution_id: str, *, from_parent: bool = False) -> Lease:
        """Take the lease, also over a dead or expired owner."""
        parent = os.getppid() if from_parent else None
        now = self._clock.now()
        lease, held = self._world.leases.get(execution_id, (None, False))
        if lease is not None and held:
            if lease.owner == self._journal.owner:
                return await self.renew(lease)
            if lease.identity.pid != parent and _is_live(lease, now):
                raise LeaseHeldError(f"execution {execution_id} is owned by {lease.owner}")
        taken = Lease(
            execution_id=execution_id,
            owner=self._journal.owner,
            epoch=1 if lease is None else lease.epoch + 1,
            expires_at=now + self._ttl,
            identity=self._runner,
        )
        self._world.leases[execution_id] = (taken, True)
        self._journal.epochs[execution_id] = taken.epoch
        return taken

    async def fence(self, execution_id: str) -> Lease:
        """Take the lease of a dead or expired owner, which it goes on naming."""
        lease, held = self._world.leases.get(execution_id, (None, False))
        if lease is not None and held and _is_live(lease, self._clock.now()):
            raise LeaseHeldError(f"execution {execution_id} is owned by {lease.owner}")
        nobody = RunnerIdentity(pid=0, start_time=0, boot_id="", host="")
        taken = Lease(
            execution_id=execution_id,
            owner=self._journal.owner,
            epoch=1 if lease is None else lease.epoch + 1,
            expires_at=0 if lease is None else lease.expires_at,
            identity=nobody if lease is None else lease.identity,
        )
        self._world.leases[execution_id] = (taken, True)
        self._journal.epochs[execution_id] = taken.epoch
        return taken

    async def note_workers(self, lease: Lease, workers: Sequence[WorkerLoad]) -> None:
        now = self._clock.now()
        self._require(lease)
        noted = replace(lease, workers=tuple(workers), workers_at=now)
        self._world.leases[lease.execution_id] = (noted, True)

    async def ask_claim(self, lease: Lease, claim: Claim) -> ClaimAnswer:
        self._require(lease)
        return self._claims().ask(lease.execution_id, claim, self._clock.now())

    async def give_back_claim(self, lease: Lease, claim: Claim) -> None:
        self._claims().give_back(lease.execution_id, claim)

    async def give_back_claims(self, lease: Lease) -> None:
        self._claims().give_back_all(lease.execution_id)

    def _claims(self) -> MemoryClaims:
        if self._world.claims is None:
            self._world.claims = MemoryClaims(self._has_live_owner)
        return self._world.claims

    def _has_live_owner(self, execution_id: str) -> bool:
        lease, held = self._world.leases.get(execution_id, (None, False))
        return lease is not None and held and _is_live(lease, self._clock.now())

    async def renew(self, lease: Lease) -> Lease:
        """Heartbeat."""
        self._require(lease)
        renewed = replace(lease, expires_at=self._clock.now() + self._ttl)
        self._world.leases[lease.execution_id] = (renewed, True)
        return renewed

    async def release(self, lease: Lease) -> None:
        """Give the lease back."""
        if self._holds(lease):
            self._world.leases[lease.execution_id] = (lease, False)
            self._claims().give_back_all(lease.execution_id)
        self._journal.epochs.pop(lease.execution_id, None)

    async def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        actor: str,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> int:
        """Leave a request."""
        run = self._world.runs.get(execution_id)
        if run is None:
            raise NotFoundError(f"there is no execution {execution_id}")
        if is_terminal(run.execution.state):
            raise ConflictError(f"execution {execution_id} has ended")
        dump_json(arguments)
        request = Request(
            request_id=len(self._world.requests) + 1,
            execution_id=execution_id,
            kind=kind,
            actor=actor,
            created_at=self._clock.now(),
            task_id=task_id,
            arguments=dict(arguments),
        )
        self._world.requests.append(request)
        return request.request_id

    async def take_requests(self, lease: Lease) -> Sequence[Request]:
        """Return requests not taken under this lease that have no outcome."""
        taker = (lease.owner, lease.epoch)
        found = tuple(
            request
            for request in self._world.requests
            if request.execution_id == lease.execution_id
            and request.request_id not in self._world.outcomes
            and self._world.taken.get(request.request_id) != taker
        )
        if found:
            self._require(lease)
        self._world.taken.update({request.request_id: taker for request in found})
        return found

    def _holds(self, lease: Lease) -> bool:
        found, held = self._world.leases.get(lease.execution_id, (None, False))
        return (
            found is not None and held and (found.owner, found.epoch) == (lease.owner, lease.epoch)
        )

    def _require(self, lease: Lease) -> None:
        if not self._holds(lease):
            raise LeaseHeldError(f"the lease on execution {lease.execution_id} is another's")


def _creates(batch: Batch) -> bool:
    return bool(batch.events) and isinstance(batch.events[0], ExecutionCreated)


def _take_records(run: MemoryRun, batch: Batch) -> None:
    for task in batch.changes.tasks:
        run.tasks[task.task_id] = task
    for attempt in batch.changes.attempts:
        run.attempts[attempt.task_id, attempt.attempt] = attempt


def _is_live(lease: Lease, now: int) -> bool:
    alive = is_alive(lease.identity)
    return lease.expires_at > now if alive is None else alive
