"""Writes out what a mission file may abbreviate, before its keys are checked.

`run: TEXT` stands for a script, `depends_on: ID` for a list of one, and the values of `defaults`
for those that a step does not have; a step that uses a template gets its keys. Problems of what was
written out are reported where it was written.
"""

from collections.abc import Mapping
from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.keys.defaults import check_defaults
from core.mission_file.shapes.inner_steps import GROUP, write_out_group
from core.step_type.registry import PROCESS_TYPES, REDIRECTS, normalise_type

SCRIPT = "script"
_SHORT = frozenset({"run", *REDIRECTS})
_MERGED = ("env", "limits")
"""Defaults that a step's own value adds to, name by name; the others it replaces."""
_OF_EACH_STEP = ("retry", "timeout_seconds")
"""Defaults that the steps of a group have: once more for the whole they would multiply attempts."""
_WAITING = ("approval", "wait", "wait_for")
"""Types that say themselves how long they wait: the default timeout is for work."""


def write_out(data: dict[str, Any], problems: Problems) -> dict[Path, str]:
    """Replace the abbreviations in the steps of a mission, as far as they are understood.

    Return the templates that steps use, by the path of the step. Mappings that the file may use in
    several places (YAML aliases) are copied, not changed.
    """
    defaults = _usable_defaults(data.get("defaults"))
    _write_out_groups(data, problems)
    used = _write_out_templates(data, problems)
    steps = data.get("steps")
    if steps.__class__ is list:
        _write_out_steps(data, "steps", ("steps",), defaults, problems)
    handlers = data.get("handlers")
    if handlers.__class__ is dict:
        data["handlers"] = handlers = dict(handlers)
        for name, found in handlers.items():
            if found.__class__ is list:
                _write_out_steps(handlers, name, ("handlers", name), defaults, problems)
    return used


def _write_out_groups(data: dict[str, Any], problems: Problems) -> None:
    """Write out the steps that have steps of their own."""
    steps = data.get("steps")
    if steps.__class__ is not list:
        return
    for index, step in enumerate(steps):
        if step.__class__ is dict and step.get("steps") is not None:
            if data["steps"] is steps:
                data["steps"] = list(steps)
            data["steps"][index] = write_out_group(step, ("steps", index), data, problems)


def _write_out_templates(data: dict[str, Any], problems: Problems) -> dict[Path, str]:
    """Write out the steps that use a template, those of handlers too."""
    raw = data.get("templates")
    lists: list[tuple[dict[str, Any], str, Path]] = [(data, "steps", ("steps",))]
    if data.get("handlers").__class__ is dict:
        data["handlers"] = handlers = dict(data["handlers"])
        lists += [(handlers, name, ("handlers", name)) for name in handlers]
    templates: Mapping[str, Any] | None = None
    used: dict[Path, str] = {}
    for holder, key, path in lists:
        steps = holder.get(key)
        if steps.__class__ is not list:
            continue
        for index, step in enumerate(steps):
            if step.__class__ is not dict or step.get("use") is None:
                continue
            from core.mission_file.step_template import (  # few missions have templates
                usable_templates,
                write_out_use,
            )

            if templates is None:
                templates = usable_templates(raw)
            if holder[key] is steps:
                holder[key] = list(steps)
            holder[key][index] = write_out_use(step, (*path, index), templates, raw, problems)
            used[*path, index] = step["use"]
    return used


def _usable_defaults(defaults: Any) -> dict[str, Any]:
    """Return the defaults, or none if anything about them is wrong, which their check reports."""
    if defaults.__class__ is not dict:
        return {}
    found = Problems()
    check_defaults(defaults, ("defaults",), found)
    return {} if found.has_errors else {k: v for k, v in defaults.items() if v is not None}


def _write_out_steps(
    holder: dict[str, Any],
    key: str,
    path: Path,
    defaults: dict[str, Any],
    problems: Problems,
) -> None:
    steps = holder[key]
    written_out: list[Any] | None = None
    for index, step in enumerate(steps):
        if step.__class__ is not dict:
            continue
        if not defaults and _SHORT.isdisjoint(step) and step.get("depends_on").__class__ is not str:
            continue
        if written_out is None:
            written_out = list(steps)
        written_out[index] = _step_written_out(step, (*path, index), defaults, problems)
    if written_out is not None:
        holder[key] = written_out


