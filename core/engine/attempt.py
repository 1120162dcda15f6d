"""Runs one attempt of a step and returns its outcome as data.

Nothing that a step does leaves here as an exception; only cancellation of the engine itself does.
"""

import asyncio
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from core.domain.process_policy import StopSignal, limits_over, stop_over
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream, TaskRun
from core.domain.states import AttemptState
from core.engine.context import ContextLimitError, ExecutionContext
from core.engine.gated_attempt import recheck
from core.engine.preparation import Prepared, RunContext
from core.engine.secret_delivery import perform_masked
from core.engine.turn.artifact_collection import keep_artifacts
from core.engine.turn.precondition_check import unmet
from core.engine.up_to_date.step_check import Made
from core.errors import BugError
from core.output.capture import Capture, LogSeal
from core.output.masker import Masker
from core.ports.artifacts import Artifacts
from core.ports.executor import Census, Placement
from core.ports.journal import LogChunk
from core.step_type.host import StepHost
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType

TRACE_LIMIT = 16 * 1024
"""Characters of a stack trace that are kept: its end, where the cause stands."""

NO_LOG = LogSeal(entries=0, bytes=0, dropped_bytes=0, digest=None)


class Ended(Struct, frozen=True, kw_only=True):
    """How an attempt ended. `outcome` is None when it was cancelled."""

    task_id: str
    attempt: int
    outcome: StepOutcome | None
    seal: LogSeal = NO_LOG
    census: Census | None = None
    artifacts: Artifacts | None = None
    """The files that were kept of it."""
    made: Made | None = None
    """What a successful attempt of a step that declares its files has made."""
    chunks: Sequence[LogChunk] = ()
    """What it wrote that the journal does not have yet: it is to have it behind the start."""
    at: int | None = None
    """When it ended, in nanoseconds since the epoch; None: now."""
    loop_time: float | None = None
    """The same by the event loop's clock."""


def run_instant(run_context: RunContext, prepared: Prepared, attempt: int) -> Ended:
    """Run an attempt that needs neither I/O nor a task of its own; what it writes is held."""
    task_id = prepared.task.task_id
    if prepared.refusal is not None:
        return Ended(task_id=task_id, attempt=attempt, outcome=prepared.refusal)
    held: list[LogChunk] = []
    sink = _LazyCapture(run_context, task_id, attempt, held.append)
    for warning in prepared.warnings:
        sink.log(LogLevel.WARN, warning)
    call = _call(run_context, prepared, attempt, sink, None)
    try:
        outcome = _admitted(run_context, _type(prepared).run(call))
    except Exception as error:  # noqa: BLE001 - a step's bug is data: STEP_ERROR with its trace
        outcome = step_error(error, run_context.masker)
    seal, census = sink.close()
    return Ended(
        task_id=task_id, attempt=attempt, outcome=outcome, seal=seal, census=census, chunks=held
    )


