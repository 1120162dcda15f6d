"""The cost of running missions: no-op steps, memory, and commands compared with ninja and make."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.bench import ROOT, Bench, engine_seconds, environment
from benchmarks.measure import Cost, MeasureError, interleave, measure, spread
from benchmarks.peers import PEERS, Peer
from benchmarks.report import Figure, at_most, figure
from benchmarks.workload import Workload

JOBS = 4
US = "mission"
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
    slow = {"100000": 2}
    runs = {str(size): partial(run, size) for size in sizes}
    series = interleave(runs, bench.rounds, at_most=slow)
    walls = {size: spread(found).times(1e6 / size) for size, found in engine.items()}
    for size in sizes:
        found = series[str(size)]
        yield figure(f"no-op step of {size:,}, engine wall", walls[size], "µs", at_most(110))
        cpu = [(run.cpu - base.cpu) / size * 1e6 for run in found.runs]
        yield figure(f"no-op step of {size:,}, CPU less that of one step", spread(cpu), "µs")
    for size in sizes[1:]:
        name = f"no-op step of {size:,} by one of {sizes[0]:,}"
        ratio = walls[size].middle / walls[sizes[0]].middle
        yield Figure(name, ratio, "x", at_most(1.2))
    for size in sizes:
        memory = series[str(size)].memory
        yield Figure(f"peak memory, {size:,} steps", memory, "MB", at_most(MEMORY[size]))
    if 100_000 in sizes:
        whole = series["100000"].wall
        yield figure("whole run, 100,000 steps", whole, "s", at_most(20))


def command(bench: Bench) -> Iterator[Figure]:
    """Run `true` in a layered graph, four at once, beside other tools."""
    for size in bench.pick((200,), (1_000, 10_000)):
        wall, cpu = (1.2, 1.0) if size == 10_000 else (1.5, 1.2)
        yield from _beside_peers(bench, Workload("layered", size), JOBS, wall=wall, cpu=cpu)


def chain(bench: Bench) -> Iterator[Figure]:
    """Run `true` in a chain: the time between the end of a step and the start of the next."""
    load = Workload("chain", bench.pick(100, 1_000))
    yield from _beside_peers(bench, load, JOBS, wall=2.0, cpu=None)


def _beside_peers(
    bench: Bench, load: Workload, jobs: int, *, wall: float, cpu: float | None
) -> Iterator[Figure]:
    """Measure a workload and its peers; `wall` and `cpu` are the targets by ninja's."""
    file = bench.mission_file(load, "true", limit=jobs)

    def ours() -> Cost:
        return bench.run_mission(file, bench.fresh(f"true-{load.name}"))

    contenders: dict[str, Callable[[], Cost]] = {US: ours}
    if load.shape != "chain":  # the processes alone, nothing written: what no engine gets below
        contenders[EXECUTOR] = partial(_executor_alone, bench, load, jobs)
    for name, program in bench.peers.items():
        if load.size <= PEERS[name].steps:
            contenders[name] = partial(_peer, bench, PEERS[name], program, load, jobs)
    slow = {name: peer.rounds for name, peer in PEERS.items()}
    found = interleave(contenders, bench.rounds, at_most=slow)
    for name, series in found.items():
        wall_ms, cpu_ms = (one.times(1e3 / load.size) for one in (series.wall, series.cpu))
        yield figure(f"{load.name}, {name}, wall a step", wall_ms, "ms")
        yield figure(f"{load.name}, {name}, CPU a step", cpu_ms, "ms")
    ninja = found.get("ninja")
    if ninja is None:
        raise MeasureError("ninja is not here and could not be fetched: no ratios to it")
    for name, series in found.items():
        if name == "ninja":
            continue
        targets = (at_most(wall), cpu and at_most(cpu)) if name == US else (None, None)
        label = load.name if name == US else f"{load.name}, {name}"
        yield figure(f"{label}, wall by ninja's", series.wall_by(ninja), "x", targets[0])
        yield figure(f"{label}, CPU by ninja's", series.cpu_by(ninja), "x", targets[1] or None)


def _peer(bench: Bench, peer: Peer, program: str, load: Workload, jobs: int) -> Cost:
    folder = bench.fresh(f"peer-{peer.name}")
    command = peer.write(program, load, folder, jobs)
    return measure(command, cwd=folder, env={"XDG_CACHE_HOME": str(folder / "cache")})


def _executor_alone(bench: Bench, load: Workload, jobs: int) -> Cost:
    module = ["-m", "benchmarks.probe_spawn", "supervised", str(load.size), str(jobs)]
    env = {"PYTHONPATH": str(ROOT), **environment(bench.work)}
    return measure([sys.executable, *module], cwd=bench.work, env=env)
