"""The key `labels` of a mission: names and values by which its executions are found."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, Key, label, wrong_type
from core.mission_file.keys.json_schema import mapping_of
from core.value.label import (
    MAX_LABELS,
    MAX_VALUE_CHARACTERS,
    NAME_PATTERN,
    line_problem,
    name_problem,
)


def check_labels(value: Any, path: Path, problems: Problems) -> Any:
    """Check labels; numbers and booleans must be quoted, since labels are text."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping of names to text")
    good = True
    if len(value) > MAX_LABELS:
        problems.error(Code.BAD_VALUE, f"more than {MAX_LABELS} labels", path)
        good = False
    for name, text in value.items():
        place = (*path, name)
        problem = name_problem(name)
        if problem is not None:
            problems.error(
                Code.BAD_ID, f"`{name}` is not a name for a label: it {problem}", place, on_key=True
            )
            good = False
        elif text.__class__ is not str:
            wrong_type(text, place, problems, "text")
            good = False
        elif (problem := line_problem(text)) is not None:
            problems.error(Code.BAD_VALUE, f"{label(place)} {problem}", place)
            good = False
    return value if good else INVALID


LABELS = Key(
    check=check_labels,
    doc="Names and values by which its executions are found: `mission ls -l NAME=VALUE`. `run -l`"
    " adds one, or gives one another value.",
    schema={
        **mapping_of(
            f"^{NAME_PATTERN}$",
            {"type": "string", "minLength": 1, "maxLength": MAX_VALUE_CHARACTERS},
        ),
        "maxProperties": MAX_LABELS,
    },
    default="{}",
    example="{team: payments, tier: gold}",
    synonyms=("tags", "annotations"),
)
