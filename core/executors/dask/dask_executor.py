"""Implements `core.ports.executor.Executor` on a Dask cluster.

Dask chooses the worker, carries the messages and knows who is a member; nothing else. A job is sent
to the one slot that this runner grants it, whatever Dask repeats, so no attempt runs twice.
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from pathlib import PurePath
from typing import Any

from core.domain.state_word import counted
from core.errors import UnavailableError
from core.executors.dask.cluster import CallError, Cluster, WorkerFacts
from core.executors.dask.cluster_address import ClusterAddress
from core.executors.dask.message import (
    PROTOCOL,
    Cancel,
    EndLeftovers,
    Hurry,
    OutputBatch,
    Placed,
    Release,
    Start,
    TakeOver,
)
from core.executors.dask.remote_attempt import RemoteAttempt
from core.executors.dask.sealed_job import seal_job
from core.executors.dask.worker_link import WorkerLink
from core.ports.executor import (
    Census,
    Executor,
    Job,
    LateEnd,
    Outcome,
    OutcomeKind,
    OutputSink,
    Placement,
    WorkerLoad,
    is_within,
)

LEASE_SECONDS = 30.0
"""A worker that has not heard from the runner for so long ends the runner's attempts."""

WORKERS_SECONDS = 2.0
"""How long what is known of the workers is used again."""

LEFTOVER_SECONDS = 10.0
"""How long a worker may take to end what jobs left behind."""

_RETRY_SECONDS = 0.2
_MOST_SLOTS = 5
"""So many slots may be lost before their job could start."""


