"""The cost of the screen: first paint, many executions, a large one, many changes; to a runner."""

import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, environment, newest
from benchmarks.measure import Cost, MeasureError, surroundings
from benchmarks.report import Figure, at_most
from benchmarks.terminal import Terminal
from benchmarks.workload import Workload

CONCURRENCY = 33
"""With steps of 0.1 s that are READY, RUNNING and SUCCESS: about 1,000 changes a second."""
TITLE = "mission deck"
OPENED = "slots"
"""What the header says once the screen knows the mission as well: opening costs CPU of its own."""
PARTS = 5
"""In which changes are counted; the figures are medians of them."""
BURDEN_ROUNDS = 9
OUTCOME = "done"
"""What the list of executions says of one that has succeeded."""
NOTHING = "Nothing has run yet"
HEADING, PREVIEW = "NEEDS YOU", "no output"
"""What the list says above its first rows, and the preview of the failed step of the first one."""


def screen(bench: Bench) -> Iterator[Figure]:
    """Open the screen, and 10,000 steps in it; watch 1,000 changes a second; burden a runner."""
    if not Path("/proc/self/stat").exists():
        raise MeasureError("the figures of another process are read from /proc, which is not here")
    yield from _first_paint(bench)
    yield from _many_executions(bench)
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


def _many_executions(bench: Bench) -> Iterator[Figure]:
    """Open home over a large database: until its rows, and the preview below them, are drawn.

    An empty home is opened in turn with it: how fast either is depends on the machine, by how much
    they differ on what the executions cost.
    """
    executions = bench.pick(1_000, 10_000, 100_000)
    home, empty = bench.fresh("executions"), bench.fresh("nothing")
    bench.probe("large_database", home, "--executions", executions, "--events", 9 * executions)
    shown = {home: (TITLE, HEADING, PREVIEW), empty: (TITLE, NOTHING)}
    wall: dict[Path, list[float]] = {home: [], empty: []}
    cpu: dict[Path, list[float]] = {home: [], empty: []}
    for _ in range(bench.pick(2, 9)):
        for where, texts in shown.items():
            with Terminal([bench.mission], cwd=where, env=environment(where)) as terminal:
                wall[where].append(terminal.wait_for(*texts) * 1e3)
                cpu[where].append(terminal.cpu * 1e3)
    name = f"home of {executions:,} executions"
    yield Figure(f"{name}, wall", statistics.median(wall[home]), "ms", at_most(500))
    yield Figure("empty home, wall", statistics.median(wall[empty]), "ms")
    more = [many - none for many, none in zip(wall[home], wall[empty], strict=True)]
    yield Figure(
        f"{name}, more than an empty one, wall", statistics.median(more), "ms", at_most(60)
    )
    more = [many - none for many, none in zip(cpu[home], cpu[empty], strict=True)]
    yield Figure(f"{name}, more than an empty one, CPU", statistics.median(more), "ms")


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
    file = bench.mission_file(Workload("wide", size), "wait", limit=CONCURRENCY)
    command = [bench.mission, "run", str(file)]
    with (home / "out.txt").open("wb") as out:
        runner = subprocess.Popen(
            command, cwd=home, env={**surroundings(), **environment(home)}, stdout=out, stderr=out
        )
        try:
            while _succeeded(home) < 1:
                if runner.poll() is not None:
                    raise MeasureError(f"the mission to be watched ended: see {home / 'out.txt'}")
                time.sleep(0.05)
            watch = [bench.mission, "watch", "@last"]
            with Terminal(watch, cwd=home, env=environment(home)) as terminal:
                terminal.wait_for(OPENED)
                time.sleep(1.0)
                parts = [_part(terminal, home, seconds / PARTS) for _ in range(PARTS)]
                memory = terminal.memory
        finally:
            runner.send_signal(signal.SIGINT)
            runner.wait()
    rate, share = (statistics.median(part) for part in zip(*parts, strict=True))
    yield Figure("changes a second while watched", rate, "")
    yield Figure("the screen's CPU", share, "% of a core")
    if all(rate for rate, _ in parts):
        by_rate = statistics.median(share * 1000 / rate for rate, share in parts)
        yield Figure("the same for 1,000 changes a second", by_rate, "%", at_most(25))
    yield Figure(f"the screen's memory, {size:,} steps", memory, "MB", at_most(250))


def _part(terminal: Terminal, home: Path, seconds: float) -> tuple[float, float]:
    """Return the changes a second and the screen's percentage of a core for a while."""
    start, used, done = time.perf_counter(), terminal.cpu, _succeeded(home)
    time.sleep(seconds)
    used, done = terminal.cpu - used, _succeeded(home) - done
    passed = time.perf_counter() - start
    return 3 * done / passed, used / passed * 100


def _burden(bench: Bench) -> Iterator[Figure]:
    """Run the same mission with and without a screen that watches it, and without once more.

    A run alone differs from the next one alone by more than the screen costs, so each round
    compares its own runs, in changing order, and what two runs alone differ by is told beside it.
    """
    size = bench.pick(1_000, 10_000)
    file = bench.mission_file(Workload("layered", size), "noop", limit=8)

    def prepared(name: str) -> Path:
        home = bench.fresh(name)
        bench.run_mission(bench.mission_file(Workload("one", 1), "noop"), home)
        return home

    def alone() -> Cost:
        return bench.run_mission(file, prepared("alone"))

    def watched() -> Cost:
        home = prepared("watched")
        with Terminal([bench.mission], cwd=home, env=environment(home)) as terminal:
            terminal.wait_for(OUTCOME)
            time.sleep(1.0)  # it is still looking for missions
            return bench.run_mission(file, home)

    contenders = {"alone": alone, "watched": watched, "again": alone}
    rounds: list[dict[str, Cost]] = []
    for number in range(bench.pick(2, BURDEN_ROUNDS)):
        names = sorted(contenders)
        names = names[number % 3 :] + names[: number % 3]
        rounds.append({name: contenders[name]() for name in names})

    def more(name: str, what: str) -> float:
        pairs = ((getattr(r[name], what), getattr(r["alone"], what)) for r in rounds)
        return float(statistics.median(one / other for one, other in pairs) - 1) * 100

    yield Figure("runner slower with a screen open, wall", more("watched", "wall"), "%")
    yield Figure("a run alone slower than another, wall", more("again", "wall"), "%")
    yield Figure("runner dearer with a screen open, CPU", more("watched", "cpu"), "%", at_most(5))
    yield Figure("a run alone dearer than another, CPU", more("again", "cpu"), "%")


def _succeeded(home: Path) -> int:
    """Return how many steps of the newest execution have succeeded; -1 while there is none."""
    rows = newest(home, "coalesce(json_extract(counts, '$.SUCCESS'), 0)")
    return int(rows[0]) if rows else -1
