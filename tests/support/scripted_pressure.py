"""Readings of a machine that a test writes, by the time of the event loop."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from core.ports.pressure import DiskSpace, Readings

HEALTHY = Readings()
FULL = Readings(disks=(DiskSpace("/data", 12 * 1024 * 1024),))


@dataclass
class ScriptedPressure:
    """Gives the readings that hold from a second on, until the next."""

    script: Mapping[float, Readings]
    looks: int = 0
    asleep: float = 0.0
    """Seconds of the event loop's time in which the machine was suspended."""

    async def read(self) -> Readings:
        self.looks += 1
        now = asyncio.get_running_loop().time()
        due = [at for at in self.script if at <= now]
        return self.script[max(due)] if due else HEALTHY

    def awake(self) -> float:
        return asyncio.get_running_loop().time() - self.asleep
