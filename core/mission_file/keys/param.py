"""The typed inputs of a mission: their keys, and whether default, choices and pattern agree."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from core.domain.mission import Param, ParamType
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_DESCRIPTION_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    VARIABLE_NAME,
    Key,
    check_boolean,
    check_mapping,
    check_pattern,
    one_of,
    shorten,
    text,
    wrong_type,
)
from core.mission_file.keys.json_schema import BOOLEAN, TEXT, array
from core.mission_file.keys.param_values import convert
from core.mission_file.keys.secret_names import check_secret_name


def _check_scalar(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ in (dict, list):
        return wrong_type(value, path, problems, "text, a number, true or false")
    return value


def _check_choices(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not list:
        return wrong_type(value, path, problems, "a list")
    if not value:
        problems.error(Code.BAD_VALUE, "`choices` is empty", path)
        return INVALID
    checked = [_check_scalar(item, (*path, index), problems) for index, item in enumerate(value)]
    return INVALID if INVALID in checked else tuple(checked)


PARAM_KEYS = {
    "type": Key(
        check=one_of(ParamType),
        doc="string, integer, number, boolean, choice or path.",
        schema={"enum": [kind.value for kind in ParamType]},
        default="string",
        example="choice",
    ),
    "required": Key(
        check=check_boolean,
        doc="Whether a run must give a value.",
        schema=BOOLEAN,
        default="false",
        example="true",
    ),
    "default": Key(
        check=_check_scalar,
        doc="The value if a run gives none.",
        schema={"type": ["string", "number", "boolean", "null"]},
        default="null",
        example="staging",
    ),
    "choices": Key(
        check=_check_choices,
        doc="The allowed values.",
        schema={**array({"type": ["string", "number", "boolean"]}), "minItems": 1},
        example="[staging, production]",
        synonyms=("options", "enum", "values"),
    ),
    "pattern": Key(
        check=check_pattern,
        doc="A regular expression (RE2) that must match somewhere in its text.",
        schema=TEXT,
        example='"^v[0-9]+$"',
        synonyms=("regex",),
    ),
    "secret": Key(
        check=check_boolean,
        doc="Whether its value is a secret: never recorded, and read by the steps that name it"
        " under `secrets`.",
        schema=BOOLEAN,
        default="false",
        example="true",
    ),
    "description": Key(
        check=text(MAX_DESCRIPTION_CHARACTERS, empty=True),
        doc="What the input is for.",
        schema=TEXT,
        example="where to deploy",
    ),
}


def check_params(value: Any, path: Path, problems: Problems) -> Any:
    """Check the inputs of a mission; return `Param`s in file order."""
    if value.__class__ is not dict:
        return wrong_type(
            value, path, problems, "a mapping of names to inputs", hint="`NAME: {default: VALUE}`"
        )
    params = [_check_param(name, item, (*path, name), problems) for name, item in value.items()]
    return INVALID if INVALID in params else tuple(params)


_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}


def _fitting(param: Param) -> str | None:
    """Return how a default that is no text can be one of an input of the type string."""
    if param.type is not ParamType.STRING or param.default.__class__ not in _TYPES:
        return None
    return f"quote it, or add `type: {_TYPES[param.default.__class__]}`"


def _check_param(name: str, value: Any, path: Path, problems: Problems) -> Any:
    if not VARIABLE_NAME.fullmatch(name):
        problems.error(
            Code.BAD_ID,
            f"`{name}` is not a name for an input",
            path,
            on_key=True,
            hint="a name has letters, digits and _, and does not begin with a digit",
        )
        return INVALID
    if value is None:
        value = {}
    if value.__class__ is not dict:
        return wrong_type(
            value, path, problems, f"a mapping, such as {{default: {shorten(value)}}}"
        )
    fields = check_mapping(value, path, problems, PARAM_KEYS, f"input `{name}`")
    if INVALID in fields.values():
        return INVALID
    return _agreed(Param(name=name, **fields), path, problems)


def _check_secret(param: Param, path: Path, problems: Problems) -> bool:
    """Check that a secret input is text that can be delivered, and that no value is in the file."""
    for key, value in (("default", param.default), ("choices", param.choices)):
        if value is not None and value != ():
            problems.error(
                Code.SECRET_IN_FILE,
                f"the value of the secret input `{param.name}` is in the file",
                (*path, key),
                hint=f"remove `{key}`; give the value when the mission is run",
            )
            return False
    if param.type is not ParamType.STRING:
        problems.error(
            Code.BAD_VALUE,
            f"the secret input `{param.name}` is no {param.type.value}: a secret is text",
            (*path, "type"),
            hint="remove `type`; a `pattern` can say what the text looks like",
        )
        return False
    return check_secret_name(param.name, path, problems, on_key=True)


def _agreed(param: Param, path: Path, problems: Problems) -> Any:
    """Return the input with its default as a value of its type."""
    if param.type is ParamType.CHOICE and not param.choices:
        problems.error(
            Code.MISSING_KEY, f"input `{param.name}` has no `choices`", path, on_key=True
        )
        return INVALID
    if param.secret and not _check_secret(param, path, problems):
        return INVALID
    if param.default is None:
        return param
    if param.required:
        problems.warn(
            Code.BAD_VALUE,
            f"input `{param.name}` is required, so its default is never used",
            (*path, "default"),
            on_key=True,
        )
    try:
        return replace(param, default=convert(param, param.default))
    except (ValueError, TypeError) as error:
        problems.error(
            Code.BAD_VALUE,
            f"the default of input `{param.name}` does not fit: {error}",
            (*path, "default"),
            hint=_fitting(param),
        )
        return INVALID
