"""The cost of a step on a Dask cluster of this machine, beside plain Dask with such commands."""

import statistics
from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks.bench import Bench
from benchmarks.measure import MeasureError
from benchmarks.report import Figure

CONTENDERS = {
    "plain": "client.map",
    "executor": "our executor",
    "mission": "mission run",
}


def cluster(bench: Bench) -> Iterator[Figure]:
    """Run `true` on 2 and 4 workers of two threads: by `client.map`, by us, as a mission."""
    if find_spec("distributed") is None:
        raise MeasureError("there is no Dask: pip install 'missiondeck[dask]'")
    count = bench.pick(100, 1_000, 10_000)
    for workers in (2, 4):
        found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for _ in range(bench.rounds):
            for name, walls in found.items():
                walls.append(bench.probe("probe_cluster", name, count, workers)["wall"])
        walls_of = {name: statistics.median(walls) / count for name, walls in found.items()}
        for name, told in CONTENDERS.items():
            yield Figure(f"{told}, {workers} workers, a step", walls_of[name] * 1e3, "ms")
        ratio = walls_of["mission"] / walls_of["plain"]
        yield Figure(f"mission run by client.map, {workers} workers", ratio, "x")
    for workers in (100, 1_000):
        cpu = bench.probe("probe_many_workers", workers, 5)["cpu"]
        yield Figure(
            f"CPU of a runner with {workers} silent workers (simulated)", cpu * 1e3, "ms/s"
        )
