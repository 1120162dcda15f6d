"""Starts a detached runner process, and waits until it is ready or reports an error."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import (
    ConflictError,
    LeaseHeldError,
    MissionDeckError,
    MissionInvalidError,
    UnavailableError,
)
from core.planning.recovery import AssumeLost
from tui.host.places import Paths

READY_SECONDS = 60.0
"""How long a runner may take to load its mission and acquire its lease."""


async def spawn_runner(
    paths: Paths,
    execution_id: str,
    environ: Mapping[str, str],
    *,
    assume_lost: AssumeLost | None = None,
    is_launch: bool = False,
) -> int:
    """Start a detached runner for a created execution and return its pid once it runs.

    `assume_lost` says what to do with the attempts that a runner lost; with
    `is_launch` the runner takes over the lease that this process holds. Raises the `LeaseHeldError`
    or `ConflictError` that the runner reports, `UnavailableError` if it ends without a report.
    """
    options = [] if assume_lost is None else [f"--assume-lost={assume_lost}"]
    options += ["--launched"] if is_launch else []
    paths.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = paths.logs / f"runner-{execution_id}.log"
    pid, reading = _start(paths, execution_id, environ, options, log)
    try:
        _check(await _read_line(reading), str(log))
    finally:
        os.close(reading)
    return pid


def _start(
    paths: Paths, execution_id: str, environ: Mapping[str, str], options: Sequence[str], log: Path
) -> tuple[int, int]:
    """Start the process; return its pid and the read end of the pipe on which it reports."""
    reading, writing = os.pipe()
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "tui.host.runner",
                    str(writing),
                    execution_id,
                    *options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environ, "MISSION_DB": str(paths.db)},
                start_new_session=True,
                pass_fds=(writing,),
                close_fds=True,
            )
    finally:
        os.close(writing)
    process.returncode = 0  # nobody waits for it; without this Popen warns on deletion
    return process.pid, reading


async def _read_line(reading: int) -> str:
    """Return the line that the runner writes, possibly incomplete after READY_SECONDS."""
    loop = asyncio.get_running_loop()
    found = b""
    over: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        nonlocal found
        data = os.read(reading, 4096)
        found += data
        if not over.done() and (not data or found.endswith(b"\n")):
            over.set_result(None)

    loop.add_reader(reading, read)
    try:
        await asyncio.wait((over,), timeout=READY_SECONDS)
    finally:
        loop.remove_reader(reading)
    return found.decode("utf-8", "replace").strip()


def _check(line: str, log: str) -> None:
    if line == "ok":
        return
    if not line:
        raise UnavailableError("the runner did not start", hint=f"its log: {log}")
    try:
        found = json.loads(line)
        error = _KNOWN.get(found["code"], UnavailableError)(found["message"], hint=found["hint"])
        error.exit_code, error.code = int(found["exit_code"]), str(found["code"])
    except (ValueError, KeyError, TypeError):
        error = UnavailableError(f"the runner did not start: {line}", hint=f"its log: {log}")
    raise error


_KNOWN: dict[str, type[MissionDeckError]] = {
    kind.code: kind for kind in (LeaseHeldError, ConflictError, MissionInvalidError)
}
