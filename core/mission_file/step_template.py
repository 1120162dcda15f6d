"""Writes out the steps that use a template of the mission, before their keys are checked.

`use: NAME` takes the keys of `templates.NAME.step`; those of the step itself go over them. In the
texts of the template `{{ with.PARAM }}` stands for what the step gives under `with`; nothing else
is evaluated here. Problems of what was written out are reported in the template and name the step.
"""

import re
from collections.abc import Mapping
from typing import Any

from core.domain.mission import Param
from core.expression.template import has_template
from core.machine.environment import value_text
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_DESCRIPTION_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    STEP_ID,
    Key,
    check_mapping,
    require_keys,
    shorten,
    suggest,
    text,
    unknown_key,
    wrong_type,
)
from core.mission_file.keys.json_schema import MAPPING, TEXT
from core.mission_file.keys.param import check_params
from core.mission_file.keys.param_values import convert
from core.mission_file.keys.step.step_keys import STEP_KEYS

_OWN = ("id", "use", "with", "depends_on")
"""Keys of a step that a template cannot have."""
_MERGED = ("env", "limits", "parameters", "secret_files")
"""Keys whose names of template and step are joined; those of the step replace others."""
_REFERENCE = re.compile(r"\{\{-?\s*with\.([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}")
_ANY_REFERENCE = re.compile(r"\{\{[^{}]*\bwith\b[^{}]*\}\}")
_UNTOUCHED = ("run", "script")
"""Texts of scripts: a value could run as code, so a template in them is refused."""


def _check_step_keys(value: Any, path: Path, problems: Problems) -> Any:
    """Check the names of the keys; their values are checked in each step that uses them."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping of keys of a step")
    known = {name: key for name, key in STEP_KEYS.items() if name not in _OWN}
    good = True
    for name in value:
        if name in _OWN:
            problems.error(
                Code.BAD_VALUE,
                f"`{name}` belongs to the step that uses the template",
                (*path, name),
                on_key=True,
            )
            good = False
        elif name not in known:
            unknown_key(name, (*path, name), problems, known, "a template", {})
            good = False
    return value if good else INVALID


TEMPLATE_KEYS = {
    "description": Key(
        check=text(MAX_DESCRIPTION_CHARACTERS, empty=True),
        doc="What the template is for.",
        schema=TEXT,
        example="deploy to one host",
    ),
    "params": Key(
        check=check_params,
        doc="What a step gives it under `with`, typed like the inputs of a mission.",
        schema=MAPPING,
        default="{}",
        example="{host: {required: true}, port: {type: integer, default: 22}}",
        synonyms=("parameters", "inputs", "arguments"),
    ),
    "step": Key(
        check=_check_step_keys,
        doc="The keys of a step but `id`, `depends_on`, `use` and `with`; `{{ with.NAME }}` stands"
        " for a value.",
        schema=MAPPING,
        required=True,
        example='{run: ./deploy.sh, env: {HOST: "{{ with.host }}"}}',
    ),
}


def check_templates(value: Any, path: Path, problems: Problems) -> Any:
    """Check the templates of a mission; return their valid part by name."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping of names to templates")
    found: dict[str, Any] = {}
    for name, item in value.items():
        place = (*path, name)
        if not STEP_ID.fullmatch(name):
            problems.error(Code.BAD_ID, f"{shorten(name)} is not a name", place, on_key=True)
            continue
        fields = check_mapping(item, place, problems, TEMPLATE_KEYS, f"template `{name}`")
        if fields is INVALID:
            continue
        require_keys(item, place, problems, TEMPLATE_KEYS, f"template `{name}`")
        if "step" in fields and INVALID not in fields.values():
            found[name] = fields
    return found


def usable_templates(value: Any) -> Mapping[str, Any]:
    """Return the valid templates of a mission by name; their check reports what is wrong."""
    return check_templates(value, ("templates",), Problems()) if value.__class__ is dict else {}


