"""Signals of a process that drives an execution: the second ends it, whatever the process does."""

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, signal, sys, time
from core.runner import stop_signal
stop_signal.LAST_SECONDS = 0.2

async def main(signals):
    heard = []
    with signals, signals.heard_by(heard.append):
        for number in sys.argv[1:]:
            os.kill(os.getpid(), int(number))
            await asyncio.sleep(0.01)
        time.sleep(20)  # nothing in the loop can run any more

asyncio.run(main(stop_signal.StopSignals()))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_that_stands_still(number: signal.Signals) -> None:
    program = [sys.executable, "-c", PROGRAM, str(int(number)), str(int(number))]
    ended = subprocess.run(
        program, check=False, timeout=15, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert ended.returncode == 128 + number


def test_who_insists_reaches_everybody_who_drives_something() -> None:
    from core.runner.stop_signal import StopSignals

    signals = StopSignals()
    told: list[str] = []
    with signals.insisting(lambda: told.append("parent")):
        with signals.insisting(lambda: told.append("child")):
            signals.insist()
        signals.insist()
    signals.insist()
    assert told == ["parent", "child", "parent"]
