"""The keys `inputs` and `outputs` of a step: patterns of files below the folder it works in."""

from collections.abc import Mapping
from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, label, shorten, wrong_type
from core.step_type.registry import BUILT_IN, PROCESS_TYPES
from core.value.path_pattern import pattern_problem

MAX_PATTERNS = 1000

_FILE_TYPES = frozenset(
    {
        *("create_file", "append_file", "edit_file", "copy_file", "move_file", "checksum"),
        *("compress", "extract", "http", "sql_query"),
    }
)


def refuse_files(fields: Mapping[str, Any], path: Path, problems: Problems) -> bool:
    """Report files of a step that cannot be up to date; tell whether there were any."""
    key = next((key for key in ("inputs", "outputs") if fields.get(key)), None)
    if key is None:
        return False
    step_type = fields["step_type"]
    if fields.get("service"):
        message, hint = f"a service is always started: `{key}` is not allowed", None
    elif step_type in BUILT_IN and step_type not in PROCESS_TYPES and step_type not in _FILE_TYPES:
        message = f"`{key}` is for steps that make files, and {step_type} makes none"
        hint = f"use it with command, script, {', '.join(sorted(_FILE_TYPES))}"
    else:
        return False
    problems.error(Code.BAD_VALUE, message, (*path, key), on_key=True, hint=hint)
    return True


def check_file_patterns(value: Any, path: Path, problems: Problems) -> Any:
    """Check a list of patterns, or one of them; return each once."""
    if value.__class__ is str:
        found = check_file_pattern(value, path, problems)
        return found if found is INVALID else (found,)
    if value.__class__ is dict and path[-1] == "outputs":
        hint = "values for other steps are lines KEY=VALUE in `$MISSION_OUTPUT`"
        return wrong_type(value, path, problems, "a list of patterns", hint=hint)
    if value.__class__ is not list:
        return wrong_type(value, path, problems, "a list of patterns, such as [src/**/*.c]")
    if len(value) > MAX_PATTERNS:
        problems.error(Code.OUT_OF_RANGE, f"more than {MAX_PATTERNS:,} patterns", path)
        return INVALID
    good = [
        check_file_pattern(pattern, (*path, index), problems) is not INVALID
        for index, pattern in enumerate(value)
    ]
    return tuple(dict.fromkeys(value)) if all(good) else INVALID


def check_file_pattern(value: Any, path: Path, problems: Problems) -> Any:
    """Check a pattern of files; one with a template is checked again when it is resolved."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    problem = pattern_problem(value)
    if problem is None:
        return value
    problems.error(Code.BAD_VALUE, f"{label(path)}, {shorten(value)}: {problem}", path)
    return INVALID