async def run(
    run_context: RunContext,
    prepared: Prepared,
    attempt: int,
    *,
    emit: Callable[[LogChunk], None],
    timeout: float | None,  # noqa: ASYNC109 - the deadline is the step's, cancelled from inside
    was_cancelled: Callable[[], bool],
    host: StepHost,
    placed: Callable[[Placement], None] = lambda _where: None,
    waited: float = 0.0,
) -> Ended:
    """Run an attempt in the current task, `timeout` seconds at most (None: no deadline).

    `emit` is called with its output, `placed` with the machine of a cluster that runs its process.
    Of a step that only waits the seconds that lost attempts have `waited` count.
    A cancellation for which `was_cancelled` answers True ends the attempt and is not passed on.
    """
    task_id = prepared.task.task_id
    sink = _LazyCapture(run_context, task_id, attempt, emit, placed)
    for warning in prepared.warnings:
        sink.log(LogLevel.WARN, warning)
    kind = _type(prepared)
    stop = None
    if kind.mode is Mode.BLOCKING:
        stop = threading.Event()
        sink.open()  # here, not in its thread
    waited = waited if kind.only_waits else 0.0
    call = _call(run_context, prepared, attempt, sink, stop, host, waited)
    outcome: StepOutcome | None
    artifacts: Artifacts | None = None
    try:
        left = None if timeout is None else max(0.0, timeout - waited)
        async with asyncio.timeout(left) as deadline:
            if run_context.mission.secrets or run_context.masker:
                outcome = await perform_masked(
                    run_context,
                    prepared,
                    call,
                    partial(_perform, kind, prepared),
                    count=sink.redacted,
                    passed=sink.passed,
                )
            else:
                outcome = await _perform(kind, prepared, call)
            outcome = _admitted(run_context, outcome)
            if prepared.artifacts and outcome.state is not AttemptState.CANCELLED:
                outcome, artifacts = await keep_artifacts(run_context, prepared, outcome, sink.log)
    except asyncio.CancelledError:
        if not was_cancelled():
            raise
        outcome = None
    except Exception as error:  # noqa: BLE001 - a step's bug is data: STEP_ERROR with its trace
        if isinstance(error, TimeoutError) and deadline.expired():
            outcome = _timed_out(timeout or 0.0, sink)
        else:
            outcome = step_error(error, run_context.masker)
    finally:
        seal, census = sink.close()
    return Ended(
        task_id=task_id,
        attempt=attempt,
        outcome=outcome,
        seal=seal,
        census=census,
        artifacts=artifacts,
    )


def step_error(error: BaseException, masker: Masker | None = None) -> StepOutcome:
    """Return the outcome of a step that raised: STEP_ERROR with message and trace.

    Secrets in the trace are masked before it is shortened, which could leave a part of one.
    """
    trace = "".join(traceback.format_exception(error))
    trace = (masker.mask_text(trace) if masker else trace)[-TRACE_LIMIT:]
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return StepOutcome.failure(Reason.STEP_ERROR, message, type(error).__name__, stack_trace=trace)


async def _perform(kind: StepType, prepared: Prepared, call: StepCall) -> StepOutcome:
    if prepared.preconditions:
        end = await unmet(prepared.preconditions, call)
        if end is not None:
            return end
    if prepared.ready is not None:
        from core.engine.turn.service_attempt import serve  # few missions have services

        return await serve(kind, prepared.ready, call)
    if kind.mode is Mode.ASYNC:
        return await kind.run_async(call)
    if kind.mode is Mode.INSTANT:
        return kind.run(call)
    work = asyncio.get_running_loop().run_in_executor(None, kind.run, call)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        if call.cancelled is not None:
            call.cancelled.set()  # a thread cannot be interrupted: it is asked, and waited for
        await asyncio.wait({work}, timeout=call.grace_seconds)
        if work.done():
            work.exception()
        else:
            call.log(
                LogLevel.WARN, "it cannot be interrupted: what it still does is not waited for"
            )
        raise


def _admitted(run_context: RunContext, outcome: StepOutcome) -> StepOutcome:
    """Account for the output, or turn the outcome into the failure of one that is too large."""
    try:
        run_context.context.admit(outcome.output)
    except ContextLimitError as error:
        return StepOutcome.failure(Reason.OUTPUT_LIMIT, str(error), "OutputLimit")
    return outcome


def _timed_out(seconds: float, sink: "_LazyCapture") -> StepOutcome:
    message = f"timed out after {seconds:g} s"
    return StepOutcome.failure(
        Reason.TIMEOUT, message, "Timeout", stack_trace="\n".join(sink.tail())
    )


def _type(prepared: Prepared) -> StepType:
    if prepared.type is None:
        raise BugError(f"{prepared.task.task_id}: an attempt without a type was run")
    return prepared.type


