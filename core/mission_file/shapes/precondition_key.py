"""The key `preconditions` of steps and missions: what must hold, else the step is skipped.

Of a mission it means all of its steps.
"""

from typing import Any

from core.domain.mission import Precondition
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_SCALAR_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_mapping,
    label,
    list_of,
    one_of_words,
    require_keys,
    text,
    wrong_type,
)
from core.step_type.plain_parameters import SCRIPT_SHELLS

PRECONDITION_KEYS = {
    "run": Key(
        check=text(MAX_SCALAR_CHARACTERS),
        doc="The text of a script that must exit with 0. Templates are refused in it.",
        schema={"type": "string", "minLength": 1},
        required=True,
        example="test -f dist/app.tar.gz",
        synonyms=("sh", "command", "script", "test"),
    ),
    "shell": Key(
        check=one_of_words(SCRIPT_SHELLS),
        doc="The interpreter of the script.",
        schema={"enum": list(SCRIPT_SHELLS)},
        default="bash",
        example="sh",
    ),
}


_EXPRESSION = (
    "write an expression in the place of the mapping, `- params.day == 'monday'`, or a script that"
    " must exit with 0, `- run: test -f FILE`"
)
_FOREIGN = {
    "condition": _EXPRESSION,
    "expected": _EXPRESSION,
    "negate": _EXPRESSION,
    "msg": "the message of a step that is skipped names what did not hold",
}


def _check_one(value: Any, path: Path, problems: Problems) -> Any:
    """Check one precondition: an expression, or a mapping with a script."""
    if value is True or value is False:
        return Precondition(expression="true" if value else "false")
    if value.__class__ is str:
        if value.strip():
            return Precondition(expression=value)
        problems.error(Code.BAD_VALUE, f"{label(path)} is empty", path)
        return INVALID
    if value.__class__ is not dict:
        return wrong_type(
            value, path, problems, "an expression, or a mapping such as {run: test -f FILE}"
        )
    fields = check_mapping(value, path, problems, PRECONDITION_KEYS, "a precondition", _FOREIGN)
    if value.keys() <= PRECONDITION_KEYS.keys():  # else the unknown key is what is wrong
        require_keys(value, path, problems, PRECONDITION_KEYS, "the precondition")
    if "run" not in fields or INVALID in fields.values():
        return INVALID
    return Precondition(script=fields["run"], shell=fields.get("shell", "bash"))


_check_list = list_of(_check_one)


def check_preconditions(value: Any, path: Path, problems: Problems) -> Any:
    """Check a list of preconditions, or one of them."""
    if value.__class__ is list:
        return _check_list(value, path, problems)
    found = _check_one(value, path, problems)
    return found if found is INVALID else (found,)


_ONE = {
    "anyOf": [
        {"type": ["string", "boolean"]},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["run"],
            "properties": {name: dict(key.schema) for name, key in PRECONDITION_KEYS.items()},
        },
    ]
}

_SCHEMA = {"anyOf": [*_ONE["anyOf"], {"type": "array", "items": _ONE}, {"type": "null"}]}

MISSION_PRECONDITIONS = Key(
    check=check_preconditions,
    doc="What must hold before the first step: expressions, and scripts that must exit with 0. If"
    " one does not, no step is run and the execution is a success (PRECONDITION_UNMET).",
    schema=_SCHEMA,
    default="[]",
    example="[\"params.day != 'sunday'\", {run: test -s incoming/orders.csv}]",
    synonyms=("precondition", "require", "requirements", "only_when"),
)

PRECONDITIONS = Key(
    check=check_preconditions,
    doc="What must hold when an attempt starts: expressions, and scripts that must exit with 0. If"
    " one does not, the step is skipped (PRECONDITION_UNMET).",
    schema=_SCHEMA,
    default="[]",
    example="[{run: test -f dist/app.tar.gz}, \"params.target != 'none'\"]",
    synonyms=("precondition", "require", "requirements", "only_when"),
)
