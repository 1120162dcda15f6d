"""Other tools that run a graph of commands, as contenders of a measurement.

Each gets the graph of a workload in its own form, and starts the same program for each step. Those
that are on PATH or in `.bench/peers/NAME/bin` take part; none but ninja is installed:

    python -m venv .bench/peers/doit && .bench/peers/doit/bin/pip install doit
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.workload import TRUE, Workload

Write = Callable[[str, Workload, Path, int], Sequence[str]]
"""Writes a workload into a folder, for a number of jobs at once; returns the command to run."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One tool. `rounds` and `steps` bound what a slow one is measured with."""

    name: str
    program: str
    write: Write
    rounds: int = 100
    steps: int = 1_000_000

    def find(self, folder: Path) -> str | None:
        """Return the path of its program: from PATH, else below `folder`; None if absent."""
        beside = folder / self.name / "bin"
        return shutil.which(self.program) or shutil.which(self.program, path=str(beside))


def _ninja(program: str, load: Workload, folder: Path, jobs: int) -> Sequence[str]:
    load.write_ninja(folder)
    return [program, f"-j{jobs}", "--quiet"]


def _make(program: str, load: Workload, folder: Path, jobs: int) -> Sequence[str]:
    load.write_make(folder)
    return [program, f"-j{jobs}", "all"]


_DODO = """
import json
steps = json.load(open("steps.json"))
DOIT_CONFIG = {"verbosity": 0, "reporter": "zero", "backend": "sqlite3"}
def task_all():
    return {"actions": None, "task_dep": [name for name, _ in steps]}
def task_step():
    for name, needs in steps:
        yield {"basename": name, "actions": [[TRUE]], "task_dep": needs}
"""


def _doit(program: str, load: Workload, folder: Path, jobs: int) -> Sequence[str]:
    _write_steps(load, folder)
    (folder / "dodo.py").write_text(_DODO.replace("TRUE", repr(TRUE)))
    return [program, "run", "-n", str(jobs), "-P", "thread", "all"]


_SNAKEFILE = """
import json
steps = json.load(open("steps.json"))
rule all:
    input: ["out/" + name for name, _ in steps]
for name, needs in steps:
    rule:
        name: name
        input: ["out/" + need for need in needs]
        output: touch("out/" + name)
        shell: "TRUE"
"""


def _snakemake(program: str, load: Workload, folder: Path, jobs: int) -> Sequence[str]:
    _write_steps(load, folder)
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "Snakefile").write_text(_SNAKEFILE.replace("TRUE", TRUE))
    return [program, "--cores", str(jobs), "--quiet", "all", "--nolock"]


_DBOS = """
import asyncio, json, sys
from dbos import DBOS
jobs, steps = int(sys.argv[1]), json.load(open("steps.json"))
DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite",
             "log_level": "ERROR", "run_admin_server": False})
@DBOS.step()
async def step(name):
    process = await asyncio.create_subprocess_exec(TRUE)
    if await process.wait():
        raise RuntimeError(name)
@DBOS.workflow()
async def mission():
    ended, waiting = set(), dict(steps)
    while waiting:  # DBOS has no graph: layer by layer, in an order that a replay repeats
        ready = [name for name, needs in waiting.items() if ended.issuperset(needs)]
        for at in range(0, len(ready), jobs):
            await asyncio.gather(*map(step, ready[at:at + jobs]))
        ended.update(ready)
        for name in ready:
            del waiting[name]
async def main():
    await (await DBOS.start_workflow_async(mission)).get_result()
DBOS.launch()
asyncio.run(main())
DBOS.destroy()
"""


def _dbos(program: str, load: Workload, folder: Path, jobs: int) -> Sequence[str]:
    _write_steps(load, folder)
    for path in folder.glob("dbos.sqlite*"):
        path.unlink()
    (folder / "run.py").write_text(_DBOS.replace("TRUE", repr(TRUE)))
    return [str(Path(program).with_name("python")), "run.py", str(jobs)]


def _write_steps(load: Workload, folder: Path) -> None:
    steps = [(name, list(needs)) for name, needs in load.steps()]
    (folder / "steps.json").write_text(json.dumps(steps))


PEERS: Mapping[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("ninja", "ninja", _ninja),
        Peer("make", "make", _make),
        Peer("doit", "doit", _doit, rounds=3, steps=1_000),
        Peer("snakemake", "snakemake", _snakemake, rounds=2, steps=1_000),
        Peer("DBOS", "dbos", _dbos, rounds=2, steps=1_000),
    )
}
"""By name, those that the targets name first."""
