"""Refuses working folders that certainly leave the mission's; links are checked at run time."""

from posixpath import isabs, join, normpath
from typing import Any

from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.keys.top_level import Draft
from core.step_type.registry import PROCESS_TYPES


def check_folders(draft: Draft, problems: Problems) -> None:
    """Refuse a `working_dir` of a step, or of its process, that goes up too far."""
    placed: list[tuple[Any, Path]] = [
        (step, ("steps", index)) for index, step in enumerate(draft.steps) if step is not None
    ]
    placed += [(found.step, found.path) for found in draft.handlers]
    for step, path in placed:
        base = step.working_dir or "."
        if has_template(base):
            continue
        if _leaves(base):
            _refuse(base, (*path, "working_dir"), problems)
            continue
        own = step.parameters.get("working_dir") if step.step_type in PROCESS_TYPES else None
        if own.__class__ is str and not has_template(own) and _leaves(join(base, own)):
            _refuse(own, (*path, "parameters", "working_dir"), problems)


def _leaves(name: str) -> bool:
    return not isabs(name) and normpath(name).split("/", 1)[0] == ".."


def _refuse(name: str, path: Path, problems: Problems) -> None:
    problems.error(
        Code.BAD_VALUE,
        f"working_dir `{name}` leaves the mission's folder",
        path,
        hint="set `config.working_dir` to the folder that holds both",
    )
