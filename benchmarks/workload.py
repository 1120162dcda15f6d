"""Workloads: missions for measurements, and the same graphs as ninja and make files.

A workload is named by its shape and size: `one`, `chain_1000` (each step needs the one before),
`wide_1000` (no step needs another), `layered_1000` (layers of up to 100, each step needs two or
three of the layer before, by a fixed seed). The graph depends on the name alone. Files are written
step by step: the size of a workload must not show in the memory of whoever measures.
"""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

SEED = 20_260
LAYER = 100
TRUE = shutil.which("true") or "/bin/true"
"""The program that every contender starts: by its path, since shells have a `true` of their own."""

SHAPES = ("one", "chain", "wide", "layered")

Step = tuple[str, tuple[str, ...]]
"""A step's id and the ids of the steps it needs."""

KINDS: dict[str, dict[str, Any]] = {
    "noop": {"step_type": "noop"},
    "true": {"step_type": "command", "parameters": {"command": TRUE}},
    "wait": {"step_type": "wait", "parameters": {"seconds": 0.1}},
}
"""What each step of a workload does, as keys of a step in a mission file."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A graph by shape and number of steps."""

    shape: str
    size: int

    @classmethod
    def named(cls, name: str) -> "Workload":
        """Return the workload called `one` or SHAPE_SIZE; `ValueError` for any other name."""
        shape, _, size = name.partition("_")
        if shape not in SHAPES or (shape == "one") != (not size):
            raise ValueError(f"no workload is called {name}: try one, chain_N, wide_N, layered_N")
        return cls(shape, int(size or 1))

    @property
    def name(self) -> str:
        """The name it is found by."""
        return self.shape if self.shape == "one" else f"{self.shape}_{self.size}"

    def steps(self) -> Iterator[Step]:
        """Yield the steps, each behind all that it needs."""
        chance = random.Random(SEED)
        width = min(LAYER, self.size)
        for number in range(self.size):
            needs: list[int] = []
            if self.shape == "chain" and number:
                needs = [number - 1]
            elif self.shape == "layered" and number >= width:
                first = (number // width - 1) * width
                count = min(width, chance.choice((2, 3)))
                needs = sorted(first + place for place in chance.sample(range(width), count))
            yield _id(number), tuple(map(_id, needs))

    def write_mission(self, path: Path, kind: str, *, parallel_limit: int = 4) -> Path:
        """Write a mission file, YAML or JSON by the path's suffix, and return the path."""
        with path.open("w", encoding="ascii") as file:
            write = _write_json if path.suffix == ".json" else _write_yaml
            write(file, self, KINDS[kind], parallel_limit)
        return path

    def write_ninja(self, folder: Path) -> Path:
        """Write `build.ninja`: every step runs `true`, whose output never comes to exist.

        ninja starts it through the shell, which has a `true` of its own: the path avoids that.
        """
        path = folder / "build.ninja"
        with path.open("w", encoding="ascii") as file:
            file.write(f"rule step\n  command = {TRUE}\n")
            for name, needs in self.steps():
                file.write(" ".join((f"build {name}: step", *needs)) + "\n")
        return path

    def write_make(self, folder: Path) -> Path:
        """Write a `Makefile` of phony targets: make starts `true` without a shell."""
        path = folder / "Makefile"
        with path.open("w", encoding="ascii") as file:
            names = " ".join(name for name, _ in self.steps())
            file.write(f"MAKEFLAGS += -rR\nall: {names}\n.PHONY: all {names}\n")
            for name, needs in self.steps():
                file.write(f"{name}: {' '.join(needs)}\n\t@{TRUE}\n")
        return path


def _id(number: int) -> str:
    return f"s{number:06d}"


def _write_json(file: TextIO, load: Workload, kind: dict[str, Any], limit: int) -> None:
    file.write('{"version": "1.0", "name": "' + load.name.replace("_", "-") + '",\n')
    file.write(f'"config": {{"parallel_limit": {limit}}},\n"steps": [\n')
    for number, (name, needs) in enumerate(load.steps()):
        step = {"id": name, "name": f"Step {name}", **kind}
        if needs:
            step["depends_on"] = list(needs)
        file.write((",\n" if number else "") + json.dumps(step))
    file.write("\n]}\n")


def _write_yaml(file: TextIO, load: Workload, kind: dict[str, Any], limit: int) -> None:
    """Write the form people write: block style, one key a line, short lists in brackets."""
    parameters: dict[str, Any] = kind.get("parameters", {})
    file.write(f'version: "1.0"\nname: {load.name.replace("_", "-")}\n')
    file.write(f"config:\n  parallel_limit: {limit}\nsteps:\n")
    for name, needs in load.steps():
        file.write(f"  - id: {name}\n    name: Step {name}\n    step_type: {kind['step_type']}\n")
        if needs:
            file.write(f"    depends_on: [{', '.join(needs)}]\n")
        if parameters:
            file.write("    parameters:\n")
            # in quotes: "true" is a command here, not a truth value
            lines = (f"      {key}: {json.dumps(value)}\n" for key, value in parameters.items())
            file.writelines(lines)
