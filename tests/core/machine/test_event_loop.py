"""Timers and deadlines of a machine that was suspended."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from core.machine.event_loop import SuspendAwareLoop, run_suspend_aware


class Boot:
    """Seconds since boot, as told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def boot() -> Boot:
    return Boot()


@pytest.fixture
def loop(boot: Boot) -> Iterator[SuspendAwareLoop]:
    with closing(SuspendAwareLoop(boot)) as loop:
        yield loop


def test_timers_that_are_hours_late_fire_once_and_in_order(
    loop: SuspendAwareLoop, boot: Boot
) -> None:
    fired: list[str] = []
    loop.call_later(3600, fired.append, "second")
    loop.call_later(60, fired.append, "first")
    loop.call_later(36_000, fired.append, "not yet")

    def sleep_and_wake() -> None:
        boot.seconds += 7200

    loop.call_soon(sleep_and_wake)

    async def wakes() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    loop.run_until_complete(wakes())
    assert fired == ["first", "second"]


def test_a_deadline_passes_during_a_suspend(loop: SuspendAwareLoop, boot: Boot) -> None:
    async def main() -> None:
        async with asyncio.timeout(3600):
            boot.seconds += 7200
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        loop.run_until_complete(main())


def test_the_loop_of_a_runner_counts_from_boot() -> None:
    async def main() -> tuple[float, float]:
        return asyncio.get_running_loop().time(), time.clock_gettime(time.CLOCK_BOOTTIME)

    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no clock that counts suspends")
    counted, booted = run_suspend_aware(main())
    assert booted - 5 < counted <= booted
