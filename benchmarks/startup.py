"""Start-up time: commands that do almost nothing."""

import subprocess
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, environment, python_command
from benchmarks.measure import Cost, interleave, measure, surroundings
from benchmarks.report import Figure, at_most
from benchmarks.workload import Workload

NEVER = ("textual", "rich", "httpx", "aiohttp", "urllib3", "dask")
"""Packages that commands without a screen must not import."""

_LOADED = """
import sys, tui.cli.main
sys.argv = ["mission", *{arguments!r}]
try:
    tui.cli.main.entry()
except SystemExit:
    pass
found = [name for name in {never!r} if name in sys.modules]
sys.stderr.write("\\n" + " ".join(found))
"""


def startup(bench: Bench) -> Iterator[Figure]:
    """Run `--version`, `validate` and `run` with one step, beside an empty Python."""
    file = bench.mission_file(Workload("one", 1), "noop")
    home = bench.fresh("startup")
    commands = {
        "--version": ["--version"],
        "validate, one step": ["validate", str(file)],
        "run, one step": ["run", str(file)],
    }
    limits = {"--version": 100.0, "validate, one step": 250.0, "run, one step": 400.0}

    def ours(arguments: list[str]) -> Cost:
        return measure([bench.mission, *arguments], cwd=home, env=environment(home))

    contenders = {name: partial(ours, arguments) for name, arguments in commands.items()}
    contenders["empty Python"] = partial(measure, python_command(""), cwd=home)
    for arguments in commands.values():  # compiles modules, and makes database and key
        ours(arguments)
    found = interleave(contenders, bench.pick(3, 9, 15))
    bare = found["empty Python"]
    yield Figure("empty Python, wall", bare.wall * 1e3, "ms")
    for name, limit in limits.items():
        series = found[name]
        yield Figure(f"{name}, wall", series.wall * 1e3, "ms", at_most(limit))
        yield Figure(f"{name}, CPU", series.cpu * 1e3, "ms")
        yield Figure(f"{name}, CPU by empty Python's", series.cpu / bare.cpu, "x")
    for name, arguments in commands.items():
        code = _LOADED.format(arguments=arguments, never=NEVER)
        loaded = subprocess.run(
            python_command(code),
            cwd=home,
            env={**surroundings(), **environment(home)},
            check=True,
            capture_output=True,
            text=True,
        ).stderr.splitlines()[-1]
        yield Figure(f"{name}: modules that draw or fetch", len(loaded.split()), "", at_most(0))
