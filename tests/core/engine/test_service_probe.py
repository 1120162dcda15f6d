"""When a service is ready: what others left or answer does not count. Real sockets and files."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.engine.turn.service_attempt import serve
from core.step_type.step_type import StepCall, StepOutcome, StepType
from tests.support.step_run import StepRunner


class ReadyError(Exception):
    """Raised when the service is ready."""


class Host:
    """A host of steps that hears of a service."""

    def service_ready(self, told: str) -> None:
        raise ReadyError(told)


class Service(StepType):
    """A service that does something and then runs for ever."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    async def run_async(self, call: StepCall) -> StepOutcome:
        del call
        self.act()
        await asyncio.Event().wait()
        raise AssertionError


def outcome(folder: Path, act: Callable[[], object], **ready: Any) -> str:
    """Return why the service failed, or what made it ready."""
    call = replace(StepRunner(folder).call("noop"), host=cast("Any", Host()))
    try:
        failed = asyncio.run(serve(Service(act), ready, call))
    except ReadyError as told:
        return str(told)
    return f"{failed.reason_code}: {failed.message}"


def test_a_port_that_another_process_has_is_not_the_service(tmp_path: Path) -> None:
    started: list[bool] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        told = outcome(tmp_path, lambda: started.append(True), port=str(port))
    assert told == (
        f"{Reason.STEP_ERROR}: port {port} accepts connections before the service has started:"
        " another process has it"
    )
    assert not started
    servers: list[socket.socket] = []

    def listen() -> None:
        servers.append(socket.create_server(("127.0.0.1", port)))

    assert outcome(tmp_path, listen, port=str(port)) == f"port {port} accepts connections"
    servers[0].close()


def test_a_file_that_is_left_over_does_not_tell_that_the_service_is_ready(tmp_path: Path) -> None:
    file = tmp_path / "ready"
    assert outcome(tmp_path, file.touch, file="ready") == "it has made ready"
    left = "TIMEOUT: ready is as it was before the start after 1 s"
    assert outcome(tmp_path, lambda: None, file="ready", timeout=1) == left
    assert outcome(tmp_path, lambda: os.utime(file), file="ready") == "it has made ready"
