"""The key `include`, and which keys an included file may have."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, Key, label, list_of, shorten, wrong_type
from core.mission_file.keys.json_schema import TEXT, array
from core.value.path_pattern import pattern_problem

LISTS = ("secrets", "env_files", "steps")
"""Keys whose lists are joined, the mission's own items first."""
MAPPINGS = ("params", "variables", "env", "defaults", "templates")
"""Keys whose names are joined; the mission's own go over included ones."""
HANDLERS = "handlers"
INCLUDE = "include"
INCLUDED_KEYS = (*LISTS, *MAPPINGS, HANDLERS, INCLUDE)


def check_include(value: Any, path: Path, problems: Problems) -> Any:
    """Check the names of included files, which stay below the folder of the including one."""
    if value.__class__ is str:
        found = _check_name(value, path, problems)
        return found if found is INVALID else (found,)
    return list_of(_check_name)(value, path, problems)


def _check_name(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if pattern_problem(value) is None and value.lower().endswith((".yaml", ".yml", ".json")):
        return value
    problems.error(
        Code.BAD_VALUE,
        f"{label(path)}, {shorten(value)}: it must be a YAML or JSON file below the folder of the"
        " file that includes it",
        path,
    )
    return INVALID


INCLUDE_KEY = Key(
    check=check_include,
    doc="Files whose steps, templates, inputs and values belong to the mission, too; below the"
    " folder of the file that includes them.",
    schema={"anyOf": [{"type": "string", "minLength": 1}, array(TEXT), {"type": "null"}]},
    default="[]",
    example="[common/templates.yaml]",
    synonyms=("includes", "import", "imports", "extends"),
)
