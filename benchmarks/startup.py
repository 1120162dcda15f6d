"""Start-up time: commands that do almost nothing.

Which packages they may load is tested (`tests/cli/test_loaded_packages.py`).
"""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, environment, python_command
from benchmarks.measure import Cost, interleave, measure
from benchmarks.report import Figure, at_most, figure
from benchmarks.workload import Workload

CPU_TARGETS_MS = {"--version": 30.0, "validate": 110.0, "ls": 100.0, "run": 200.0}


def startup(bench: Bench) -> Iterator[Figure]:
    """Run `--version`, `validate`, `ls` and `run` with one step, beside an empty Python."""
    file = bench.mission_file(Workload("one", 1), "true")
    home = bench.fresh("startup")
    commands = {
        "--version": ["--version"],
        "validate": ["validate", str(file)],
        "run": ["run", str(file)],
        "ls": ["ls"],
    }

    def ours(arguments: list[str]) -> Cost:
        return measure([bench.mission, *arguments], cwd=home, env=environment(home))

    contenders = {name: partial(ours, arguments) for name, arguments in commands.items()}
    contenders["empty Python"] = partial(measure, python_command(""), cwd=home)
    for arguments in commands.values():  # compiles modules, and makes database and key
        ours(arguments)
    found = interleave(contenders, bench.pick(3, 20))
    bare = found["empty Python"]
    yield figure("empty Python, CPU", bare.cpu.times(1e3), "ms")
    for name, limit in CPU_TARGETS_MS.items():
        series = found[name]
        yield figure(f"{name}, CPU", series.cpu.times(1e3), "ms", at_most(limit))
        yield figure(f"{name}, wall", series.wall.times(1e3), "ms")
        yield figure(f"{name}, CPU by empty Python's", series.cpu_by(bare), "x")
