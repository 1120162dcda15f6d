"""The versions that are installed: what is locked, what is tested, on which Pythons."""

import os
from pathlib import Path

import pytest

from tests.tools import dependencies, pythons
from tests.tools.pythons import Interpreter

GOOD = Interpreter("/opt/python3.12", "3.12.1", complete=True)
SAME = Interpreter("/opt/python3.12", "3.12.1", complete=True)
NEWER = Interpreter("/usr/bin/python3.13", "3.13.0", complete=True)
OLD = Interpreter("/usr/bin/python3.8", "3.8.18", complete=True)
BARE = Interpreter("/usr/bin/python3.11", "3.11.2", complete=False)


def test_every_direct_package_has_a_lower_bound_and_an_exact_version() -> None:
    project = dependencies.read_project()
    wanted = dependencies.requirements(project, "test", "dask", "dev")
    assert len(dependencies.lowest(wanted)) == len(wanted)
    locked = dependencies.CONSTRAINTS.read_text("utf-8").splitlines()
    names = {line.partition("==")[0] for line in locked if not line.startswith("#")}
    assert {dependencies.name_of(one) for one in wanted} <= names


def test_the_constraints_are_exact_and_name_no_address() -> None:
    for line in dependencies.CONSTRAINTS.read_text("utf-8").splitlines():
        assert line.startswith("#") or ("==" in line and "/" not in line and "@" not in line)


def test_a_package_whose_version_depends_on_the_python_gets_markers() -> None:
    assert dependencies.merge({"3.11": {"b": "1", "a": "1"}, "3.12": {"b": "2"}}) == [
        "a==1",
        'b==1 ; python_version == "3.11"',
        'b==2 ; python_version == "3.12"',
    ]


def test_the_lowest_version_is_that_of_the_bound() -> None:
    assert dependencies.lowest(["Types_X[y]>=1.2,<3", "b >= 4"]) == ["b==4", "types-x==1.2"]
    with pytest.raises(ValueError, match="no lower bound"):
        dependencies.lowest(["c<2"])


def test_each_supported_python_is_chosen_once_and_the_others_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found: list[tuple[str, pythons.Interpreter | str]] = [
        ("a", NEWER), ("b", GOOD), ("c", SAME), ("d", OLD), ("e", BARE), ("f", "does not work: x")
    ]  # fmt: skip
    assert pythons.choose(found, ["3.11", "3.12", "3.13"]) == [GOOD, NEWER]
    assert capsys.readouterr().out.splitlines() == [
        "skipped c: the same as /opt/python3.12",
        "skipped d: Python 3.8.18 is not supported",
        "skipped e: Python 3.11.2 cannot make environments: it has no venv or ensurepip",
        "skipped f: does not work: x",
    ]


def test_pythons_are_looked_for_on_path_and_below_pyenv(tmp_path: Path) -> None:
    for folder in ("on_path", "root/versions/3.12.1/bin"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("python3.12", "python3-config", "pythonic"):
            (tmp_path / folder / name).write_text("#!/bin/sh\n")
            (tmp_path / folder / name).chmod(0o755)
    (tmp_path / "on_path" / "python3").write_text("not executable")
    environ = {"PATH": f"{tmp_path}/on_path:/nowhere", "PYENV_ROOT": f"{tmp_path}/root"}
    assert pythons.candidates(environ) == [
        f"{tmp_path}/on_path/python3.12",
        f"{tmp_path}/root/versions/3.12.1/bin/python3.12",
    ]
    assert pythons.candidates({**environ, "PYTHONS": "x /y:z"}) == ["x", "/y", "z"]


def test_a_shim_that_fails_is_no_python(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'pyenv: not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert pythons.probe(str(shim)) == "does not work: pyenv: not found"
    assert pythons.probe(str(tmp_path / "none")) == "there is no such program"


def test_this_python_is_found_as_what_it_really_is(tmp_path: Path) -> None:
    import sys

    link = tmp_path / "python3"
    link.symlink_to(sys.executable)
    found = pythons.probe(sys.executable)
    assert isinstance(found, Interpreter)
    assert found.path == os.path.realpath(sys.executable)
    assert pythons.probe(str(link)) == found
