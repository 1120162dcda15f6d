"""The cost before the first step: reading and validating a mission file, and planning."""

import statistics
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, environment
from benchmarks.measure import interleave, measure, spread
from benchmarks.report import Figure, at_most, figure
from benchmarks.workload import Workload

WHOLE = {"yaml": 10.0, "json": 5.0}
"""Seconds for 100,000 steps, by format."""


def validate(bench: Bench) -> Iterator[Figure]:
    """Parse and check a mission, beside the bare parser with the garbage collector off."""
    for size in bench.pick((1_000,), (1_000, 10_000), (1_000, 10_000, 100_000)):
        load = Workload("layered", size)
        files = {suffix: bench.mission_file(load, "true", suffix) for suffix in ("yaml", "json")}
        home = bench.fresh("validate")
        runs = {
            suffix: partial(
                measure, [bench.mission, "validate", str(file)], cwd=home, env=environment(home)
            )
            for suffix, file in files.items()
        }
        series = interleave(runs, bench.rounds)
        for suffix, file in files.items():
            found = bench.probe("probe_load", file, max(2, bench.rounds))
            ours, bare = (statistics.median(found[name]) for name in ("ours", "bare"))
            name = f"{size:,} steps of {suffix}"
            yield Figure(f"{name}: load_mission, CPU a step", ours / size * 1e6, "µs")
            ratio = at_most(1.6) if suffix == "yaml" else None
            yield Figure(f"{name}: by the bare parser's", ours / bare, "x", ratio)
            whole = series[suffix].cpu.middle
            if size == 1_000:
                yield Figure(f"{name}: `validate`, CPU", whole * 1e3, "ms", at_most(500))
            elif size == 100_000:
                yield Figure(f"{name}: `validate`, CPU", whole, "s", at_most(WHOLE[suffix]))
                yield Figure(f"{name}: `validate`, memory", series[suffix].memory, "MB")
            else:
                yield Figure(f"{name}: `validate`, CPU", whole * 1e3, "ms")


def schedule(bench: Bench) -> Iterator[Figure]:
    """Plan alone: which step comes next, without folding, storing or running it."""
    for size in bench.pick((1_000, 10_000), (1_000, 10_000, 100_000)):
        found = [bench.probe("probe_plan", size) for _ in range(bench.rounds)]
        planned, folded = (
            spread([run[name] / size * 1e6 for run in found]) for name in ("plan", "fold")
        )
        yield figure(f"planning, {size:,} steps, CPU a step", planned, "µs", at_most(8))
        yield figure(f"folding, {size:,} steps, CPU a step", folded, "µs")
