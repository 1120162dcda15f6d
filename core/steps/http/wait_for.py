"""The step that waits until a file exists, a port accepts connections, or a URL answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from core.domain.reasons import Reason
from core.security.safety.finding import ADDRESS, violation
from core.step_type.failure import StepFailedError
from core.step_type.intent import Intent
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_text import scalar_text
from core.step_type.parameter_types import Seconds, Text
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip
from core.steps.file.file_step import PathText, path_violation, shown, tree_of
from core.steps.file.place import PathRefusedError
from core.steps.http.address_guard import AddressDeniedError, check_url, resolve, url_intent

_TRY_SECONDS = 10.0
_LAST_PROBE_SECONDS = 1.0
_DEFAULT_HOST = "127.0.0.1"
_NOT_YET = (OSError, TimeoutError, StepFailedError)


def parse_port(value: object) -> object:
    """Return `HOST:PORT`; a port alone is one of this machine. `ValueError` otherwise."""
    text = scalar_text(value)
    if not isinstance(text, str):
        return value
    host, _, port = text.strip().rpartition(":")
    if not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 65536:
        raise ValueError("a port is a number from 1 to 65535, or HOST:PORT")
    return f"{host.strip('[]') or _DEFAULT_HOST}:{int(port)}"


class WaitForParameters(StepParameters):
    """Parameters of wait_for: one of file, port and url."""

    file: PathText | None = Field(default=None, description="wait until this path exists")
    port: Annotated[str, BeforeValidator(parse_port, json_schema_input_type=int | str)] | None = (
        Field(
            default=None,
            description="wait until this port accepts a connection: a number, or HOST:PORT",
        )
    )
    url: Annotated[Text, AfterValidator(check_url)] | None = Field(
        default=None, description="wait until this http or https URL returns a status 200 to 399"
    )
    interval: Seconds = Field(default=1.0, ge=0.01, description="the time between two probes")
    timeout: Seconds = Field(default=60.0, gt=0, description="fail after this time in total")

    @model_validator(mode="after")
    def _waits_for_one(self) -> Self:
        if sum(value is not None for value in (self.file, self.port, self.url)) != 1:
            raise ValueError("give one of file, port and url")
        return self


class WaitForOutput(BaseModel):
    """Output of wait_for."""

    waited_ms: float = Field(description="how long it waited, in milliseconds")


class WaitFor(StepType):
    """Probes repeatedly until the file, port or URL is available."""

    name: ClassVar[str] = "wait_for"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar[type[StepParameters]] = WaitForParameters
    output: ClassVar[type[BaseModel]] = WaitForOutput
    summary: ClassVar[str] = "Wait for a file, a port or a URL"

    only_waits: ClassVar[bool] = True

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Probe, sleep, repeat; the timeout also ends a probe that hangs."""
        parameters: WaitForParameters = call.parameters
        now = asyncio.get_running_loop().time
        start = now()
        last = "not probed yet"
        probe, what = _probe(call)
        try:
            async with asyncio.timeout(_remaining(parameters.timeout, call.waited)):
                while True:
                    try:
                        await probe()
                        break
                    except _NOT_YET as error:
                        last = _reason(error)
                    await asyncio.sleep(parameters.interval)
        except TimeoutError:
            message = f"{what} after {parameters.timeout:g} s ({last})"
            return StepOutcome.failure(Reason.TIMEOUT, message, "timeout")
        except ProbeRefusedError as error:
            return error.outcome
        except AddressDeniedError as error:
            return violation(ADDRESS, str(error))
        except PathRefusedError as error:
            return path_violation(error)
        return StepOutcome.success({"waited_ms": round((call.waited + now() - start) * 1000, 3)})

    async def is_met(self, call: StepCall) -> bool:
        """Probe once, for a second at most; what is refused is not met."""
        probe, _ = _probe(call)
        try:
            async with asyncio.timeout(_LAST_PROBE_SECONDS):
                await probe()
        except (*_NOT_YET, ProbeRefusedError, AddressDeniedError, PathRefusedError):
            return False
        return True

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be waited for."""
        for kind in ("file", "port", "url"):
            if kind in parameters:
                return clip(f"would wait for {kind} {shown(parameters[kind])}")
        return "would wait"

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name what is probed."""
        if "url" in parameters:
            return url_intent(str(parameters["url"]), "GET")
        if "port" in parameters:
            host, _, number = str(parameters["port"]).rpartition(":")
            return Intent(host=host.strip("[]"), port=int(number) if number.isdecimal() else None)
        return Intent(reads=(str(parameters["file"]),) if "file" in parameters else ())


class ProbeRefusedError(Exception):
    """Raised for a redirect of a probe that safety or a policy refuses."""

    def __init__(self, outcome: StepOutcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def _remaining(timeout: float, waited: float) -> float:
    """Return the remaining time; at least enough for one probe after lost attempts."""
    return max(timeout - waited, min(timeout, _LAST_PROBE_SECONDS))


def _probe(call: StepCall) -> tuple[Callable[[], Awaitable[None]], str]:
    """Return a probe that raises until it succeeds, and the message for a timeout."""
    parameters: WaitForParameters = call.parameters
    if parameters.file is not None:
        file = parameters.file
        return (lambda: asyncio.to_thread(_probe_file, call, file)), f"{file} does not exist"
    if parameters.port is not None:
        host, _, number = parameters.port.rpartition(":")
        return (
            lambda: _probe_port(call, host, int(number)),
            f"{parameters.port} accepts no connection",
        )
    url = parameters.url or ""
    return (lambda: _probe_url(call, url)), f"{url} does not answer"


def _probe_file(call: StepCall, path: str) -> None:
    with tree_of(call) as tree, tree.place(path) as place:
        if place.status() is None:
            raise FileNotFoundError(f"no {place.path}")


async def _probe_port(call: StepCall, host: str, port: int) -> None:
    async with asyncio.timeout(_TRY_SECONDS):
        target = await resolve(host, port, permitted=call.permitted.addresses)
        failure: OSError | None = None
        for address in target.addresses:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError as error:
                failure = error
                continue
            writer.close()
            with suppress(OSError):  # the connection was accepted, which is all that matters
                await writer.wait_closed()
            return
        if failure is not None:
            raise failure


async def _probe_url(call: StepCall, url: str) -> None:
    await asyncio.to_thread(import_module, "core.steps.http.exchange")  # httpx takes 150 ms
    from core.steps.http.exchange import (
        ExchangeOptions,
        HopRefusedError,
        Request,
        exchange,
        parse_url,
    )

    options = ExchangeOptions(
        max_bytes=64 * 1024 * 1024, recheck=call.recheck, permitted=call.permitted.addresses
    )
    async with asyncio.timeout(_TRY_SECONDS):
        try:
            response = await exchange(Request(method="GET", url=parse_url(url)), options)
        except HopRefusedError as error:
            raise ProbeRefusedError(error.outcome) from error
    if not 200 <= response.status < 400:
        raise StepFailedError(f"status {response.status}", "http_status")


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
