"""Figures, their targets, and their output: a table, or JSON for comparing runs."""

import os
import platform
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measure import Spread

QUIET_LOAD_AVERAGE = 0.5
"""The one-minute load average above which wall times are unreliable."""


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a figure: `aim`, and `must` if a weaker value is acceptable."""

    aim: float
    must: float | None = None
    is_floor: bool = False
    """The figure is to be at least this, not at most."""

    def verdict(self, value: float) -> str:
        """Return `met`, `must met` (but not the aim) or `MISSED`."""
        if self._is_within(value, self.aim):
            return "met"
        if self.must is not None and self._is_within(value, self.must):
            return "must met"
        return "MISSED"

    def __str__(self) -> str:
        sign = "≥" if self.is_floor else "≤"
        text = f"{sign} {number(self.aim)}"
        return text if self.must is None else f"{text} (must {sign} {number(self.must)})"

    def _is_within(self, value: float, limit: float) -> bool:
        return value >= limit if self.is_floor else value <= limit


def at_most(aim: float, must: float | None = None) -> Target:
    """Return the target of a cost."""
    return Target(aim, must)


def at_least(aim: float, must: float | None = None) -> Target:
    """Return the target of a rate."""
    return Target(aim, must, is_floor=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. The unit `x` is a ratio of two values of the same run."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    least: float | None = None
    greatest: float | None = None
    """The extremes of several runs, of which `value` is the median."""

    @property
    def verdict(self) -> str:
        """The verdict on the figure; empty if it has no target."""
        return "" if self.target is None else self.target.verdict(self.value)


def figure(name: str, found: Spread, unit: str, target: Target | None = None) -> Figure:
    """Return the figure of several runs."""
    return Figure(name, found.middle, unit, target, found.least, found.greatest)


def number(value: float) -> str:
    """Return a value with three significant digits."""
    if value == 0:
        return "0"
    digits = max(0, 2 - int(f"{abs(value):e}".partition("e")[2]))
    return f"{value:,.{digits}f}" if digits < 3 or abs(value) >= 0.001 else f"{value:.2e}"


def table(figures: Sequence[Figure]) -> str:
    """Return figures as aligned lines: name, value, unit, spread, target, verdict."""
    rows = [
        (
            found.name,
            number(found.value),
            unit_text(found.unit),
            spread_text(found),
            str(found.target or ""),
            found.verdict,
        )
        for found in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}} {row[2]:<{widths[2]}}  "
        f"{row[3]:<{widths[3]}}  {row[4]:<{widths[4]}}  {row[5]}".rstrip()
        for row in rows
    )


def unit_text(unit: str) -> str:
    """Return a unit as it is shown."""
    return "×" if unit == "x" else unit


def spread_text(found: Figure) -> str:
    """Return the extremes of a figure, empty if it has none."""
    if found.least is None or found.greatest is None:
        return ""
    return f"{number(found.least)}–{number(found.greatest)}"


def load_average() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0]


def machine() -> dict[str, Any]:
    """Return the facts on which figures depend, without anything that identifies the machine."""
    return {
        "system": platform.system(),
        "kernel": platform.release().partition("-")[0],
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "optimised": sys.flags.optimize > 0,
    }


def as_json(results: Mapping[str, Sequence[Figure]]) -> dict[str, list[dict[str, Any]]]:
    """Return figures by benchmark as JSON data, with their verdicts."""
    return {
        name: [{**asdict(figure), "verdict": figure.verdict or None} for figure in figures]
        for name, figures in results.items()
    }
