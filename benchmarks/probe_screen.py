"""Prints what the screen costs over the newest execution of a folder, headless at 120×40.

python -m benchmarks.probe_screen HOME FRAMES
"""

import asyncio
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

from textual.pilot import Pilot

from benchmarks.bench import environment, newest
from tui.app import MissionDeckApp
from tui.cli.invocation import Invocation
from tui.host.site_backend import SiteBackend


async def main(home: Path, frames: int) -> None:
    """Open the execution, then go down its list and its graph line by line."""
    execution_id, size = newest(home, "execution_id, task_count")
    invocation = Invocation.from_process()
    backend = SiteBackend(invocation.site, invocation.settings, invocation.cwd)
    app = MissionDeckApp(backend)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        wall, used = time.perf_counter(), time.process_time()
        app.open_execution(execution_id)
        await _until_shown(app, size)
        found = {"open": time.perf_counter() - wall, "open_cpu": time.process_time() - used}
        await pilot.pause(0.5)
        found["list"] = await _frames(pilot, frames)
        await pilot.press("2")
        await pilot.pause(2.0)
        found["graph"] = await _frames(pilot, frames)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


async def _until_shown(app: MissionDeckApp, size: int) -> None:
    until = time.monotonic() + 60
    wanted = f"s{0:06d}"
    while time.monotonic() < until:
        if wanted in app.export_screenshot():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the execution of {size} steps was never shown")


async def _frames(pilot: "Pilot[None]", frames: int) -> float:
    """Return the median CPU seconds between a key and the frame it led to."""
    costs = []
    for _ in range(frames):
        start = time.process_time()
        await pilot.press("down")
        await pilot.pause()
        costs.append(time.process_time() - start)
    return statistics.median(costs)


if __name__ == "__main__":
    os.environ.update(environment(Path(sys.argv[1])))
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
