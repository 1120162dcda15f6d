"""Threads nobody waits for: they run calls, are used again, and never keep a process."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from core.errors import UnavailableError
from core.machine.daemon_threads import MAX_THREADS, DaemonThreads
from core.machine.event_loop import run_suspend_aware


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


def test_a_loop_ends_where_no_more_threads_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        asyncio.get_running_loop().set_default_executor(DaemonThreads())
        found = await asyncio.to_thread(int, "7")
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        return found + await asyncio.to_thread(int, "1")  # by the thread that there is

    assert run_suspend_aware(main()) == 8


def test_without_any_thread_a_call_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = DaemonThreads()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(UnavailableError, match="no thread can be started"):
            threads.submit(int, "7")
    assert threads.submit(int, "8").result(5) == 8


def no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
