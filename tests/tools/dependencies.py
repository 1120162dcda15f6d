"""The versions of the packages this program is installed with.

    python -m tests.tools.dependencies lock      write constraints.txt anew, from the newest
    python -m tests.tools.dependencies lowest    print the lowest version of each direct package

Both read what is needed from pyproject.toml and leave the resolving to pip.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
BUILDING = ("editables",)
"""What an editable installation needs beside the build system of pyproject.toml."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LOWER = re.compile(r">=\s*([^,;\s]+)")
_PYTHON = "Programming Language :: Python :: "
_HEADER = """\
# The exact versions that `make setup` installs. Written by `make lock`: do not edit.
# Nothing here is required, pyproject.toml says what is: these are constraints of pip.
"""


def read_project() -> dict[str, Any]:
    """Return pyproject.toml as it is."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def supported_pythons(project: Mapping[str, Any]) -> list[str]:
    """Return the versions of Python that are supported, oldest first: `3.11`."""
    found = (
        text.removeprefix(_PYTHON)
        for text in project["project"]["classifiers"]
        if text.startswith(_PYTHON)
    )
    return sorted(found, key=lambda text: tuple(map(int, text.split("."))))


def requirements(project: Mapping[str, Any], *extras: str) -> list[str]:
    """Return what the program needs directly, and what these extras add to it."""
    optional = project["project"]["optional-dependencies"]
    found = list(project["project"]["dependencies"])
    for extra in extras:
        found += [one for one in optional[extra] if not one.startswith("missiondeck[")]
    return found


def name_of(requirement: str) -> str:
    """Return the normalised name of the package a requirement is about."""
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} names no package")
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def lowest(wanted: Iterable[str]) -> list[str]:
    """Return a constraint to the lowest allowed version for each requirement.

    Raises `ValueError` for one without a lower bound: nobody could say what was tested.
    """
    pins = []
    for requirement in wanted:
        bound = _LOWER.search(requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} has no lower bound")
        pins.append(f"{name_of(requirement)}=={bound[1]}")
    return sorted(pins)


def merge(versions: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return constraints from what was resolved for each Python, `{"3.11": {name: version}}`.

    A package whose version depends on the Python gets a line with a marker for each.
    """
    lines = []
    for name in sorted({name for found in versions.values() for name in found}):
        by_python = {python: found[name] for python, found in versions.items() if name in found}
        if len(set(by_python.values())) == 1:
            lines.append(f"{name}=={next(iter(by_python.values()))}")
        else:
            lines += [
                f'{name}=={version} ; python_version == "{python}"'
                for python, version in by_python.items()
            ]
    return lines


def resolve(wanted: Iterable[str], python: str) -> dict[str, str]:
    """Return the newest versions that pip finds for one version of Python, by name."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        subprocess.run(
            [
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--dry-run", "--ignore-installed", "--only-binary", ":all:",
                "--python-version", python, "--target", folder, "--report", report, *wanted,
            ],
            check=True,
        )  # fmt: skip
        installed = json.loads(report.read_text("utf-8"))["install"]
    return {name_of(one["metadata"]["name"]): one["metadata"]["version"] for one in installed}


def lock() -> None:
    """Write the constraints file anew."""
    project = read_project()
    wanted = [
        *project["build-system"]["requires"],
        *BUILDING,
        *requirements(project, "test", "dask", "dev"),
    ]
    versions = {}
    for python in supported_pythons(project):
        print(f"resolving for Python {python}", file=sys.stderr)
        versions[python] = resolve(wanted, python)
    CONSTRAINTS.write_text(_HEADER + "\n".join(merge(versions)) + "\n", "utf-8")
    print(f"wrote {CONSTRAINTS.name}", file=sys.stderr)


def main() -> None:
    """Do what the first argument says."""
    if sys.argv[1:] == ["lock"]:
        lock()
    elif sys.argv[1:] == ["lowest"]:
        print("\n".join(lowest(requirements(read_project(), "test"))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
