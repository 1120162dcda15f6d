"""The check of one step as a whole: which keys it has, and which may not stand together."""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import MissionStep
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import FOREIGN_STEP_KEYS, WORK_KEYS, in_snake_case
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, STEP_ID, check_mapping, require_keys
from core.mission_file.keys.limits_and_stop import refuse_without_process
from core.mission_file.keys.not_yet import refuse_unsupported
from core.mission_file.keys.secret_names import SECRET_TYPES, refuse_without_use
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.shapes.file_pattern import refuse_files
from core.mission_file.shapes.service_key import refuse_service
from core.step_type.registry import BUILT_IN, PROCESS_TYPES, REDIRECTS

_KEYS_WITH_RUN = {name: key for name, key in STEP_KEYS.items() if name != "step_type"}
_UNSUPPORTED = ("foreach", "matrix")
_OF_PROCESSES = ("limits", "stop", "leftovers", "runs_on")


def _report_no_work(value: dict[str, Any], path: Path, problems: Problems, what: str) -> None:
    """Report a step that does not say what it does, unless a key of another tool does."""
    foreign = WORK_KEYS.union(STEP_KEYS["run"].synonyms, STEP_KEYS["step_type"].synonyms)
    if foreign.isdisjoint(map(in_snake_case, value)):
        problems.error(
            Code.MISSING_KEY,
            f"{what} has neither `run` nor `step_type`",
            path,
            hint="add `run: COMMAND LINE`, or `step_type: command`",
        )


def _require_keys(value: Mapping[str, Any], path: Path, problems: Problems, what: str) -> None:
    """Report the required keys that are missing; the name of a step is often meant as its id."""
    keys, name = _KEYS_WITH_RUN, value.get("name")
    if "id" not in value and name.__class__ is str and STEP_ID.fullmatch(name):
        problems.error(
            Code.MISSING_KEY,
            f"{what} has no `id`",
            path,
            hint=f"write `id: {name}`; `name` is a line for people",
        )
        keys = {key: one for key, one in keys.items() if key != "id"}
    require_keys(value, path, problems, keys, what)


def check_step(value: Any, path: Path, problems: Problems) -> MissionStep | None:
    """Check one step; return it, or None when anything about it is wrong."""
    fields = check_mapping(value, path, problems, STEP_KEYS, "a step", FOREIGN_STEP_KEYS)
    if fields is INVALID:
        return None
    if fields.pop("use", None) is not None:  # not written out: it is reported where it is wrong
        return None
    if fields.get("steps") is None and fields.pop("with", None) is not None:
        problems.error(
            Code.BAD_VALUE,
            "`with` is for a step that uses a template",
            (*path, "with"),
            on_key=True,
            hint="name the template with `use`, or write `parameters`",
        )
        return None
    if fields.pop("steps", None) is not None:  # not written out: it is reported where it is wrong
        if path[0] != "steps":
            problems.error(
                Code.BAD_VALUE,
                "a handler has no steps of its own: list its steps one after the other",
                (*path, "steps"),
                on_key=True,
            )
        return None
    run = fields.pop("run", None)  # what is still here was not understood, and is reported
    if "id" not in fields or "step_type" not in fields:
        what = f"step `{fields['id']}`" if fields.get("id") not in (None, INVALID) else "the step"
        _require_keys(value, path, problems, what)
        if run is None and "step_type" not in fields:
            _report_no_work(value, path, problems, what)
        return None
    for feature in _UNSUPPORTED:
        if fields.get(feature):
            refuse_unsupported(feature, (*path, feature), problems)
    if _refuse_for_type(fields, path, problems):
        return None
    if refuse_service(fields, path, problems) or refuse_files(fields, path, problems):
        return None
    if "foreach" in fields and "matrix" in fields:
        problems.error(
            Code.BAD_VALUE,
            "`foreach` and `matrix` cannot be used together",
            (*path, "matrix"),
            on_key=True,
            hint="put the items into the matrix as one more name",
        )
        return None
    for key in REDIRECTS:
        if fields.pop(key, None) is not None:  # not written out: its value or its step is wrong
            return None
    if "name" not in fields:
        if fields["id"] is INVALID:
            return None
        fields["name"] = fields["id"]
    return None if run is not None or INVALID in fields.values() else MissionStep(**fields)


def _refuse_for_type(fields: Mapping[str, Any], path: Path, problems: Problems) -> bool:
    """Report the first key that means nothing for the type of the step; tell whether one does."""
    step_type = fields["step_type"]
    if step_type in BUILT_IN and step_type not in PROCESS_TYPES:
        for key in _OF_PROCESSES:
            if key in fields:
                refuse_without_process(step_type, key, path, problems)
                return True
    for key in REDIRECTS:
        if key in fields and step_type not in (INVALID, *PROCESS_TYPES):
            refuse_without_process(step_type, key, path, problems)
            return True
    if step_type in BUILT_IN and step_type not in SECRET_TYPES:
        for key in ("secrets", "secret_files"):
            if fields.get(key):
                refuse_without_use(step_type, key, path, problems)
                return True
    return False
