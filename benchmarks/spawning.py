"""The cost of starting a process: our executor compared with posix_spawn in C."""

import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import MeasureError
from benchmarks.report import Figure, at_most

CONCURRENCY = 4
SOURCE = Path(__file__).with_name("spawn.c")


def spawn(bench: Bench) -> Iterator[Figure]:
    """Start `true` with two pipes, four at once, without engine and storage."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise MeasureError("there is no C compiler (cc) to build the floor with")
    floor = bench.fresh("spawn") / "spawn"
    try:
        subprocess.run([compiler, "-O2", "-o", floor, SOURCE], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise MeasureError(f"cc: {error.stderr.decode(errors='replace')[:400]}") from error
    count = bench.pick(200, 1_000)
    ours: list[dict[str, float]] = []
    bare: list[float] = []
    for _ in range(max(3, bench.rounds)):
        run = subprocess.run([floor, str(count), str(CONCURRENCY)], check=True, capture_output=True)
        bare.append(float(run.stdout) / count)
        ours.append(bench.probe("probe_spawn", count, CONCURRENCY))
    wall = statistics.median(run["wall"] for run in ours) / count
    cpu = statistics.median(run["cpu"] for run in ours) / count
    yield Figure("C posix_spawn, wall a process", statistics.median(bare) * 1e6, "µs")
    yield Figure("our executor, wall a process", wall * 1e6, "µs")
    yield Figure("our executor, own CPU a process", cpu * 1e6, "µs")
    yield Figure("our executor by C, wall", wall / statistics.median(bare), "x", at_most(1.3))
