"""The cost of the audit log: its share of recording, and verification afterwards."""

from collections.abc import Iterator

from benchmarks.bench import Bench, environment, events_of
from benchmarks.measure import Cost, interleave, measure, spread
from benchmarks.report import Figure, at_least, at_most, figure
from benchmarks.workload import Workload


def record(bench: Bench) -> Iterator[Figure]:
    """Record steps durably, by steps per commit, and measure the share of the audit log."""
    steps = bench.pick(800, 4_000)
    for group in (1, 8, 64):
        runs = [bench.probe("probe_record", steps, group) for _ in range(bench.rounds)]
        whole, audit, wall = (
            spread([run[name] / steps * 1e6 for run in runs]) for name in ("whole", "audit", "wall")
        )
        share = spread([run["audit"] / run["whole"] * 100 for run in runs])
        yield figure(f"{group} a commit: record of a step, wall", wall, "µs")
        yield figure(f"{group} a commit: record of a step, CPU", whole, "µs")
        yield figure(f"{group} a commit: of it the audit, CPU", audit, "µs")
        yield figure(f"{group} a commit: the audit's share", share, "%", at_most(40))


def verify(bench: Bench) -> Iterator[Figure]:
    """Run `audit verify`, which rebuilds every record, compared with a log of one step."""
    size = bench.pick(1_000, 10_000, 100_000)
    homes = {}
    for load in (Workload("one", 1), Workload("layered", size)):
        home = homes[load.size] = bench.fresh(f"verify-{load.size}")
        bench.run_mission(bench.mission_file(load, "noop", limit=64), home)

    def run(number: int, *more: str) -> Cost:
        home = homes[number]
        command = [bench.mission, "audit", "verify", *more]
        return measure(command, cwd=home, env=environment(home))

    found = interleave(
        {"one": lambda: run(1), "all": lambda: run(size), "deep": lambda: run(size, "--deep")},
        bench.rounds,
    )
    events = events_of(homes[size])
    for name, label in (("all", "verify"), ("deep", "verify --deep")):
        rates = [
            events / (run.cpu - one.cpu)
            for run, one in zip(found[name].runs, found["one"].runs, strict=True)
        ]
        target = at_least(40_000) if name == "all" else None
        yield figure(f"{label}, {events:,} events, CPU", spread(rates), "events/s", target)
    yield Figure("verify, peak memory", found["all"].memory, "MB")
    growth = found["all"].memory - found["one"].memory
    yield Figure("verify, memory beyond that of one step", growth, "MB", at_most(40))
