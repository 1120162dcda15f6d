"""docs/requirements.md: its rows are complete, and what they name exists."""

import ast
import re
from functools import cache

from tests.support.shared import ROOT, shared_path

PAGE = ROOT / "docs" / "requirements.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file, methods of classes among them."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def rows() -> list[list[str]]:
    """Return the cells of every row of the tables of requirements."""
    text = PAGE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] != "requirement"]


def test_every_requirement_says_where_it_lives_and_is_shown_or_waits() -> None:
    assert len(rows()) > 100
    for row in rows():
        assert len(row) == 3, row
        requirement, place, shown = row
        assert requirement
        assert place
        assert NAMED.search(shown) or shown.startswith("waits for"), row


def test_every_test_named_in_the_table_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 100
    missing = [f"{file}::{name}" for file, name in named if name not in functions_of(file)]
    assert missing == []


def test_every_module_named_in_the_table_exists() -> None:
    for row in rows():
        for path in re.findall(r"`((?:core|storage|tui|docs|benchmarks)/[\w./]+)`", row[1]):
            assert (ROOT / path).exists(), path


def test_what_waits_waits_for_something_that_is_named_below() -> None:
    text = PAGE.read_text(encoding="utf-8")
    waiting = {
        part
        for row in rows()
        for found in re.findall(r"waits for ([\w ,-]+)", row[2])
        for part in re.split(r", | and ", found.strip())
    }
    below = text.partition("## What waits")[2]
    assert set(re.findall(r"\*\*(\w+)\*\*", below)) == waiting
    assert ("Nothing" in below) is not bool(waiting)


def test_every_attribute_and_scenario_of_the_specifications_has_a_row() -> None:
    model = shared_path("seeds/data-model-mission-engine.md").read_text(encoding="utf-8")
    spec = shared_path("seeds/execution-data-model-spec.md").read_text(encoding="utf-8")
    first = [row[0] for row in rows()]
    for entity, body in re.findall(
        r"^### (\w+)\n(.*?)(?=^### |^## )", model, re.MULTILINE | re.DOTALL
    ):
        for attribute in re.findall(r"^- `(\w+)`:", body, re.MULTILINE):
            assert any(row.startswith(f"{entity}: `{attribute}`") for row in first), attribute
    for title in re.findall(r"^#### Scenario: (.*)$", spec, re.MULTILINE):
        assert any(title in row for row in first), title
