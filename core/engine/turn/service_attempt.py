"""The attempt of a service: its process runs until it is cancelled, and says when it is ready.

A service whose process ends by itself has failed, whatever its exit code: somebody needed it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from core.domain.process_policy import Leftovers
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream
from core.domain.states import AttemptState
from core.errors import BugError
from core.ports.executor import Census, OutputSink, Placement
from core.step_type.plain_parameters import plain_parameters
from core.step_type.registry import step_type
from core.step_type.step_type import StepCall, StepOutcome, StepType
from core.value.regex import Pattern, compile_pattern

PROBE_SECONDS = 0.1
"""The time between two probes."""

SCRIPT_SECONDS = 1.0
"""The time between two runs of a script that probes."""

_MAX_LINE_BYTES = 64 * 1024


async def serve(kind: StepType, ready: Mapping[str, Any], call: StepCall) -> StepOutcome:
    """Run a service; tell the host when it is ready. `ready` has one probe and `timeout`.

    Returns only when it has failed: it did not become ready in time, or its process has ended.
    """
    refused = await _answers_already(ready, call)
    if refused is not None:
        return refused
    pattern = ready.get("log")
    lines = _LineWatch(call.sink, None if pattern is None else compile_pattern(pattern))
    before = _look_of(ready, call)
    process = asyncio.ensure_future(kind.run_async(replace(call, sink=lines)))
    probe = asyncio.ensure_future(_probe(ready, call, lines, before))
    try:
        await asyncio.wait({process, probe}, return_when=asyncio.FIRST_COMPLETED)
        if process.done():
            return _ended(process.result(), "before it was ready")
        refused = probe.result()
        if refused is not None:
            return refused
        told = _words(ready)
        call.log(LogLevel.INFO, f"the service is ready: {told}")
        call.require_host().service_ready(told)
        await asyncio.wait({process})
        return _ended(process.result(), "while steps needed it")
    finally:
        for task in (probe, process):
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            if not task.cancelled():
                task.exception()


async def _answers_already(ready: Mapping[str, Any], call: StepCall) -> StepOutcome | None:
    """Return the refusal of a service whose probe would be answered by somebody else."""
    for name in ("port", "url"):
        if name in ready:
            waiting, probe = _waiting_for(name, ready, call, timeout=1.0)
            if await waiting.is_met(probe):
                what = f"{_words(ready)} before the service has started"
                return StepOutcome.failure(
                    Reason.STEP_ERROR, f"{what}: another process has it", "AnsweredByAnother"
                )
    return None


def _look_of(ready: Mapping[str, Any], call: StepCall) -> tuple[int, int, int] | None:
    """Return how the file looks that tells of readiness: one that is left over tells nothing."""
    if "file" not in ready:
        return None
    try:
        found = (call.working_dir / str(ready["file"])).lstat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)


def _waiting_for(
    name: str, ready: Mapping[str, Any], call: StepCall, *, timeout: float
) -> tuple[StepType, StepCall]:
    """Return the step type that waits, and its call for one probe."""
    kind = step_type("wait_for")
    if kind is None:
        raise BugError("there is no step type that waits")
    wanted = {name: ready[name], "interval": PROBE_SECONDS, "timeout": timeout}
    parameters = kind.parameters.model_validate(wanted)
    return kind, replace(call, parameters=parameters, waited=0.0)


async def _probe(
    ready: Mapping[str, Any],
    call: StepCall,
    lines: "_LineWatch",
    before: tuple[int, int, int] | None,
) -> StepOutcome | None:
    """Wait until the service is ready; return the outcome of an attempt that is not.

    `before` is how a file looked that was there before the service.
    """
    timeout = float(ready.get("timeout", 60.0))
    if "log" in ready:
        try:
            async with asyncio.timeout(timeout):
                await lines.found.wait()
        except TimeoutError:
            return _too_late(f"no line matches `{ready['log']}`", timeout)
        return None
    if "run" in ready:
        return await _script_probe(ready["run"], call, timeout)
    name = next((one for one in ("port", "url", "file") if one in ready), None)
    if name is None:
        return None
    kind, probe = _waiting_for(name, ready, call, timeout=timeout)
    outcome = await kind.run_async(probe)
    if outcome.state is not AttemptState.SUCCESS:
        return outcome
    try:
        async with asyncio.timeout(timeout):
            stale = {before, None} if before is not None else set()
            while _look_of(ready, call) in stale:  # noqa: ASYNC110 - a file tells no event
                await asyncio.sleep(PROBE_SECONDS)
    except TimeoutError:
        return _too_late(f"{ready['file']} is as it was before the start", timeout)
    return None


async def _script_probe(script: str, call: StepCall, seconds: float) -> StepOutcome | None:
    """Run a script until it exits with 0; return the outcome of an attempt that is not ready.

    It has the environment and the folder of the service. What it prints is not logged: it says
    the same each second.
    """
    kind = step_type("script")
    parameters = plain_parameters("script", {"script": script})
    if kind is None or parameters is None:
        raise BugError("a script cannot be run as a probe")
    probe = replace(
        call,
        parameters=parameters,
        sink=_Discarded(),
        part="ready",
        leftovers=Leftovers.STEP,
        new_values_path=None,
    )
    last, told = "has not ended", ""
    try:
        async with asyncio.timeout(seconds):
            while True:
                outcome = await kind.run_async(probe)
                if outcome.state is AttemptState.SUCCESS:
                    return None
                if outcome.reason_code is not Reason.EXIT_NONZERO:
                    return outcome
                last = f"exits with {outcome.exit_code}"
                told = "" if outcome.error is None else outcome.error.stack_trace or ""
                await asyncio.sleep(SCRIPT_SECONDS)
    except TimeoutError:
        message = f"`{_first_line(script)}` still {last} after {seconds:g} s"
        return StepOutcome.failure(Reason.TIMEOUT, message, "NotReady", stack_trace=told)


def _first_line(script: str) -> str:
    first, *more = script.strip().splitlines() or [""]
    return f"{first} …" if more else first


def _too_late(what: str, seconds: float) -> StepOutcome:
    return StepOutcome.failure(Reason.TIMEOUT, f"{what} after {seconds:g} s", "NotReady")


def _ended(outcome: StepOutcome, when: str) -> StepOutcome:
    if outcome.state is AttemptState.LOST or outcome.reason_code not in (
        Reason.EXIT_ZERO,
        Reason.EXIT_NONZERO,
    ):
        return outcome
    code = "" if outcome.exit_code is None else f" with {outcome.exit_code}"
    return StepOutcome.failure(
        Reason.SERVICE_DIED,
        f"the service exited{code} {when}",
        "ServiceDied",
        stack_trace="" if outcome.error is None else outcome.error.stack_trace,
        output=outcome.output,
        exit_code=outcome.exit_code,
    )


def _words(ready: Mapping[str, Any]) -> str:
    for name, text in (
        ("port", "port {} accepts connections"),
        ("url", "{} answers"),
        ("file", "it has made {}"),
        ("log", "its output has a line with `{}`"),
        ("run", "`{}` exits with 0"),
    ):
        if name in ready:
            return text.format(_first_line(str(ready[name])))
    return "its process runs"


class _Discarded:
    """Takes the output of a probe that nobody wants to read."""

    def write(self, _: LogStream, __: bytes) -> bool:
        """Take bytes, and drop them."""
        return True

    async def drain(self) -> None:
        """Return at once: nothing is kept."""

    def placed(self, _: Placement) -> None:
        """Ignore where it runs: a service is on the machine of the runner."""

    def census(self, _: Census) -> None:
        """Ignore what it has left: that is ended with it."""


class _LineWatch:
    """Passes output on, and looks for a pattern in its lines until it is found."""

    def __init__(self, sink: OutputSink, pattern: Pattern | None) -> None:
        self._sink = sink
        self._pattern = pattern
        self._rest = {LogStream.STDOUT: b"", LogStream.STDERR: b""}
        self.found = asyncio.Event()

    def write(self, stream: LogStream, data: bytes) -> bool:
        """Pass output on."""
        if self._pattern is not None:
            *lines, rest = (self._rest.get(stream, b"") + data).split(b"\n")
            self._rest[stream] = rest[-_MAX_LINE_BYTES:]
            if any(map(self._matches, (*lines, rest))):
                self._pattern = None
                self.found.set()
        return self._sink.write(stream, data)

    def _matches(self, line: bytes) -> bool:
        text = line.decode("utf-8", "replace")
        return self._pattern is not None and self._pattern.is_found_in(text)

    async def drain(self) -> None:
        """Wait until more may be written."""
        await self._sink.drain()

    def census(self, census: Census) -> None:
        """Pass on what was found of the processes at the end."""
        self._sink.census(census)
