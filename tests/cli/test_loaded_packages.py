"""What each command may load: start-up is mostly imports, and one careless line doubles it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import environment
from tui.cli.commands_table import SECTIONS

OURS = {"core", "storage", "tui"}

FRAME = {
    "click",  # the command line
    "msgspec",  # records, JSON
    "typing_extensions",  # imported by msgspec
}
FILE = FRAME | {
    "yaml",  # reads mission files
    "cython_runtime",  # its C part
}
TEMPLATES = {"minijinja", "markupsafe"}  # renders, and marks what is safe
RECORDS = FRAME | {"sqlite3"}
WAITS = RECORDS | {"asyncio"}  # which loads ssl and concurrent.futures, a seventh of a short run
RUNS = FILE | WAITS | {
    "aiosqlite",  # the writing connection
    "cryptography",  # signs the audit log
}  # fmt: skip
MODELS = FRAME | {
    "pydantic",  # the models of step types, for all that is not plain or is to be described
    "pydantic_core",
    "annotated_types",
    "typing_inspection",
    "asyncio",  # the modules of step types run steps as well
    "sqlite3",
}

MAY_LOAD = {
    "--version": set[str](),
    "--help": FRAME,
    "version": FRAME,
    "help ls": RECORDS,
    "completion bash": FRAME | {"sqlite3"},
    "explain retry": FRAME,
    "validate plain.yaml": FILE,
    "validate command.yaml": FILE,
    "validate templates.yaml": FILE | TEMPLATES,
    "graph plain.yaml": FILE,
    "plan plain.yaml": FILE | {"asyncio"},
    "schema": MODELS,
    "init new.yaml": MODELS,
    "examples": MODELS | FILE | TEMPLATES | {"re2", "sample_missions"},
    "run plain.yaml": RUNS,
    "run command.yaml": RUNS | {"ctypes"},  # prctl(2), for the supervisor
    "run templates.yaml": RUNS | TEMPLATES | {"ctypes"},
    "exec true": RUNS | {"ctypes"},
    "ls": RECORDS,
    "show plain": RECORDS,
    "logs plain": RECORDS,
    "artifacts plain": RECORDS,
    "events plain": RECORDS,
    "why plain a": RECORDS | FILE,  # the mission, as it was recorded
    "diff plain plain": RECORDS | FILE,
    "history plain a": RECORDS,
    "watch plain": WAITS,
    "rerun plain": RUNS,
    "retry plain": WAITS | FILE,
    "resume plain": WAITS,
    "cancel plain": WAITS | FILE,
    "pause plain": WAITS,
    "queue": RECORDS,
    "hold plain": WAITS,
    "release plain": WAITS,
    "approve plain a": WAITS,
    "reject plain a": WAITS,
    "secrets list": FRAME,
    "policy show": FRAME,
    "policy test plain.yaml": FILE | {"asyncio"},
    "policy explain plain a": RECORDS | FILE | {"asyncio"},
    "audit verify": RECORDS | {"cryptography"},
    "audit anchor --tsa-response x --tsa-ca y": RECORDS | {"asyncio"},
    "db check": RECORDS,
    "schedule list": FRAME | FILE,
    "doctor": RECORDS
    | {"cryptography"},  # it checks the note of what was verified, if there is one
    "worker --help": FRAME,
}
"""The packages beyond the standard library, and its slow modules, by command."""

SLOW = {"asyncio", "ssl", "sqlite3", "ctypes", "multiprocessing", "unittest", "xml"}
"""Modules of the standard library that a command loads only for a reason."""

ELSEWHERE = {"open"}
"""Commands that are measured otherwise: they need a terminal and load the screen."""

SAYS_WHAT_WAS_LOADED = """
import sys
at_start = set(sys.modules)
import tui.cli.main
sys.argv = ["mission", *sys.argv[1:]]
try:
    tui.cli.main.entry()
except SystemExit:
    pass
sys.stderr.write("\\n" + " ".join(name for name in sys.modules if name not in at_start))
"""

NOOP = "version: '1.0'\nname: plain\nsteps: [{id: a, name: A, step_type: noop}]\n"


def named(name: str) -> str:
    """Return the mission of one no-op step under another name."""
    return NOOP.replace("name: plain", f"name: {name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with missions, one of which has run."""
    made = tmp_path_factory.mktemp("loaded")
    (made / "plain.yaml").write_text(NOOP)
    process = "step_type: command, parameters: {command: 'true'}"
    (made / "command.yaml").write_text(named("command").replace("step_type: noop", process))
    text = "step_type: log, parameters: {message: '{{ steps.b.output.stdout | trim }}'}"
    more = "depends_on: [b]}, {id: b, name: B, step_type: script, parameters: {script: 'exit 0'}}"
    templated = named("templates").replace("step_type: noop}", f"{text}, {more}")
    (made / "templates.yaml").write_text(templated)
    loaded_by("run plain.yaml", made)
    return made


def loaded_by(command: str, folder: Path) -> set[str]:
    """Run a command; return the names of the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SAYS_WHAT_WAS_LOADED, *command.split()],
        cwd=folder,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("command", MAY_LOAD)
def test_a_command_loads_nothing_that_it_does_not_need(command: str, folder: Path) -> None:
    standard = sys.stdlib_module_names - SLOW
    packages = {name.partition(".")[0] for name in loaded_by(command, folder)}
    loaded = {name for name in packages if not name.startswith("_")}
    beyond = loaded - standard - OURS - MAY_LOAD[command]
    if "asyncio" in MAY_LOAD[command]:
        beyond -= {"ssl"}  # asyncio always imports it
    assert beyond == set()


@pytest.mark.parametrize("command", ["ls", "show plain", "logs plain", "events plain"])
def test_a_command_that_reads_loads_no_engine_and_no_rules(command: str, folder: Path) -> None:
    rooms = {".".join(name.split(".")[:2]) for name in loaded_by(command, folder)}
    assert rooms & {"core.engine", "core.runner", "core.security", "core.steps"} == set()


def test_every_command_is_in_the_table() -> None:
    commands = {name for section in SECTIONS.values() for name in section}
    assert commands - ELSEWHERE == {
        command.split()[0] for command in MAY_LOAD if not command.startswith("-")
    }
