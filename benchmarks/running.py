"""The cost of running missions: no-op steps, memory, and commands compared with ninja and make."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.bench import ROOT, Bench, engine_seconds, environment
from benchmarks.measure import Cost, interleave, measure
from benchmarks.report import Figure, at_most
from benchmarks.workload import Workload

JOBS = 4
EXECUTOR = "executor alone"
NOOP_LIMIT = 8
MEMORY = {1_000: 80.0, 10_000: 150.0, 100_000: 600.0}


def noop(bench: Bench) -> Iterator[Figure]:
    """Run no-op steps, durable and audited: their cost, and the peak memory."""
    sizes = bench.pick((1_000, 10_000), (1_000, 10_000), (1_000, 10_000, 100_000))
    loads = {size: Workload("layered", size) for size in sizes}
    engine: dict[int, list[float]] = {size: [] for size in sizes}

    def run(size: int) -> Cost:
        home = bench.fresh(f"noop-{size}")
        cost = bench.run_mission(bench.mission_file(loads[size], "noop", limit=NOOP_LIMIT), home)
        engine[size].append(engine_seconds(home))
        return cost

    home = bench.fresh("noop-1")
    base = bench.run_mission(bench.mission_file(Workload("one", 1), "noop"), home)
    series = interleave({str(size): partial(run, size) for size in sizes}, bench.rounds)
    walls = {size: sorted(found)[len(found) // 2] / size * 1e6 for size, found in engine.items()}
    for size in sizes:
        found = series[str(size)]
        yield Figure(f"no-op step of {size:,}, engine wall", walls[size], "µs", at_most(150, 300))
        cpu = (found.cpu - base.cpu) / size * 1e6
        yield Figure(f"no-op step of {size:,}, CPU less that of one step", cpu, "µs")
    for size in sizes[1:]:
        name = f"no-op step of {size:,} by one of {sizes[0]:,}"
        yield Figure(name, walls[size] / walls[sizes[0]], "x", at_most(1.2))
    for size in sizes:
        yield Figure(
            f"peak memory, {size:,} steps", series[str(size)].memory, "MB", at_most(MEMORY[size])
        )
    if 100_000 in sizes:
        yield Figure("whole run, 100,000 steps", series["100000"].wall, "s", at_most(20))


def command(bench: Bench) -> Iterator[Figure]:
    """Run `true` in a layered graph, four at once, beside ninja and make."""
    for size in bench.pick((1_000,), (1_000, 10_000)):
        yield from _beside_peers(bench, Workload("layered", size), JOBS)


def chain(bench: Bench) -> Iterator[Figure]:
    """Run `true` in a chain: the time between the end of a step and the start of the next."""
    yield from _beside_peers(bench, Workload("chain", bench.pick(300, 1_000)), JOBS)


def _beside_peers(bench: Bench, load: Workload, jobs: int) -> Iterator[Figure]:
    file = bench.mission_file(load, "true", limit=jobs)
    peers = bench.fresh(f"peers-{load.name}")
    load.write_ninja(peers)
    load.write_make(peers)

    def ours() -> Cost:
        return bench.run_mission(file, bench.fresh(f"true-{load.name}"))

    spawning = [
        sys.executable,
        "-m",
        "benchmarks.probe_spawn",
        "supervised",
        str(load.size),
        str(jobs),
    ]
    contenders: dict[str, Callable[[], Cost]] = {"mission": ours}
    if load.shape != "chain":  # the processes alone, nothing written: what no engine gets below
        contenders[EXECUTOR] = partial(
            measure, spawning, cwd=peers, env={"PYTHONPATH": str(ROOT), **environment(peers)}
        )
    if bench.ninja is not None:
        contenders["ninja"] = partial(measure, [bench.ninja, f"-j{jobs}", "--quiet"], cwd=peers)
    if bench.make is not None:
        contenders["make"] = partial(measure, [bench.make, f"-j{jobs}", "all"], cwd=peers)
    found = interleave(contenders, bench.rounds)
    us = found["mission"]
    for name, series in found.items():
        yield Figure(f"{load.name}, {name}, wall a step", series.wall / load.size * 1e3, "ms")
        yield Figure(f"{load.name}, {name}, CPU a step", series.cpu / load.size * 1e3, "ms")
    if "ninja" in found:
        target = at_most(1.0, 1.5)
        yield Figure(f"{load.name}, wall by ninja's", us.wall / found["ninja"].wall, "x", target)
        yield Figure(f"{load.name}, CPU by ninja's", us.cpu / found["ninja"].cpu, "x", target)
        if EXECUTOR in found:
            alone, ninja = found[EXECUTOR], found["ninja"]
            yield Figure(f"{load.name}, {EXECUTOR}, wall by ninja's", alone.wall / ninja.wall, "x")
            yield Figure(f"{load.name}, {EXECUTOR}, CPU by ninja's", alone.cpu / ninja.cpu, "x")
    if "make" in found:
        yield Figure(f"{load.name}, wall by make's", us.wall / found["make"].wall, "x")
