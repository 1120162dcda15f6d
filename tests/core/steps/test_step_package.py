import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import step_type as interface
from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.mission_file.load import load_mission
from core.step_type.registry import (
    GROUP,
    forget_step_types,
    step_type,
    step_type_names,
)
from tests.support.step_run import StepRunner

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "tests" / "example_step_package"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages as pip would, without pip: a dist-info folder beside the modules."""

    def put(folder: Path, name: str, entries: dict[str, str]) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{key} = {value}\n" for key, value in entries.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.syspath_prepend(str(folder))
        forget_step_types()

    yield put
    monkeypatch.undo()
    for module in [name for name in sys.modules if name.startswith("example_steps")]:
        del sys.modules[module]
    forget_step_types()


@pytest.fixture
def example(install: Install) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    install(PACKAGE, project["name"], project["entry-points"][GROUP])


def test_an_installed_package_adds_a_step_type(example: None, tmp_path: Path) -> None:
    assert "shout" in step_type_names()
    steps = StepRunner(tmp_path)
    assert steps.ok("shout", text="go", times=2) == {"shouted": "GO GO"}
    assert steps.logs == [(LogLevel.INFO, "GO GO")]
    assert steps.run("shout", text=" ").reason_code is Reason.STEP_ERROR
    assert steps.describe("shout", text="go") == "would shout 'go'"


def test_a_mission_with_an_installed_type_is_checked_like_any_other(example: None) -> None:
    text = """
version: "1.0"
name: loud
steps:
  - {id: a, name: A, step_type: Shout, parameters: {text: go, times: 99}}
"""
    found = load_mission(text)
    assert [(error.line, str(error.code)) for error in found.diagnostics] == [(5, "BAD_PARAMETER")]
    assert load_mission(text.replace("99", "9")).ok


def test_without_the_package_there_is_no_such_type() -> None:
    forget_step_types()
    assert step_type("shout") is None
    assert "shout" not in step_type_names()


# --- the public interface -----------------------------------------------------------------------


def test_every_public_name_can_be_imported_and_is_documented() -> None:
    page = (ROOT / "docs" / "step-types.md").read_text("utf-8")
    table = page.partition("## The interface")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(rows))) == sorted(interface.__all__)
    for name in interface.__all__:
        assert getattr(interface, name) is not None


def test_the_interface_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="StepFailedError"):
        interface.StepFailedError  # noqa: B018 - the access is what is tested


def test_the_example_package_imports_only_the_public_interface() -> None:
    imported: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    ours = {name for name in imported if name.split(".")[0] in {"core", "storage", "tui"}}
    assert ours == {"core.step_type"}


def test_the_page_shows_the_example_package_as_it_is() -> None:
    page = (ROOT / "docs" / "step-types.md").read_text("utf-8")
    for file in ("pyproject.toml", "example_steps/shout.py"):
        assert (PACKAGE / file).read_text("utf-8") in page


def test_the_registry_is_loaded_without_the_models() -> None:
    code = "import sys, core.step_type.registry; print('pydantic' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
