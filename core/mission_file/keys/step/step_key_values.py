"""Checks of the values of single keys of a step; they know nothing of its other keys."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import foreign_type_hint
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    STEP_ID,
    label,
    list_of,
    shorten,
    suggest,
    wrong_type,
)
from core.mission_file.keys.not_yet import LANGUAGE_TYPES
from core.mission_file.shapes.file_pattern import check_file_pattern
from core.step_type.registry import BUILT_IN, normalise_type, step_type_names
from core.value.path_pattern import pattern_problem


def check_step_id(value: Any, path: Path, problems: Problems) -> Any:
    """Check a step's id."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if STEP_ID.fullmatch(value):
        return value
    problems.error(
        Code.BAD_ID,
        f"{shorten(value)} is not a step id",
        path,
        hint="letters, digits, `_`, `.` and `-`, at most 100, a letter first",
    )
    return INVALID


def check_step_type(value: Any, path: Path, problems: Problems) -> Any:
    """Check a step's type; return its canonical name."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if value in BUILT_IN:
        return value
    name = normalise_type(value)
    if name in BUILT_IN:
        return name
    known = step_type_names()
    if name in known:
        return name
    if name in LANGUAGE_TYPES:
        problems.error(Code.NOT_SUPPORTED, f"step type `{name}` is not supported yet", path)
        return name
    problems.error(
        Code.UNKNOWN_STEP_TYPE,
        f"unknown step type {shorten(value)}",
        path,
        hint=foreign_type_hint(name)
        or suggest(name, known)
        or f"step types are: {', '.join(known)}",
    )
    return INVALID


_check_ids = list_of(check_step_id)


def check_depends_on(value: Any, path: Path, problems: Problems) -> Any:
    """Check a list of step ids; return each once."""
    if value.__class__ is dict:
        ids = ", ".join(list(value)[:3])
        hint = f"a list of ids, [{ids}]: a step waits for a service until it is ready"
        return wrong_type(value, path, problems, "a list", hint=hint)
    names = _check_ids(value, path, problems)
    if names is INVALID or len(names) < 2:
        return names
    once = tuple(dict.fromkeys(names))
    if len(once) != len(names):
        for index, name in enumerate(names):
            if name in names[:index]:
                problems.warn(
                    Code.DUPLICATE_DEPENDENCY, f"`{name}` is listed twice", (*path, index)
                )
    return once


def check_data(value: Any, path: Path, problems: Problems) -> Any:
    """Check a mapping of any content."""
    return value if value.__class__ is dict else wrong_type(value, path, problems, "a mapping")


def check_condition(value: Any, path: Path, problems: Problems) -> Any:
    """Check `when`: an expression, or simply true or false."""
    if value is True or value is False:
        return "true" if value else "false"
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text with an expression")
    if not value.strip():
        problems.error(Code.BAD_VALUE, "`when` is empty", path)
        return INVALID
    return value


def _check_file_name(value: Any, path: Path, problems: Problems) -> Any:
    """Check the name of a file below the folder of the mission file."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    problem = pattern_problem(value)
    if problem is None:
        return value
    problems.error(
        Code.BAD_VALUE,
        f"{label(path)}, {shorten(value)}: it must be a file below the folder of the mission file",
        path,
    )
    return INVALID


_check_file_names = list_of(_check_file_name)


def check_file_names(value: Any, path: Path, problems: Problems) -> Any:
    """Check `env_files`: a list of files, or one of them."""
    if value.__class__ is not str:
        return _check_file_names(value, path, problems)
    found = _check_file_name(value, path, problems)
    return found if found is INVALID else (found,)


_check_patterns = list_of(check_file_pattern)


def check_artifacts(value: Any, path: Path, problems: Problems) -> Any:
    """Check `artifacts`: a list of patterns, or one of them."""
    if value.__class__ is dict:
        return wrong_type(value, path, problems, "a list of patterns", hint="such as [dist, *.log]")
    if value.__class__ is not str:
        return _check_patterns(value, path, problems)
    found = check_file_pattern(value, path, problems)
    return found if found is INVALID else (found,)
