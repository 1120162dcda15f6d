"""The made-up world of the pictures of a log: an import that colours its output and then fails."""

import json

from core.domain.records import LogStream, TaskError
from tests.support.tui import FakeBackend, FakeWorld, mission_of, step

_GREEN, _YELLOW, _CYAN, _ORANGE, _END = (
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[36m",
    "\x1b[38;5;208m",
    "\x1b[0m",
)


def a_colourful_import() -> tuple[FakeBackend, str]:
    """A run whose step writes colours, records of a structured log, a warning and an error."""
    world = FakeWorld()
    mission = mission_of("import-orders", step("download"), step("load", "download"), step("check"))
    run = world.launch(mission)
    world.run_step(run, "download", "12 files, 1.4 GiB")
    world.begin(run, "load", command="load-orders", args=["--batch", "500"])
    world.say(run, "load", f"{_CYAN}load-orders 3.2{_END}  batch size {_ORANGE}500{_END}")
    for number in range(1, 4):
        world.clock.forward(1.3)
        world.say(run, "load", f"{_GREEN}ok{_END}      orders-{number:02}.csv  48,{number}12 rows")
    world.say(run, "load", _record("info", "connected", host="db-1", pool=8))
    world.clock.forward(2.1)
    world.say(run, "load", _record("warn", "slow query", took_ms=4210, table="orders"))
    world.say(run, "load", "WARNING: 3 rows without a customer", stream=LogStream.STDERR)
    world.clock.forward(42)
    world.say(run, "load", _record("error", "deadlock detected", table="orders", attempt=3))
    world.say(run, "load", f"{_YELLOW}giving up{_END} after 3 attempts")
    line = "psycopg.errors.DeadlockDetected: deadlock detected in batch 97 (Error 40P01)"
    world.say(run, "load", line, stream=LogStream.STDERR)
    error = TaskError(message="exit code 1", kind="ExitCode", stack_trace=line, exit_code=1)
    world.end(run, "load", exit_code=1, error=error)
    return FakeBackend(world, mission), run


def _record(level: str, message: str, **more: object) -> str:
    return json.dumps({"level": level, "msg": message, **more})
