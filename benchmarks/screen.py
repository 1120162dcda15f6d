"""The screen: first paint, a large execution, many changes, and what it costs the runner."""

import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, environment, newest
from benchmarks.measure import Cost, MeasureError, interleave, surroundings
from benchmarks.report import Figure, at_most
from benchmarks.terminal import Terminal
from benchmarks.workload import Workload

AT_ONCE = 33
"""With steps of 0.1 s that are READY, RUNNING and SUCCESS: about 1,000 changes a second."""
TITLE = "mission deck"
OUTCOME = "done"
"""What the list of executions says of one that has succeeded."""


def screen(bench: Bench) -> Iterator[Figure]:
    """Open the screen, and 10,000 steps in it; watch 1,000 changes a second; burden a runner."""
    if not Path("/proc/self/stat").exists():
        raise MeasureError("the figures of another process are read from /proc, which is not here")
    yield from _first_paint(bench)
    yield from _large(bench)
    yield from _changes(bench)
    yield from _burden(bench)


def _first_paint(bench: Bench) -> Iterator[Figure]:
    home = bench.fresh("paint")
    bench.run_mission(bench.mission_file(Workload("one", 1), "noop"), home)
    first, filled = [], []
    for _ in range(bench.pick(2, 7)):
        with Terminal([bench.mission], cwd=home, env=environment(home)) as terminal:
            first.append(terminal.wait_for(TITLE))
            filled.append(terminal.wait_for(OUTCOME))
    yield Figure("first paint on a terminal", statistics.median(first) * 1e3, "ms", at_most(500))
    yield Figure("executions on a terminal", statistics.median(filled) * 1e3, "ms")


def _large(bench: Bench) -> Iterator[Figure]:
    size = bench.pick(1_000, 10_000)
    home = bench.fresh("large")
    bench.run_mission(bench.mission_file(Workload("layered", size), "noop", limit=64), home)
    found = bench.probe("probe_screen", home, bench.pick(20, 60))
    yield Figure(f"{size:,} steps open, wall", found["open"] * 1e3, "ms", at_most(1_000))
    yield Figure(f"{size:,} steps open, CPU", found["open_cpu"] * 1e3, "ms")
    for name in ("list", "graph"):
        label = f"{size:,} steps, one line further in the {name}, CPU"
        yield Figure(label, found[name] * 1e3, "ms", at_most(16))
    yield Figure(f"{size:,} steps, memory", found["memory"], "MB", at_most(250))


def _changes(bench: Bench) -> Iterator[Figure]:
    size, seconds = bench.pick((2_000, 3.0), (10_000, 10.0))
    home = bench.fresh("changes")
    file = bench.mission_file(Workload("wide", size), "wait", limit=AT_ONCE)
    command = [bench.mission, "run", str(file)]
    with (home / "out.txt").open("wb") as out:
        runner = subprocess.Popen(
            command, cwd=home, env={**surroundings(), **environment(home)}, stdout=out, stderr=out
        )
        try:
            while _succeeded(home) < 1:
                time.sleep(0.05)
            watch = [bench.mission, "watch", "@last"]
            with Terminal(watch, cwd=home, env=environment(home)) as terminal:
                terminal.wait_for("s000")
                time.sleep(1.0)
                before, done = terminal.cpu, _succeeded(home)
                time.sleep(seconds)
                used, done = terminal.cpu - before, _succeeded(home) - done
                memory = terminal.memory
        finally:
            runner.send_signal(signal.SIGINT)
            runner.wait()
    rate = 3 * done / seconds
    yield Figure("changes a second while watched", rate, "")
    share = used / seconds * 100
    yield Figure("the screen's CPU", share, "% of a core")
    if rate:
        yield Figure("the same for 1,000 changes a second", share * 1000 / rate, "%", at_most(25))
    yield Figure(f"the screen's memory, {size:,} steps", memory, "MB", at_most(250))


def _burden(bench: Bench) -> Iterator[Figure]:
    """Run the same mission with and without a screen that watches it."""
    file = bench.mission_file(Workload("layered", bench.pick(1_000, 10_000)), "noop", limit=8)

    def alone() -> Cost:
        return bench.run_mission(file, bench.fresh("alone"))

    def watched() -> Cost:
        home = bench.fresh("watched")
        bench.run_mission(bench.mission_file(Workload("one", 1), "noop"), home)
        with Terminal([bench.mission], cwd=home, env=environment(home)) as terminal:
            terminal.wait_for(OUTCOME)
            return bench.run_mission(file, home)

    found = interleave({"alone": alone, "watched": watched}, bench.rounds)
    wall = (found["watched"].wall / found["alone"].wall - 1) * 100
    cpu = (found["watched"].cpu / found["alone"].cpu - 1) * 100
    yield Figure("runner slower with a screen open, wall", wall, "%")
    yield Figure("runner dearer with a screen open, CPU", cpu, "%", at_most(5))


def _succeeded(home: Path) -> int:
    """Return how many steps of the newest execution have succeeded; -1 while there is none."""
    rows = newest(home, "coalesce(json_extract(counts, '$.SUCCESS'), 0)")
    return int(rows[0]) if rows else -1
