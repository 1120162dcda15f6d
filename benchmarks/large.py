"""A large database: what lists, home and history cost with a million events."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, environment
from benchmarks.measure import interleave, measure
from benchmarks.report import Figure, at_most, figure

HOME_TARGET_MS = 500.0
SELECTED_TARGET_MS = 300.0
"""For lists in another order, and by terms: they read a row of each execution."""
TARGET_MS = 100.0


def large(bench: Bench) -> Iterator[Figure]:
    """Ask a large database what `ls`, `show`, home and history ask; 100,000 executions in it."""
    executions, events = bench.pick((1_000, 10_000), (10_000, 100_000), (100_000, 1_000_000))
    home = bench.fresh("large")
    made = bench.probe("large_database", home, "--executions", executions, "--events", events)
    yield Figure(
        f"writing {events:,} events, CPU an event", made["cpu"] / made["events"] * 1e6, "µs"
    )
    found = bench.probe("probe_reading", home / "missions.db", max(3, bench.rounds))
    for name, milliseconds in found.items():
        yield Figure(f"{name}, CPU", milliseconds, "ms", at_most(_target(name)))
    commands = {"ls": ["ls"], "show": ["show", "mission-001"], "why": ["why", "mission-001"]}
    runs = interleave(
        {
            name: partial(measure, [bench.mission, *arguments], cwd=home, env=environment(home))
            for name, arguments in commands.items()
        },
        bench.rounds,
    )
    for name, series in runs.items():
        yield figure(f"`{name}`, whole command, CPU", series.cpu.times(1e3), "ms")


def _target(question: str) -> float:
    if question.startswith(("ls --sort", "ls --where", "ls -l")):
        return SELECTED_TARGET_MS
    return HOME_TARGET_MS if question.startswith("home,") else TARGET_MS
