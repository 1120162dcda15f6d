"""Measures a whole process: wall time, CPU time including its children, peak memory.

The peak is that of the largest single process (`ru_maxrss`), which on Linux begins with the peak of
the process that forks: whoever measures must stay small, so everything heavy runs in children.
"""

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 900.0


class MeasureError(Exception):
    """Raised when the measured command fails, so that its figures would be meaningless."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of a process: seconds of wall and CPU time, megabytes (2^20) at its peak."""

    wall: float
    cpu: float
    memory: float


def surroundings() -> dict[str, str]:
    """Return our environment without what keeps Python from using compiled modules, as users do."""
    hindering = {"PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME", "PYTHONDEVMODE"}
    return {name: value for name, value in os.environ.items() if name not in hindering}


def measure(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    out: Path | None = None,
) -> Cost:
    """Run a command to its end and return its cost; `MeasureError` unless it exits with 0.

    Its stdout goes to `out` or nowhere, its stderr into a file of `cwd`.
    """
    trouble = cwd / "stderr.txt"
    with (out or Path(os.devnull)).open("wb") as stdout, trouble.open("wb") as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**surroundings(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        limit = threading.Timer(TIMEOUT_SECONDS, process.kill)
        limit.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = trouble.read_text(errors="replace")[-800:]
        raise MeasureError(f"{' '.join(command)[:200]}: exit {process.returncode}\n{last}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several runs: the median, and the least and the greatest."""

    middle: float
    least: float
    greatest: float

    def times(self, factor: float) -> "Spread":
        """Return the same in another unit."""
        return Spread(self.middle * factor, self.least * factor, self.greatest * factor)


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and greatest."""
    return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Series:
    """Several runs of the same command."""

    runs: tuple[Cost, ...]

    @property
    def wall(self) -> Spread:
        """The wall times, in seconds."""
        return spread([run.wall for run in self.runs])

    @property
    def cpu(self) -> Spread:
        """The CPU times, in seconds."""
        return spread([run.cpu for run in self.runs])

    @property
    def memory(self) -> float:
        """Median of the peaks, in megabytes."""
        return statistics.median(run.memory for run in self.runs)

    def wall_by(self, other: "Series") -> Spread:
        """Return the ratios of the wall times, round by round."""
        return spread([a.wall / b.wall for a, b in zip(self.runs, other.runs, strict=False)])

    def cpu_by(self, other: "Series") -> Spread:
        """Return the ratios of the CPU times, round by round."""
        return spread([a.cpu / b.cpu for a, b in zip(self.runs, other.runs, strict=False)])


def interleave(
    contenders: Mapping[str, Callable[[], Cost]], rounds: int, *, at_most: Mapping[str, int] = {}
) -> dict[str, Series]:
    """Run all contenders in turn, `rounds` times, so that disturbances affect all of them.

    `at_most` names those that are too slow for that many rounds.
    """
    runs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            if number < at_most.get(name, rounds):
                runs[name].append(run())
    return {name: Series(tuple(found)) for name, found in runs.items()}
