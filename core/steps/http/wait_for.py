"""The step that waits until a file exists, a port accepts connections, or a URL answers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.step_type.parameter_types import Seconds, Text, scalar_text
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepParameters, StepType, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import PathText, shown
from core.steps.file.place import PathRefusedError
from core.steps.http.address_guard import AddressDeniedError, check_url, resolve

_TRY_SECONDS = 10.0
_LAST_LOOK_SECONDS = 1.0
_DEFAULT_HOST = "127.0.0.1"
_NOT_YET = (OSError, TimeoutError, StepFailedError)


def parse_port(value: object) -> object:
    """Return `HOST:PORT` from that, or from a port of this machine; `ValueError` else."""
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
        default=None, description="wait until this http or https URL answers with 200 to 399"
    )
    interval: Seconds = Field(default=1.0, ge=0.01, description="how long between two looks")
    timeout: Seconds = Field(default=60.0, gt=0, description="how long in total, then fail")

    @model_validator(mode="after")
    def _waits_for_one(self) -> Self:
        if sum(value is not None for value in (self.file, self.port, self.url)) != 1:
            raise ValueError("give one of file, port and url")
        return self


class WaitForOutput(BaseModel):
    """What wait_for leaves."""

    waited_ms: float = Field(description="how long it waited, in milliseconds")


class WaitFor(StepType):
    """Looks again and again until what it waits for is there."""

    name: ClassVar[str] = "wait_for"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar[type[StepParameters]] = WaitForParameters
    output: ClassVar[type[BaseModel]] = WaitForOutput
    summary: ClassVar[str] = "Wait for a file, a port or a URL"

    only_waits: ClassVar[bool] = True

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Look, sleep, look again; the timeout ends even a look that hangs."""
        parameters: WaitForParameters = call.parameters
        now = asyncio.get_running_loop().time
        start = now()
        last = "not looked yet"
        look, what = _look(call)
        try:
            async with asyncio.timeout(_left(parameters.timeout, call.waited)):
                while True:
                    try:
                        await look()
                        break
                    except _NOT_YET as error:
                        last = _said(error)
                    await asyncio.sleep(parameters.interval)
        except TimeoutError:
            message = f"{what} after {parameters.timeout:g} s ({last})"
            return StepOutcome.failure(Reason.TIMEOUT, message, "timeout")
        except (AddressDeniedError, PathRefusedError) as error:
            return StepOutcome.failure(Reason.SECURITY_VIOLATION, str(error), "refused")
        return StepOutcome.success({"waited_ms": round((call.waited + now() - start) * 1000, 3)})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say what would be waited for."""
        for kind in ("file", "port", "url"):
            if kind in parameters:
                return clip(f"would wait for {kind} {shown(parameters[kind])}")
        return "would wait"


def _left(timeout: float, waited: float) -> float:
    """Return how long to wait yet: one look at least, had lost attempts waited all of it."""
    return max(timeout - waited, min(timeout, _LAST_LOOK_SECONDS))


def _look(call: StepCall) -> tuple[Callable[[], Awaitable[None]], str]:
    """Return a look that raises while the wait goes on, and what to say when it is in vain."""
    parameters: WaitForParameters = call.parameters
    if parameters.file is not None:
        file = parameters.file
        return (lambda: asyncio.to_thread(_look_for_file, call, file)), f"{file} does not exist"
    if parameters.port is not None:
        host, _, number = parameters.port.rpartition(":")
        return (
            lambda: _look_at_port(host, int(number)),
            f"{parameters.port} accepts no connection",
        )
    url = parameters.url or ""
    return (lambda: _look_at_url(url)), f"{url} does not answer"


def _look_for_file(call: StepCall, path: str) -> None:
    with Tree(call.working_dir, call.protected_paths) as tree, tree.place(path) as place:
        if place.status() is None:
            raise FileNotFoundError(f"no {place.path}")


async def _look_at_port(host: str, port: int) -> None:
    async with asyncio.timeout(_TRY_SECONDS):
        target = await resolve(host, port)
        failure: OSError | None = None
        for address in target.addresses:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError as error:
                failure = error
                continue
            writer.close()
            with suppress(OSError):  # it was accepted, which is all that is asked
                await writer.wait_closed()
            return
        if failure is not None:
            raise failure


async def _look_at_url(url: str) -> None:
    await asyncio.to_thread(import_module, "core.steps.http.exchange")  # httpx takes 150 ms
    from core.steps.http.exchange import Request, Terms, exchange, parse_url

    terms = Terms(max_bytes=64 * 1024 * 1024)
    async with asyncio.timeout(_TRY_SECONDS):
        response = await exchange(Request(method="GET", url=parse_url(url)), terms)
    if not 200 <= response.status < 400:
        raise StepFailedError(f"status {response.status}", "http_status")


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