def _step_written_out(
    step: dict[str, Any], path: Path, defaults: dict[str, Any], problems: Problems
) -> dict[str, Any]:
    step = dict(step)
    if step.get("depends_on").__class__ is str:
        step["depends_on"] = [step["depends_on"]]
        problems.written_at((*path, "depends_on", 0), (*path, "depends_on"))
    if step.get("run").__class__ is str:
        _write_out_run(step, path, problems)
    for key in REDIRECTS:
        if step.get(key).__class__ is str:
            _write_out_redirect(step, key, path, problems)
    if defaults:
        _add_defaults(step, path, defaults, problems)
    return step


def _write_out_run(step: dict[str, Any], path: Path, problems: Problems) -> None:
    kind = step.get("step_type")
    if kind is not None and normalise_type(str(kind)) != SCRIPT:
        problems.error(
            Code.BAD_VALUE,
            f"`run` is the text of a script; it cannot be used with `step_type: {kind}`",
            (*path, "run"),
            on_key=True,
            hint="remove one of them",
        )
        return
    parameters = step.get("parameters")
    if parameters is not None and parameters.__class__ is not dict:
        return  # reported by the check of `parameters`
    if parameters and SCRIPT in parameters:
        problems.error(
            Code.DUPLICATE_KEY,
            "`run` and `parameters.script` are the same",
            (*path, "run"),
            on_key=True,
            hint="keep `run`",
        )
        return
    step["step_type"] = SCRIPT
    step["parameters"] = {**(parameters or {}), SCRIPT: step.pop("run")}
    problems.written_at((*path, "parameters", SCRIPT), (*path, "run"))
    if not parameters:
        problems.written_at((*path, "parameters"), (*path, "run"))


def _write_out_redirect(step: dict[str, Any], key: str, path: Path, problems: Problems) -> None:
    """Make a parameter of the key; what is wrong with it is left to the check of the step."""
    parameters = step.get("parameters")
    if normalise_type(str(step.get("step_type"))) not in PROCESS_TYPES or not step[key]:
        return
    if parameters is not None and parameters.__class__ is not dict:
        return
    if parameters and parameters.get(key) is not None:
        problems.error(
            Code.DUPLICATE_KEY,
            f"`{key}` and `parameters.{key}` are the same",
            (*path, key),
            on_key=True,
            hint="keep one of them",
        )
        return
    step["parameters"] = {**(parameters or {}), key: step.pop(key)}
    problems.written_at((*path, "parameters", key), (*path, key))


def _add_defaults(
    step: dict[str, Any], path: Path, defaults: dict[str, Any], problems: Problems
) -> None:
    kind = normalise_type(str(step.get("step_type")))
    for key, value in defaults.items():
        if key == "shell":
            _add_shell(step, kind, value, path, problems)
        elif not _is_for(key, kind, is_service=step.get("service") is True):
            continue
        elif step.get(key) is None:
            step[key] = value
            problems.written_at((*path, key), ("defaults", key))
        elif key in _MERGED and step[key].__class__ is dict:
            own = step[key]
            step[key] = {**value, **own}
            for name in value:
                if name not in own:
                    problems.written_at((*path, key, name), ("defaults", key, name))


def _is_for(key: str, kind: str, *, is_service: bool) -> bool:
    """Tell whether a default is for a step of this type."""
    if key == "limits":
        return kind in PROCESS_TYPES
    if key == "timeout_seconds" and (is_service or kind in _WAITING):
        return False
    return not (kind == GROUP and key in _OF_EACH_STEP)


def _add_shell(step: dict[str, Any], kind: str, shell: Any, path: Path, problems: Problems) -> None:
    parameters = step.get("parameters")
    if kind == SCRIPT and parameters.__class__ is dict and parameters.get("shell") is None:
        step["parameters"] = {**parameters, "shell": shell}
        problems.written_at((*path, "parameters", "shell"), ("defaults", "shell"))
