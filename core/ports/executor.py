"""The interface that runs the processes of attempts."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.process_policy import NO_LIMITS
from core.domain.process_policy import Leftovers as Leftovers
from core.domain.process_policy import ProcessLimits as ProcessLimits
from core.domain.process_policy import StopSignal as StopSignal
from core.domain.records import LogStream


class LeftProcess(Struct, frozen=True, kw_only=True):
    """A process that outlived its job. `start` is in clock ticks since boot (proc(5))."""

    pid: int
    start: int
    command: str


class Census(Struct, frozen=True, kw_only=True):
    """What was found of a job's processes at its end.

    `processes` counts those that were to be ended or that were left, `survivors` those that could
    not be ended. `left` names those that still run because they may, `ended` those leftovers that
    were to be ended.
    """

    processes: int
    survivors: int = 0
    left: tuple[LeftProcess, ...] = ()
    ended: tuple[LeftProcess, ...] = ()


class Abandoned(Struct, frozen=True, kw_only=True):
    """What a dead runner had left running, and how many of these could not be ended."""

    found: tuple[LeftProcess, ...] = ()
    survivors: int = 0


NOTHING_ABANDONED = Abandoned()


class Resources(Struct, frozen=True, kw_only=True):
    """What a process and the children it waited for used: processor time, peak memory.

    The peaks of all processes of the job together are known where it had a control group of its
    own: `peak_total_memory_bytes`, pages of files included, and `peak_processes`.
    """

    user_seconds: float
    system_seconds: float
    peak_memory_bytes: int
    peak_total_memory_bytes: int | None = None
    peak_processes: int | None = None


class JobUsage(Struct, frozen=True, kw_only=True):
    """What the processes of a running job use at a moment.

    `cpu_share` is in processors, 1.5 being one and a half of them; None where it is not known yet.
    Memory is the resident set: pages that processes share count for each of them.
    """

    processes: int
    memory_bytes: int
    cpu_share: float | None = None


def job_key(execution_id: str, task_id: str, attempt: int, part: str = "") -> str:
    """Return the name of the job of an attempt, which its processes carry in their environment.

    `part` tells a job that runs beside the first of the attempt from that.
    """
    key = f"{execution_id}/{task_id}/{attempt}"
    return f"{key}/{part}" if part else key


def is_within(key: str, scope: str) -> bool:
    """Tell whether a job is the one that `scope` names, or belongs to the execution it names."""
    return key == scope or key.startswith(f"{scope}/")


class JobFile(Struct, frozen=True, kw_only=True):
    """A file that only its owner may read, which is written before a process starts."""

    path: str
    content: bytes


class Job(Struct, frozen=True, kw_only=True):
    """One process to run in its own session. `key` is made by `job_key`.

    When it has to stop, it gets `stop_signal`, and KILL after `grace_seconds`. Whoever makes the
    job removes its `file`.
    """

    key: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: bytes | None = None
    file: JobFile | None = None
    grace_seconds: float = 5.0
    stop_signal: StopSignal = StopSignal.TERM
    limits: ProcessLimits = NO_LIMITS
    leftovers: Leftovers = Leftovers.EXECUTION
    needs: Mapping[str, float] = EMPTY
    """How much of which resources a worker must have for it; any machine will do without."""
    stays_here: bool = False
    """Whether it runs on the runner's machine in any case: others look for it there."""
    masked: tuple[tuple[str, bytes], ...] = ()
    """Names and values to mask in the output before it leaves the machine that runs the job."""
    result_file: str | None = None
    """A file that the process may write, which is wanted at this path on the runner's machine."""
    private_folder: str | None = None
    """A folder of this machine with secrets as files, whose paths are in the environment."""
    on_minted: Callable[[bytes], None] | None = None
    """Gets what the process writes to its mask pipe on another machine, before output after it."""


class Placement(Struct, frozen=True, kw_only=True):
    """Where a job runs: the name of the machine, and the worker there."""

    host: str
    worker: str


class WorkerLoad(Struct, frozen=True, kw_only=True):
    """A worker of a cluster and what it did a moment ago, as the cluster says.

    `running` counts what holds its slots, whoever asked for it; `cpu_percent` is that of the
    worker's own process, so not of the processes of jobs.
    """

    worker: str
    name: str
    host: str
    slots: int
    running: int = 0
    cpu_percent: float = 0.0
    memory_bytes: int = 0
    memory_limit_bytes: int = 0


class OutcomeKind(StrEnum):
    """How a job came to an end, as far as the executor knows."""

    EXITED = "exited"
    UNSTARTABLE = "unstartable"
    """It did not start; another attempt may."""
    IMPOSSIBLE = "impossible"
    """It can never start as it is: no such program, not executable, arguments too long, ..."""
    LOST = "lost"
    UNPLACEABLE = "unplaceable"
    """Nothing that could hold it is there now."""
    UNREACHABLE = "unreachable"
    """It did not start, and no other job could: what the executor runs jobs on is out of reach."""


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a job. `exit_code` is -N for death by signal N; None unless EXITED."""

    kind: OutcomeKind
    exit_code: int | None = None
    message: str | None = None
    resources: Resources | None = None
    """None where the executor cannot tell."""
    limits_met: frozenset[str] = frozenset()
    """Limits that the kernel enforced: `memory_mb` by a kill, `processes` by refusing to fork."""
    placement: Placement | None = None
    """Where it ran; None for this machine."""
    redactions: dict[str, int] = {}
    """How often each of the job's `masked` values was masked where it ran."""


class LateEnd(Struct, frozen=True, kw_only=True):
    """The end of a job that had been lost before: it is refused, since it may have been repeated.

    `key` is that of the job; `exit_code` is None where it did not exit by itself.
    """

    key: str
    placement: Placement
    exit_code: int | None


class OutputSink(Protocol):
    """Receives the output of a process from an executor, as it arrives."""

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Accept bytes; False is backpressure: await `drain` before the next write."""

    async def drain(self) -> None:
        """Return when more may be written."""

    def placed(self, where: Placement) -> None:
        """Take note, before any output, of the machine of a cluster that runs the job."""

    def census(self, census: Census) -> None:
        """Take note of what was found of the job's processes at its end."""


class Executor(Protocol):
    """Runs jobs. The same contract tests run over every adapter.

    The processes need not be children of this process, nor run on this machine.
    """

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        """Run `job` to its end, output into `sink`.

        Cancelling the awaiting task ends the process group TERM → grace → KILL and raises
        `CancelledError` only when it is gone or known to be unreachable, its output kept.
        """

    async def slots(self) -> int | None:
        """Return how many jobs it can run at once; None where nothing but the machine limits it.

        Raises `UnavailableError` when what it runs jobs on cannot be reached.
        """

    async def workers(self) -> Sequence[WorkerLoad] | None:
        """Return the workers that jobs run on; None where that is this machine alone.

        Raises `UnavailableError` when what it runs jobs on cannot be reached.
        """

    async def end_leftovers(self, execution_id: str) -> Census:
        """End what the jobs of an execution left behind, except what is kept on purpose."""

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:
        """Return, once, the ends of lost jobs of an execution that were told after all."""

    def hurry(self, scope: str | None = None) -> None:
        """End the grace of the jobs that are being ended: kill them now.

        With an execution, or the key of one job, only those `is_within` it, and those of them that
        are cancelled later get no grace either. Returns at once; a job that nobody cancels is not
        affected.
        """

    async def close(self) -> None:
        """End what still runs and free the resources. Idempotent."""