def write_out_use(
    step: dict[str, Any], path: Path, templates: Mapping[str, Any], raw: Any, problems: Problems
) -> dict[str, Any]:
    """Return a step with the keys of the template that it uses; as it is when that is wrong."""
    name, given = step["use"], step.get("with")
    if name.__class__ is not str or (given is not None and given.__class__ is not dict):
        return step  # reported by the check of `use` and `with`
    if name not in templates:
        if raw.__class__ is dict and name in raw:
            return {key: value for key, value in step.items() if key not in ("use", "with")}
        problems.error(
            Code.BAD_VALUE,
            f"there is no template {shorten(name)}",
            (*path, "use"),
            hint=suggest(name, raw if raw.__class__ is dict else ())
            or "templates are declared under `templates` of the mission",
        )
        return step
    template = templates[name]
    values = _values(template.get("params", ()), given or {}, name, path, problems)
    if values is None:
        return step
    user = f"in step `{step.get('id')}`, which uses the template `{name}`"
    written = {key: value for key, value in step.items() if key not in ("use", "with")}
    for key, value in template["step"].items():
        place = ("templates", name, "step", key)
        filled = value if key in _UNTOUCHED else _filled(value, values, place, user, problems)
        if written.get(key) is None:
            written[key] = filled
            problems.written_at((*path, key), place, user)
        elif key in _MERGED and written[key].__class__ is dict and filled.__class__ is dict:
            own = written[key]
            written[key] = {**filled, **own}
            for inner in filled:
                if inner not in own:
                    problems.written_at((*path, key, inner), (*place, inner), user)
    return written


def _values(
    params: tuple[Param, ...], given: dict[str, Any], name: str, path: Path, problems: Problems
) -> dict[str, Any] | None:
    known = {param.name: param for param in params}
    values: dict[str, Any] = {}
    good = True
    for key in given:
        if key not in known:
            problems.error(
                Code.UNKNOWN_PARAMETER,
                f"template `{name}` has no parameter `{key}`",
                (*path, "with", key),
                on_key=True,
                hint=suggest(key, known) or f"its parameters are: {', '.join(known) or 'none'}",
            )
            good = False
    for key, param in known.items():
        value = given.get(key)
        if value is None and param.required:
            problems.error(
                Code.MISSING_PARAMETER,
                f"template `{name}` needs a value for `{key}`",
                (*path, "with") if given else (*path, "use"),
                on_key=True,
                hint=f"add `with: {{{key}: …}}`",
            )
            good = False
        elif value is None or has_template(value):
            values[key] = param.default if value is None else value
        else:
            try:
                values[key] = convert(param, value)
            except (ValueError, TypeError) as error:
                problems.error(
                    Code.BAD_PARAMETER,
                    f"`{key}` of template `{name}`: {error}",
                    (*path, "with", key),
                )
                good = False
    return values if good else None


def _filled(
    value: Any, values: Mapping[str, Any], place: Path, user: str, problems: Problems
) -> Any:
    """Return a value of a template with what a step gives it in place."""
    if value.__class__ is dict:
        return {
            key: item if key in _UNTOUCHED else _filled(item, values, (*place, key), user, problems)
            for key, item in value.items()
        }
    if value.__class__ is list:
        return [
            _filled(item, values, (*place, index), user, problems)
            for index, item in enumerate(value)
        ]
    if value.__class__ is not str or not has_template(value):
        return value
    whole = _REFERENCE.fullmatch(value.strip())
    if whole is not None and whole[1] in values:
        return values[whole[1]]

    def text_of(match: re.Match[str]) -> str:
        return value_text(values[match[1]]) if match[1] in values else match[0]

    filled = _REFERENCE.sub(text_of, value)
    left = _ANY_REFERENCE.search(_REFERENCE.sub(lambda m: "" if m[1] in values else m[0], value))
    if left is not None:
        problems.error(
            Code.UNKNOWN_NAME,
            f"`{left[0]}` is not `{{{{ with.NAME }}}}` of a parameter of the template",
            place,
            hint=f"its parameters are: {', '.join(values) or 'none'};"
            " they cannot be combined with filters or operators",
        )
    return filled
