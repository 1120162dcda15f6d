"""The modules, functions and files that the documents name exist, and their map is complete."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.tools.source_tree import ROOT, modules, syntax_tree

PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
NAME = re.compile(r"(?<![\w./-])(?:core|storage|tui)(?:\.\w+)+")
PATH = re.compile(r"(?<![\w./-])(?:core|storage|tui|tests|docs|benchmarks)(?:/[\w.-]*\w)+")
TESTS_OF_REQUIREMENTS = re.compile(r"`[\w/]+\.py::\w+`")
"""Relative to `tests`; test_requirements_page looks at them."""
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PLANNED = "## Where planned features belong"


def without_plans(page: Path) -> str:
    """Return the text of a page without the section on what does not exist yet."""
    text = TESTS_OF_REQUIREMENTS.sub("", page.read_text("utf-8"))
    before, _, after = text.partition(PLANNED)
    return before + after[after.find("\n## ") :] if after else text


def is_defined(name: str) -> bool:
    """Tell whether a dotted name is that of a module, or of what a module defines at its top."""
    if name in modules():
        return True
    module, _, member = name.rpartition(".")
    if module not in modules():
        return False
    for node in syntax_tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == member:
                return True
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if member in {ast.unparse(target) for target in targets}:
                return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    text = without_plans(page)
    names = [name.removesuffix(".py") for name in NAME.findall(text) if not name.endswith(".md")]
    assert [name for name in names if not is_defined(name)] == []
    paths = [path for path in PATH.findall(text) if not PLACEHOLDER.search(path)]
    gone = [
        path for path in paths if not any((ROOT / f"{path}{end}").exists() for end in ("", ".py"))
    ]
    assert gone == []


def test_names_are_told_apart() -> None:
    assert is_defined("core.planning.retry")
    assert is_defined("core.planning.retry.is_retryable")
    assert is_defined("core.domain.states.TRANSITIONS")
    assert not is_defined("core.planning.again")
    assert not is_defined("core.planning.retry.is_again")


@pytest.mark.parametrize("package", ["core", "storage", "tui"])
def test_the_tables_of_rooms_have_the_layers_of_the_import_contract(package: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [layers] = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [package]
    ]
    table = ARCHITECTURE.read_text("utf-8").partition(f"| {package}, from the top |")[2]
    rows = table.partition("\n\n")[0].splitlines()[2:]
    rooms = [sorted(re.findall(r"`(\w+)`", row.split(" | ")[0])) for row in rows]
    assert rooms == [sorted(layer.split(" | ")) for layer in layers]
