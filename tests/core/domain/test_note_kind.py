"""Every kind of note that the program writes is declared, and every declared one is written."""

import ast
from collections.abc import Iterator
from pathlib import Path

from core.domain.events import NOTE_KINDS

ROOT = Path(__file__).parents[3]
PASSED_THROUGH = {"core/engine/engine_recorder.py", "core/audit/verify/rebuild.py"}
"""Where a kind is handed on that is declared, or read, elsewhere."""


def kinds_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expression of the kind of every note that is made in `tree`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "Noted":
            yield next(word.value for word in node.keywords if word.arg == "kind")
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "note" and node.args:
            yield node.args[0]


def texts_of(kind: ast.expr, tree: ast.AST) -> set[str]:
    """Return the texts a kind may be: a literal, a choice of two, or a name given such a value."""
    if isinstance(kind, ast.Constant):
        return {str(kind.value)}
    if isinstance(kind, ast.IfExp):
        return texts_of(kind.body, tree) | texts_of(kind.orelse, tree)
    assert isinstance(kind, ast.Name), ast.unparse(kind)
    values = [*_handed_to_a_function(kind.id, tree)]
    values += [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == kind.id for one in node.targets)
    ]
    assert values, f"nobody can tell what the kind {kind.id} is"
    return set().union(*(texts_of(value, tree) for value in values))


def _handed_to_a_function(name: str, tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what calls in the same file hand to a function whose parameter `name` is the kind."""
    places = {
        function.name: [one.arg for one in function.args.args].index(name)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and name in [one.arg for one in function.args.args]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = places.get(node.func.id)
            if place is not None and place < len(node.args):
                yield node.args[place]


def test_every_kind_of_note_that_is_written_is_declared_and_no_other() -> None:
    written: set[str] = set()
    for room in ("core", "storage", "tui"):
        for path in (ROOT / room).rglob("*.py"):
            if path.relative_to(ROOT).as_posix() in PASSED_THROUGH:
                continue
            tree = ast.parse(path.read_text())
            for kind in kinds_in(tree):
                written |= texts_of(kind, tree)
    assert written == NOTE_KINDS