def _call(
    run_context: RunContext,
    prepared: Prepared,
    attempt: int,
    sink: "_LazyCapture",
    cancelled: threading.Event | None,
    host: StepHost | None = None,
    waited: float = 0.0,
) -> StepCall:
    step, config = prepared.step, run_context.mission.config
    stop = stop_over(step.stop, config.stop)
    return StepCall(
        execution_id=run_context.execution_id,
        task_id=prepared.task.task_id,
        attempt=attempt,
        parameters=prepared.parameters,
        working_dir=prepared.working_dir or run_context.working_dir,
        env={**run_context.environ, **prepared.env} if prepared.env else run_context.environ,
        executor=run_context.executor,
        sink=sink,
        log=sink.log,
        clock=run_context.clock,
        grace_seconds=run_context.grace_seconds if stop.grace is None else stop.grace,
        stop_signal=stop.signal or StopSignal.TERM,
        limits=limits_over(step.limits, config.limits),
        leftovers=step.leftovers or config.leftovers,
        runs_on=config.runs_on if step.runs_on is None else step.runs_on,
        stays_here=step.service,
        scope=_LazyScope(run_context.context, prepared.task),
        cancelled=cancelled,
        root=run_context.working_dir,
        protected_paths=run_context.protected_paths,
        permitted=run_context.permitted,
        recheck=recheck(run_context, prepared, attempt, sink.log),
        host=host,
        new_values_path=run_context.values_folder.new_path,
        waited=waited,
    )


class _LazyScope(Mapping[str, Any]):
    """A template scope that is put together when a step first looks into it."""

    def __init__(self, context: ExecutionContext, task: TaskRun) -> None:
        self._context = context
        self._task = task
        self._scope: dict[str, Any] | None = None

    def _all(self) -> dict[str, Any]:
        if self._scope is None:
            self._scope = self._context.scope(self._task)
        return self._scope

    def __getitem__(self, key: str) -> Any:
        return self._all()[key]

    def __iter__(self) -> Any:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class _LazyCapture:
    """A capture that is made when the first byte comes: most instant steps write nothing."""

    def __init__(
        self,
        run_context: RunContext,
        task_id: str,
        attempt: int,
        emit: Callable[[LogChunk], None],
        on_placed: Callable[[Placement], None] = lambda _where: None,
    ) -> None:
        self._on_placed = on_placed
        self._run_context = run_context
        self._task_id = task_id
        self._attempt = attempt
        self._emit = emit
        self._capture: Capture | None = None

    def passed(self, data: bytes) -> None:
        """Take note of bytes that are masked already."""
        self.open().passed(data)

    def open(self) -> Capture:
        """Return the capture, made on the first call."""
        if self._capture is None:
            run_context = self._run_context
            self._capture = Capture(
                execution_id=run_context.execution_id,
                task_id=self._task_id,
                attempt=self._attempt,
                emit=self._emit,
                clock=run_context.clock,
                limit_bytes=run_context.log_limit_bytes,
                backlog=lambda: run_context.journal.backlog,
                masker=run_context.masker,
            )
        return self._capture

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Pass output on."""
        return self.open().write(stream, data)

    async def drain(self) -> None:
        """Wait until more may be written."""
        await self.open().drain()

    def placed(self, where: Placement) -> None:
        """Take note of where the process runs, and say it in the log."""
        self._on_placed(where)
        self.open().placed(where)

    def census(self, census: Census) -> None:
        """Pass on what was found of the processes at the end."""
        self.open().census(census)

    def log(self, level: LogLevel, message: str) -> None:
        """Add a system entry."""
        self.open().log(level, message, "step")

    def redacted(self, counts: Mapping[str, int]) -> None:
        """Count what was masked of the output before it came here."""
        if counts:
            self.open().redacted(counts)

    def tail(self) -> list[str]:
        """Return the last lines of stderr."""
        return [] if self._capture is None else self._capture.tail()

    def close(self) -> tuple[LogSeal, Census | None]:
        """Return the seal of what was written, and the census of its processes."""
        if self._capture is None:
            return NO_LOG, None
        return self._capture.close(), self._capture.found


def state_of(ended: Ended) -> AttemptState:
    """Return the attempt state an end stands for."""
    return AttemptState.CANCELLED if ended.outcome is None else ended.outcome.state
