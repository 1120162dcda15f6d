"""The keys that say where steps run: on which machines, and what these must have."""

import math
import re
from pathlib import PurePath
from typing import Any

from core.domain.mission import ExecutorKind
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, label, wrong_type

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
_NAME = re.compile(NAME_PATTERN[:-1] + r"\Z")
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")

RUNS_ON_SCHEMA = {
    "type": "object",
    "propertyNames": {"pattern": NAME_PATTERN},
    "additionalProperties": {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
        ]
    },
}
FOLDERS_SCHEMA = {"type": "array", "items": {"type": "string", "pattern": "^/"}}


def check_runs_on(value: Any, path: Path, problems: Problems) -> Any:
    """Check what a step needs from a worker: amounts of resources, and tags."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping, such as {gpu: 1, tag: big}")
    is_valid = True
    for name, wanted in value.items():
        if not _NAME.match(name):
            problems.error(
                Code.BAD_NAME,
                f"`{name}` is no name of a resource",
                (*path, name),
                on_key=True,
                hint="letters, digits, `_`, `.` and `-`, beginning with a letter",
            )
            is_valid = False
        elif not _is_amount(wanted) and not (wanted.__class__ is str and _TAG.match(wanted)):
            problems.error(
                Code.BAD_VALUE,
                f"{label((*path, name))} must be an amount above 0, or a tag",
                (*path, name),
                hint="a tag is letters, digits, `_`, `.` and `-`, such as {tag: big}",
            )
            is_valid = False
    return value if is_valid else INVALID


def check_shared_folders(value: Any, path: Path, problems: Problems) -> Any:
    """Check folders that all workers see; return a tuple of absolute paths."""
    if value.__class__ is not list:
        return wrong_type(value, path, problems, "a list of folders")
    for number, one in enumerate(value):
        if one.__class__ is not str or not one.startswith("/") or ".." in PurePath(one).parts:
            problems.error(
                Code.BAD_VALUE,
                f"{label((*path, number))} must be an absolute path without `..`",
                (*path, number),
                hint="the workers see the folder at this path, whatever their own folder is",
            )
            return INVALID
    return tuple(value)


def warn_not_shared(fields: dict[str, Any], path: Path, problems: Problems) -> None:
    """Say where processes run that only this machine has the folder of."""
    if fields.get("executor") is ExecutorKind.DASK and not fields.get("shared_folders"):
        problems.warn(
            Code.NOT_SHARED,
            "no folder is shared with the workers, so on a cluster of other machines all steps"
            " run on this one",
            (*path, "executor"),
            on_key=True,
            hint="`shared_folders: [/data]` names the folders that all workers see",
        )


def _is_amount(value: Any) -> bool:
    return value.__class__ in (int, float) and math.isfinite(value) and value > 0
