"""The files that the steps of a mission read, as far as its file alone tells them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.domain.mission import Mission, MissionStep
from core.engine.up_to_date.file_search import find_files
from core.engine.up_to_date.file_state import FileProblemError
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render
from core.machine.environment import value_text
from core.planning.fanout_items import ItemsError, items_of
from core.value.path_pattern import pattern_problem

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def input_files(mission: Mission, folder: Path) -> set[Path]:
    """Return the files that match `inputs` of a step, but for those that a step makes.

    `folder` is that of the mission file. Inputs of the mission have their defaults here; what only
    a run knows may be any part of a name.
    """
    root = folder / mission.config.working_dir
    scope = {
        "params": {param.name: param.default for param in mission.params if not param.secret},
        "vars": mission.variables,
    }
    reads: set[Path] = set()
    makes: set[Path] = set()
    for step in mission.steps:
        if not step.declares_files:
            continue
        for values in _scopes(step, scope):
            (below,) = _known((step.working_dir or ".",), values)
            if pattern_problem(below) is not None and below != ".":
                continue
            reads |= _found(root / below, _known(step.inputs, values))
            makes |= _found(root / below, _known(step.outputs, values))
    return reads - makes


def _scopes(step: MissionStep, scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what templates of the step may name, for each of its items."""
    if step.foreach is None and step.matrix is None:
        yield scope
        return
    try:
        items = items_of(step, scope)
    except ItemsError:
        yield scope
        return
    for index, item in enumerate(items):
        matrix = {"matrix": item} if isinstance(item, Mapping) else {}
        yield {**scope, "item": item, "index": index, **matrix}


def _known(patterns: tuple[str, ...], scope: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_rendered(one, scope) if has_template(one) else one for one in patterns)


def _rendered(pattern: str, scope: Mapping[str, Any]) -> str:
    try:
        return value_text(render(pattern, scope))
    except (ExpressionError, TemplateSyntaxError):
        return _TEMPLATE.sub("*", pattern)


def _found(folder: Path, patterns: tuple[str, ...]) -> set[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        if pattern_problem(pattern) is None:
            with suppress(FileProblemError):  # nothing matches yet
                found |= {folder / name for name in find_files(folder, (pattern,), within=None)}
    return found
