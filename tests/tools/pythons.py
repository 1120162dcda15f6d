"""Runs the suite on every supported Python of this machine, one after another.

    python tests/tools/pythons.py [PYTEST ARGUMENT ...]

Looked through are the interpreters of `PYTHONS` (paths or names, separated by spaces or colons) if
it is set, else those of PATH and of `$PYENV_ROOT/versions`. What does not start, is not supported
or is another name of the same interpreter is skipped, and it says so. Needs the standard library
alone. The environments are kept in `.venvs/`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".venvs"
_NAME = re.compile(r"python3?(\.\d+)?")
_PROBE = """
import json, os, sys
base = getattr(sys, "_base_executable", None) or sys.executable
try:
    import ensurepip, venv
    complete = True
except ImportError:
    complete = False
print(json.dumps([os.path.realpath(base), ".".join(map(str, sys.version_info[:3])), complete]))
"""
_PROBE_SECONDS = 30


class Interpreter(NamedTuple):
    """A Python that starts: where it really is, its version, whether it can make environments."""

    path: str
    version: str
    complete: bool


def candidates(environ: dict[str, str]) -> list[str]:
    """Return what may be a Python, by name or path, in the order it is looked at."""
    named = environ.get("PYTHONS", "")
    if named.strip():
        return [shutil.which(name) or name for name in re.split(r"[\s:]+", named.strip())]
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    root = Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders += sorted((root / "versions").glob("*/bin"))
    return [str(found) for folder in folders for found in _pythons_in(folder)]


def _pythons_in(folder: Path) -> Iterator[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:  # PATH may name what is not there
        return
    for path in paths:
        if _NAME.fullmatch(path.name) and os.access(path, os.X_OK):
            yield path


def probe(candidate: str) -> Interpreter | str:
    """Start a Python and return what it is, or why it is none."""
    try:
        done = subprocess.run(
            [candidate, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Interpreter(*json.loads(done.stdout))
    except FileNotFoundError:
        return "there is no such program"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not start: {error}"
    except ValueError:
        told = (done.stderr or done.stdout).strip().splitlines()
        return f"does not work: {told[0] if told else f'exit code {done.returncode}'}"


def choose(found: list[tuple[str, Interpreter | str]], supported: list[str]) -> list[Interpreter]:
    """Return each supported interpreter once, oldest first; say of each other why not."""
    chosen: dict[str, Interpreter] = {}
    for candidate, answer in found:
        if isinstance(answer, str):
            reason = answer
        elif answer.path in chosen:
            reason = f"the same as {answer.path}"
        elif answer.version.rpartition(".")[0] not in supported:
            reason = f"Python {answer.version} is not supported"
        elif not answer.complete:
            reason = (
                f"Python {answer.version} cannot make environments: it has no venv or ensurepip"
            )
        else:
            chosen[answer.path] = answer
            continue
        print(f"skipped {candidate}: {reason}", flush=True)
    return sorted(chosen.values(), key=lambda one: [int(part) for part in one.version.split(".")])


def supported_versions() -> list[str]:
    """Return the versions that pyproject.toml names, read without a TOML parser."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return re.findall(r'"Programming Language :: Python :: (\d+\.\d+)"', text)


def run_suite(python: Interpreter, arguments: list[str]) -> bool:
    """Install the locked versions beside `python` and run the suite; tell whether it passed."""
    print(f"== Python {python.version}, {python.path}", flush=True)
    done = subprocess.run(
        [
            "make", "--no-print-directory", "suite", f"PYTHON={python.path}",
            f"ENVIRONMENT={ENVIRONMENTS / environment_name(python)}", "CONSTRAINTS=constraints.txt",
            f"SUITE={' '.join(arguments)}",
        ],
        cwd=ROOT,
        check=False,
    )  # fmt: skip
    return done.returncode == 0


def environment_name(python: Interpreter) -> str:
    """Return a folder name for an interpreter: two of one version are told apart by their place."""
    place = re.sub(r"\W+", "-", str(Path(python.path).parent)).strip("-")
    return f"{python.version}-{place}"


def main() -> None:
    """Find the interpreters, run the suite on each; exit with 1 if one failed or there is none."""
    names = {os.path.realpath(name): name for name in reversed(candidates({**os.environ}))}
    found = [(name, probe(name)) for name in reversed(names.values())]
    chosen = choose(found, supported_versions())
    if not chosen:
        sys.exit("no supported Python was found: PYTHONS names some")
    results = [(python, run_suite(python, sys.argv[1:])) for python in chosen]
    print("== every supported Python of this machine")
    for python, passed in results:
        print(f"{'passed' if passed else 'FAILED'}  {python.version}  {python.path}")
    sys.exit(not all(passed for _, passed in results))


if __name__ == "__main__":
    main()
