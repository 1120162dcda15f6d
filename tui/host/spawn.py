"""Start a runner that outlives this process, and wait until it runs or says why it cannot."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping

from core.errors import (
    ConflictError,
    LeaseHeldError,
    MissionDeckError,
    MissionInvalidError,
    UnavailableError,
)
from tui.host.places import Paths

READY_SECONDS = 60.0
"""How long a runner may take to load its mission and get its lease."""


def spawn_runner(
    paths: Paths,
    execution_id: str,
    environ: Mapping[str, str],
    *,
    run_again: bool = False,
    is_launch: bool = False,
) -> int:
    """Start a detached runner for a created execution and return its pid once it runs.

    `run_again` consents to repeat lost attempts of steps that are not idempotent; with `is_launch`
    the runner takes over the lease that this process holds.

    Raises `LeaseHeldError` or `ConflictError` as the runner meets them, `UnavailableError` when it
    ends without a word.
    """
    paths.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = ["--run-again"] if run_again else []
    options += ["--launched"] if is_launch else []
    log = paths.logs / f"runner-{execution_id}.log"
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
    process.returncode = 0  # it is not ours to wait for; without this Popen warns when collected
    try:
        _check(_read_line(reading), str(log))
    finally:
        os.close(reading)
    return process.pid


def _read_line(reading: int) -> str:
    deadline = time.monotonic() + READY_SECONDS
    found = b""
    while not found.endswith(b"\n"):
        if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            break
        data = os.read(reading, 4096)
        if not data:
            break
        found += data
    return found.decode("utf-8", "replace").strip()


def _check(line: str, log: str) -> None:
    if line == "ok":
        return
    if not line:
        raise UnavailableError("the runner did not start", hint=f"its last words: {log}")
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
