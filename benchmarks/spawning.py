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
    direct: list[dict[str, float]] = []
    supervised: list[dict[str, float]] = []
    bare: list[float] = []
    for _ in range(max(3, bench.rounds)):
        run = subprocess.run([floor, str(count), str(CONCURRENCY)], check=True, capture_output=True)
        bare.append(float(run.stdout) / count)
        direct.append(bench.probe("probe_spawn", "direct", count, CONCURRENCY))
        supervised.append(bench.probe("probe_spawn", "supervised", count, CONCURRENCY))
    floor_seconds = statistics.median(bare)
    yield Figure("C posix_spawn, wall a process", floor_seconds * 1e6, "µs")
    for name, runs in (("direct", direct), ("supervised", supervised)):
        wall = statistics.median(run["wall"] for run in runs) / count
        cpu = statistics.median(run["cpu"] for run in runs) / count
        yield Figure(f"{name}, wall a process", wall * 1e6, "µs")
        yield Figure(f"{name}, CPU a process", cpu * 1e6, "µs")
        yield Figure(f"{name} by C, wall", wall / floor_seconds, "x", at_most(1.3))
    more = statistics.median(
        (ours["cpu"] - theirs["cpu"]) / count
        for ours, theirs in zip(supervised, direct, strict=True)
    )
    yield Figure("supervised more than direct, CPU", more * 1e6, "µs", at_most(150))