class DaskExecutor:
    """Runs jobs on the workers of a cluster, and on this machine what only it has the files of.

    `shared` are the folders that the workers see at the same paths; on a cluster of this machine
    that is every folder. Belongs to the event loop it first runs a job on.
    """

    def __init__(
        self,
        address: ClusterAddress,
        local: Executor,
        *,
        shared: Sequence[str] = (),
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._address = address
        self._local = local
        self._shared = [PurePath(one) for one in shared]
        self._lease_seconds = lease_seconds
        self._cluster: Cluster | None = None
        self._connecting = asyncio.Lock()
        self._attempts: dict[str, RemoteAttempt] = {}
        self._links: dict[bytes, WorkerLink] = {}
        """By the public key of the worker's host of attempts: an address may be used again."""
        self._taken_over: set[str] = set()
        self._without_grace: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers: list[WorkerFacts] = []
        self._workers_at = float("-inf")
        self._late: list[LateEnd] = []
        self._is_closed = False

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        """Run `job` to its end, output into `sink`.

        Cancelling the awaiting task ends the process tree on its worker TERM → grace → KILL and
        raises `CancelledError` only when it is gone or known to be unreachable, its output kept.
        """
        if self._is_closed:
            return _unstartable("the executor is closed")
        if not self._goes_out(job):
            return await self._local.run(job, sink)
        try:
            cluster = await self._connected()
            await self._take_over(cluster, job.key.partition("/")[0])
            missing = await self._missing(cluster, job)
        except (UnavailableError, CallError) as error:
            return Outcome(kind=OutcomeKind.UNREACHABLE, message=str(error))
        if missing is not None:
            return Outcome(kind=OutcomeKind.UNPLACEABLE, message=missing)
        attempt = self._attempts[job.key] = RemoteAttempt(job, sink)
        self._spawn(self._hold(cluster, attempt), f"slot {job.key}")
        was_cancelled = False
        try:
            while not attempt.ended.done():
                try:
                    await asyncio.wait({attempt.ended})
                except asyncio.CancelledError:
                    was_cancelled = True
                    self._stop(cluster, attempt)
        finally:
            del self._attempts[job.key]
        if was_cancelled:
            raise asyncio.CancelledError
        if attempt.error is not None:
            raise attempt.error
        if job.result_file is not None and attempt.result is not None:
            with open(job.result_file, "wb", opener=_private) as file:  # noqa: ASYNC230 - small
                file.write(attempt.result)
        outcome = attempt.ended.result()
        return _unstartable("the executor is closed") if outcome is None else outcome

    async def slots(self) -> int | None:
        """Return how many threads the workers have together, None without workers.

        Raises `UnavailableError` when the scheduler cannot be reached.
        """
        cluster = await self._connected()
        try:
            threads = sum(one.threads for one in await cluster.workers())
        except CallError as error:
            raise UnavailableError(str(error)) from error
        return threads or None

    async def workers(self) -> Sequence[WorkerLoad] | None:
        """Return the workers of the cluster and their load.

        Raises `UnavailableError` when the scheduler cannot be reached.
        """
        cluster = await self._connected()
        try:
            return [one.load for one in await cluster.workers()]
        except CallError as error:
            raise UnavailableError(str(error)) from error

    async def end_leftovers(self, execution_id: str) -> Census:
        """End what the jobs of an execution left behind, on all workers that had any."""
        found = await self._local.end_leftovers(execution_id)
        cluster = self._cluster
        if cluster is None:
            return found
        asked = [
            _leftovers_ended(cluster, link.address, execution_id)
            for link in self._links.values()
            if execution_id in link.executions and not link.is_gone
        ]
        censuses = [found, *await asyncio.gather(*asked)]
        return Census(
            processes=sum(one.processes for one in censuses),
            survivors=sum(one.survivors for one in censuses),
            ended=tuple(process for one in censuses for process in one.ended),
        )

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:
        """Return, once, the ends of lost jobs of an execution that were told after all."""
        if not self._late:
            return ()
        found = [one for one in self._late if one.key.partition("/")[0] == execution_id]
        self._late = [one for one in self._late if one not in found]
        return found

    def hurry(self, scope: str | None = None) -> None:
        """End the grace of what is being ended, or of all that will be within the scope."""
        self._local.hurry(scope)
        if scope is not None:
            self._without_grace.add(scope)
        if (cluster := self._cluster) is None:
            return
        for link in self._links.values():
            if link.attempts:
                self._spawn(_tell_hurry(cluster, link.address, scope), "hurry")

    async def close(self) -> None:
        """End what still runs and free the resources. Idempotent."""
        self._is_closed = True
        if self._cluster is not None:
            for attempt in list(self._attempts.values()):
                self._stop(self._cluster, attempt)
        ends = [attempt.ended for attempt in self._attempts.values()]
        if ends:
            await asyncio.wait(ends)
        for link in self._links.values():
            link.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await cluster.close()
        await self._local.close()

    # --- where a job goes ------------------------------------------------------------------------

    def _goes_out(self, job: Job) -> bool:
        """Tell whether a job may leave this machine, and the workers see its folder."""
        if job.stays_here:
            return False
        if self._address.is_loopback:
            return True
        folder = PurePath(job.cwd)
        return any(folder.is_relative_to(one) for one in self._shared)

    async def _connected(self) -> Cluster:
        async with self._connecting:
            if self._cluster is not None and self._cluster.is_lost:
                await self._forget_cluster(self._cluster)
            if self._cluster is None:
                self._cluster = await Cluster.connect(self._address, self._on_placed)
            return self._cluster

    async def _forget_cluster(self, cluster: Cluster) -> None:
        """Let go of a cluster whose scheduler is gone; its workers end everything by themselves."""
        self._cluster = None
        self._taken_over.clear()
        self._workers_at = float("-inf")
        await cluster.close()

    async def _take_over(self, cluster: Cluster, execution_id: str) -> None:
        """End what an earlier runner of this execution may have left running."""
        if execution_id not in self._taken_over:
            self._taken_over.add(execution_id)
            request = TakeOver(session=cluster.session, execution_id=execution_id)
            await cluster.call_all(request)

    async def _missing(self, cluster: Cluster, job: Job) -> str | None:
        """Return what no worker has, None when there is one that can hold the job."""
        now = asyncio.get_running_loop().time()
        if not self._can_hold(job) or now > self._workers_at + WORKERS_SECONDS:
            self._workers = await cluster.workers()
            self._workers_at = now
        if self._can_hold(job):
            return None
        if not self._workers:
            return "the cluster has no workers"
        wanted = ", ".join(f"{name}: {amount:g}" for name, amount in job.needs.items())
        workers = counted(len(self._workers), "worker")
        return f"none of {workers} has what the step runs on ({wanted})"

    def _can_hold(self, job: Job) -> bool:
        return any(
            all(one.resources.get(name, 0.0) >= amount for name, amount in job.needs.items())
            for one in self._workers
        )

    # --- one attempt -----------------------------------------------------------------------------

    async def _hold(self, cluster: Cluster, attempt: RemoteAttempt) -> None:
        """Ask for a slot until the attempt has got one, or has ended."""
        reason = ""
        for _ in range(_MOST_SLOTS):
            if attempt.ended.done():
                return
            slot = attempt.slot = cluster.take_slot(attempt.job.key, attempt.job.needs)
            try:
                reason = str(await slot)
            except asyncio.CancelledError as error:
                if not slot.cancelled():
                    raise
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - of Dask: the worker died, say
                reason = f"{type(error).__name__}: {error}"
            if attempt.worker is not None or attempt.ended.done():
                return  # its link tells how it ends
            if cluster.is_lost:
                message = f"the scheduler at {self._address.url} is gone"
                attempt.end(Outcome(kind=OutcomeKind.UNREACHABLE, message=message))
                return
            await asyncio.sleep(_RETRY_SECONDS)
        attempt.end(_unstartable(f"no worker took it: {reason}"))

    def _on_placed(self, placed: Placed) -> None:
        """Send the job to a slot that was found for it."""
        cluster, attempt = self._cluster, self._attempts.get(placed.key)
        if cluster is None:
            return
        if attempt is None or attempt.worker is not None or attempt.is_stopping:
            self._spawn(_give_back(cluster, placed), f"release {placed.key}")
            return
        if placed.protocol != PROTOCOL:
            self._spawn(_give_back(cluster, placed), f"release {placed.key}")
            message = f"the worker {placed.worker} has missiondeck {placed.version}, another one"
            attempt.end(_unstartable(message))
            return
        link = self._links.get(placed.public_key)
        if link is None:
            link = WorkerLink(cluster, placed, self._lease_seconds, self._on_late)
            self._links[placed.public_key] = link
        link.heard(placed.at)
        attempt.worker = placed.worker
        attempt.placement = Placement(host=placed.host, worker=placed.worker)
        attempt.sink.placed(attempt.placement)
        link.add(attempt)
        self._spawn(self._start(cluster, link, attempt, placed), f"start {placed.key}")

    async def _start(
        self, cluster: Cluster, link: WorkerLink, attempt: RemoteAttempt, placed: Placed
    ) -> None:
        """Send the job until the worker says that it has it, or is lost."""
        request = Start(
            session=cluster.session,
            key=attempt.job.key,
            sealed=seal_job(attempt.job, placed.public_key, attempt.reply_key),
            granted=placed.at,
            lease_seconds=self._lease_seconds,
        )
        while not attempt.ended.done():
            try:
                answer = await cluster.call(placed.worker, request)
            except CallError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if answer.refusal is None:
                return
            link.remove(attempt)
            attempt.end(
                None if attempt.is_stopping else _unstartable(f"{link.host}: {answer.refusal}")
            )

    def _stop(self, cluster: Cluster, attempt: RemoteAttempt) -> None:
        """Begin to end an attempt; how it ended is told by `attempt.ended`. Idempotent."""
        if attempt.is_stopping:
            return
        attempt.stop()
        if attempt.worker is None:
            if attempt.slot is not None:
                self._spawn(cluster.give_up(attempt.slot), f"give up {attempt.job.key}")
            attempt.end(None)
            return
        self._spawn(self._cancel(cluster, attempt, attempt.worker), f"cancel {attempt.job.key}")

    async def _cancel(self, cluster: Cluster, attempt: RemoteAttempt, worker: str) -> None:
        """Tell the worker to end an attempt until it has heard it, or is lost."""
        key = attempt.job.key
        while not attempt.ended.done():
            try:
                for scope in [one for one in self._without_grace if is_within(key, one)]:
                    await _tell_hurry(cluster, worker, scope)
                await cluster.call(worker, Cancel(session=cluster.session, key=key))
            except CallError:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    def _on_late(self, attempt: RemoteAttempt, batch: OutputBatch) -> None:
        """Refuse the end of an attempt that was lost before: it was made anew, or will be."""
        end, where = batch.end, attempt.placement
        if end is None or where is None:
            return
        code = end.exit_code if end.outcome is None else end.outcome.exit_code
        self._late.append(LateEnd(key=batch.key, placement=where, exit_code=code))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _give_back(cluster: Cluster, placed: Placed) -> None:
    """Free a slot for which there is no job."""
    try:
        await cluster.call(placed.worker, Release(session=cluster.session, key=placed.key))
    except CallError:
        return


async def _leftovers_ended(cluster: Cluster, worker: str, execution_id: str) -> Census:
    """End what jobs left behind on a worker; one that does not answer has its lease to run out."""
    request = EndLeftovers(session=cluster.session, execution_id=execution_id)
    try:
        answer = await cluster.call(worker, request, LEFTOVER_SECONDS)
    except CallError:
        return Census(processes=0)
    return answer.census or Census(processes=0)


async def _tell_hurry(cluster: Cluster, worker: str, scope: str | None) -> None:
    """End graces on a worker; one that does not answer has its lease to run out."""
    try:
        await cluster.call(worker, Hurry(session=cluster.session, scope=scope))
    except CallError:
        return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _unstartable(message: str) -> Outcome:
    return Outcome(kind=OutcomeKind.UNSTARTABLE, message=message)
