"""Threads nobody waits for: they run calls, are used again, and never keep a process."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from core.machine.daemon_threads import MAX_THREADS, DaemonThreads


def test_calls_return_and_raise_as_they_would() -> None:
    threads = DaemonThreads()
    assert threads.submit(divmod, 7, 2).result(5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 7, 0).result(5)
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(int)


def test_a_free_thread_is_used_again_and_a_busy_one_is_not_waited_for() -> None:
    threads = DaemonThreads()
    seen: set[int] = set()
    for _ in range(20):
        seen.add(threads.submit(threading.get_ident).result(5))
        time.sleep(0.002)
    assert len(seen) < 20
    gate = threading.Event()
    held = [threads.submit(gate.wait, 10) for _ in range(5)]
    assert threads.submit(int, "7").result(5) == 7
    gate.set()
    assert all(one.result(5) for one in held)


def test_more_calls_than_threads_all_have_their_turn() -> None:
    threads = DaemonThreads()
    futures = [threads.submit(time.sleep, 0.001) for _ in range(MAX_THREADS * 4)]
    assert all(future.result(10) is None for future in futures)


def test_a_process_ends_though_a_call_goes_on() -> None:
    program = """
import asyncio, time
from core.machine.daemon_threads import DaemonThreads

async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(DaemonThreads())
    work = loop.run_in_executor(None, time.sleep, 60)
    await asyncio.wait({work}, timeout=0.05)

asyncio.run(main())
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert time.monotonic() - began < 20


async def test_a_loop_takes_it_as_its_default() -> None:
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    assert await asyncio.to_thread(divmod, 9, 4) == (2, 1)
