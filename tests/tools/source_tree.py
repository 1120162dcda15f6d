"""What the sources of the program say about themselves: modules, their imports, their calls."""

import ast
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "storage", "tui")


@cache
def modules() -> Mapping[str, Path]:
    """Return the file of each module by its dotted name; a package is named like its folder."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def syntax_tree(name: str) -> ast.Module:
    """Return the parsed source of a module."""
    return ast.parse(modules()[name].read_text("utf-8"))


def imports_of(name: str) -> set[str]:
    """Return the modules of the program that one imports: at the top, for types, in functions."""
    known = modules()
    found: set[str] = set()
    for node in ast.walk(syntax_tree(name)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                member = f"{node.module}.{alias.name}"
                found.add(member if member in known else node.module)
    return {one for one in found if one in known} - {name}


def cycles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, by Tarjan's algorithm, each sorted."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(imports.get(name, ())):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            at = stack.index(name)
            component = sorted(stack[at:])
            del stack[at:]
            if len(component) > 1:
                found.append(component)

    for name in imports:
        if name not in order:
            visit(name)
    return found


@cache
def calls(name: str) -> list[tuple[str, list[str]]]:
    """Return the function around each call of a module, and the parts of the name that is called.

    The function is "" at the top of the module; parts have no leading underscores.
    """
    found: list[tuple[str, list[str]]] = []

    def walk(node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            inside = function
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = child.name
            elif isinstance(child, ast.Call):
                parts = ast.unparse(child.func).split(".")
                found.append((function, [part.lstrip("_") for part in parts]))
            walk(child, inside)

    walk(syntax_tree(name), "")
    return found


def callers(called: str) -> list[tuple[str, str]]:
    """Return each call of `NAME` or `OWNER.NAME` as (module, function around it).

    An attribute counts under its name with or without a leading underscore.
    """
    wanted = called.split(".")
    return [
        (name, function)
        for name in modules()
        for function, callee in calls(name)
        if callee[-len(wanted) :] == wanted
    ]


def attribute_users(attribute: str) -> list[str]:
    """Return the modules that read an attribute of this name, to call it or to pass it on."""
    return [
        name
        for name in modules()
        if any(
            isinstance(node, ast.Attribute) and node.attr == attribute
            for node in ast.walk(syntax_tree(name))
        )
    ]


def repeated_file_names(package: str) -> dict[str, list[str]]:
    """Return the file names that a package has more than once, `commands` folders aside."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules().values():
        parts = path.relative_to(ROOT).parts
        if parts[0] == package and "commands" not in parts and path.name != "__init__.py":
            found[path.name].append("/".join(parts))
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def folder_sizes() -> Counter[str]:
    """Return how many modules lie in each folder, `__init__` aside."""
    return Counter(
        str(path.parent.relative_to(ROOT))
        for path in modules().values()
        if path.name != "__init__.py"
    )
