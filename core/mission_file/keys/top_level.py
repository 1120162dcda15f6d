"""The top level of a mission file, and the check of its structure."""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import (
    INPUT_PREFIX,
    DeclaredSecret,
    Handlers,
    Mission,
    MissionStep,
)
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import FOREIGN_MISSION_KEYS, PORTING, foreign_data
from core.mission_file.finding.limit import MAX_DESCRIPTION_CHARACTERS, MAX_STEPS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    VARIABLE_NAME,
    Key,
    check_mapping,
    check_name,
    describe,
    label,
    mapping_schema,
    require_keys,
    shorten,
    text,
    wrong_type,
)
from core.mission_file.including.included_keys import INCLUDE_KEY
from core.mission_file.keys.config import CONFIG_KEYS, check_config, make_config
from core.mission_file.keys.defaults import DEFAULT_KEYS, check_defaults
from core.mission_file.keys.env import check_env
from core.mission_file.keys.handler import HANDLER_KEYS, STEP_LIST, check_handlers
from core.mission_file.keys.json_schema import NAME, TEXT, VARIABLE_PATTERN, array, mapping_of
from core.mission_file.keys.param import PARAM_KEYS, check_params
from core.mission_file.keys.secret_names import check_declared, check_declared_secrets
from core.mission_file.keys.shorthand import write_out
from core.mission_file.keys.step.step_key_values import check_file_names
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.keys.step.whole_step import check_step
from core.mission_file.shapes.concurrency_key import CONCURRENCY
from core.mission_file.shapes.label_key import LABELS
from core.mission_file.shapes.precondition_key import MISSION_PRECONDITIONS
from core.mission_file.step_template import TEMPLATE_KEYS, check_templates

SUPPORTED_MAJOR = 1
_VERSION = re.compile(r"(\d{1,6})(?:\.\d{1,6}){0,2}", re.ASCII)


class PlacedStep(Struct, frozen=True):
    """A step and its path in the file."""

    step: MissionStep
    path: Path


class Draft(Struct):
    """The content of a file as far as it is valid. `steps` has None for invalid steps."""

    fields: dict[str, Any]
    raw_steps: list[Any]
    steps: list[MissionStep | None]
    handlers: list[PlacedStep]

    def mission(self) -> Mission:
        """Return the mission; only for a draft without errors."""
        fields = dict(self.fields)
        config = fields.pop("config", None) or make_config({})
        steps = tuple([step for step in self.steps if step is not None])
        secrets = self.secrets or ()
        return Mission(**{**fields, "steps": steps, "config": config, "secrets": secrets})

    @property
    def secrets(self) -> tuple[DeclaredSecret, ...] | None:
        """The secrets that steps may name: declared ones and secret inputs; None if invalid."""
        declared, params = self.fields.get("secrets", ()), self.fields.get("params", ())
        if declared is INVALID or params is INVALID:
            return None
        inputs = [
            DeclaredSecret(one.name, f"env:{INPUT_PREFIX}{one.name}")
            for one in params
            if one.secret
        ]
        return (*declared, *inputs)


def check_version(value: Any, path: Path, problems: Problems) -> Any:
    """Check the schema version; a number counts as its text."""
    written = str(value) if value.__class__ in (int, float) else value
    if written.__class__ is not str:
        return wrong_type(value, path, problems, 'text, such as "1.0"')
    match = _VERSION.fullmatch(written)
    if match and int(match[1]) == SUPPORTED_MAJOR:
        return written
    problems.error(
        Code.UNSUPPORTED_VERSION,
        f"schema version {shorten(written)} is not supported",
        path,
        hint=f'this program reads versions {SUPPORTED_MAJOR}.x: write version: "1.0"',
    )
    return INVALID


def check_variables(value: Any, path: Path, problems: Problems) -> Any:
    """Check variables: their names; values may be any data."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping of names to values")
    good = True
    for name in value:
        if not VARIABLE_NAME.fullmatch(name):
            problems.error(
                Code.BAD_ID,
                f"`{name}` is not a name for a variable",
                (*path, name),
                on_key=True,
                hint="a name has letters, digits and _, and does not begin with a digit",
            )
            good = False
    return value if good else INVALID


def _check_steps(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not list:
        hint = "write each step as an item with its id: `- id: build`"
        return wrong_type(value, path, problems, "a list of steps", hint=hint)
    if not value:
        problems.error(Code.NO_STEPS, "a mission has at least one step", path)
    elif len(value) > MAX_STEPS:
        problems.error(
            Code.TOO_MANY_STEPS,
            f"the mission has {len(value):,} steps; at most {MAX_STEPS:,} are allowed",
            path,
            on_key=True,
        )
        return INVALID
    return [check_step(item, (*path, index), problems) for index, item in enumerate(value)]


MISSION_KEYS = {
    "version": Key(
        check=check_version,
        doc="The version of the schema; 1.x is read.",
        schema={
            "type": ["string", "number"],
            "pattern": r"^1(\.\d{1,6}){0,2}$",
            "minimum": SUPPORTED_MAJOR,
            "exclusiveMaximum": SUPPORTED_MAJOR + 1,
        },
        required=True,
        example='"1.0"',
    ),
    "name": Key(
        check=check_name,
        doc="The name of the mission; its stable id is derived from it.",
        schema=NAME,
        required=True,
        example="release",
        synonyms=("title", "mission", "workflow"),
    ),
    "description": Key(
        check=text(MAX_DESCRIPTION_CHARACTERS, empty=True),
        doc="What the mission is for.",
        schema=TEXT,
        example="build, test and ship",
    ),
    "params": Key(
        check=check_params,
        doc="Its typed inputs, by name.",
        schema={
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {VARIABLE_PATTERN: mapping_schema(PARAM_KEYS)},
        },
        default="{}",
        example="{target: {type: choice, choices: [staging, production], default: staging}}",
        synonyms=("parameters", "inputs", "arguments"),
    ),
    "labels": LABELS,
    "concurrency": CONCURRENCY,
    "preconditions": MISSION_PRECONDITIONS,
    "variables": Key(
        check=check_variables,
        doc="Values by name, for templates: `{{ vars.NAME }}`.",
        schema=mapping_of(VARIABLE_PATTERN, {}),
        default="{}",
        example="{region: eu-1}",
        synonyms=("vars",),
    ),
    "secrets": Key(
        check=check_declared_secrets,
        doc="Names of the secrets that its steps may use, or names with a source; never values.",
        schema=array(
            {
                "anyOf": [
                    {"type": "string", "pattern": VARIABLE_PATTERN},
                    {
                        **mapping_of(VARIABLE_PATTERN, {"type": "string"}),
                        "minProperties": 1,
                        "maxProperties": 1,
                    },
                ]
            }
        ),
        default="[]",
        example="[DEPLOY_TOKEN, {CI_TOKEN: env:CI_JOB_TOKEN}]",
    ),
    "env": Key(
        check=check_env,
        doc="Environment variables of all its steps.",
        schema=STEP_KEYS["env"].schema,
        default="{}",
        example="{LANG: C.UTF-8}",
        synonyms=("environment", "envs"),
    ),
    "env_files": Key(
        check=check_file_names,
        doc="Environment files (`.env`) for all its steps, below the folder of the mission file;"
        " `env` goes over them.",
        schema=STEP_KEYS["env_files"].schema,
        default="[]",
        example="[.env]",
        synonyms=("env_file", "dotenv", "envfile"),
    ),
    "config": Key(
        check=check_config,
        doc="How the mission is executed.",
        schema=mapping_schema(CONFIG_KEYS),
        default="{}",
        example="{parallel_limit: 4}",
        synonyms=("settings", "options"),
    ),
    "defaults": Key(
        check=check_defaults,
        doc="Values for the steps, handlers too, that do not have their own.",
        schema=mapping_schema(DEFAULT_KEYS),
        default="{}",
        example="{timeout_seconds: 600, retry: {max_attempts: 2}}",
    ),
    "include": INCLUDE_KEY,
    "templates": Key(
        check=check_templates,
        doc="Steps with parameters, by name, for the steps that `use` them.",
        schema={
            "type": "object",
            "additionalProperties": mapping_schema(TEMPLATE_KEYS),
        },
        default="{}",
        example="{hello: {params: {who: {default: you}}, step: {step_type: log, parameters:"
        ' {message: "hello {{ with.who }}"}}}}',
        synonyms=("step_templates", "snippets"),
    ),
    "steps": Key(
        check=_check_steps,
        doc="The steps; their order decides between steps that are ready at the same time.",
        schema={**STEP_LIST, "minItems": 1},
        required=True,
        example="[{id: hello, name: Hello, step_type: log, parameters: {message: hello}}]",
        synonyms=("tasks", "jobs", "stages"),
    ),
    "handlers": Key(
        check=check_handlers,
        doc="Steps that run when the mission has ended.",
        schema=mapping_schema(HANDLER_KEYS),
        default="{}",
        example="{on_failure: [{id: undo, name: Undo, step_type: log,"
        " parameters: {message: failed}}]}",
        synonyms=("hooks",),
    ),
}


def check_mission(data: Any, problems: Problems) -> Draft | None:
    """Check the structure of a whole file; None if it is not a mapping."""
    if data.__class__ is not dict:
        problems.error(
            Code.NOT_A_MAPPING,
            f"a mission is a mapping with `version`, `name` and `steps`, not {describe(data)}",
            hint="put the list under `steps:`" if data.__class__ is list else None,
        )
        return None
    tool = foreign_data(data)
    if tool is not None:
        message = f"this is {tool}, not a mission"
        problems.error(Code.OTHER_TOOL, message, hint=PORTING)
    data = dict(data)
    used = write_out(data, problems)
    fields = check_mapping(data, (), problems, MISSION_KEYS, "a mission", FOREIGN_MISSION_KEYS)
    fields.pop("defaults", None)
    fields.pop("templates", None)
    fields.pop("include", None)
    if tool is None:
        require_keys(data, (), problems, MISSION_KEYS, "the mission")
    steps = fields.pop("steps", INVALID)
    handlers = fields.pop("handlers", INVALID)
    for (key, *names, index), template in used.items():
        found = steps if key == "steps" else handlers
        for name in names:
            found = found.get(name, INVALID) if found is not INVALID else INVALID
        if found is not INVALID and found[index] is not None:
            found[index] = replace(found[index], template=template)
    draft = Draft(
        fields=fields,
        raw_steps=data["steps"] if steps is not INVALID else [],
        steps=steps if steps is not INVALID else [],
        handlers=[],
    )
    if handlers is not INVALID and handlers:
        _take_handlers(handlers, draft)
    _check_ids(draft, problems)
    _check_secrets(draft, problems)
    return draft


def _take_handlers(handlers: dict[str, Any], draft: Draft) -> None:
    kept: dict[str, tuple[MissionStep, ...]] = {}
    for name, steps in handlers.items():
        if steps is INVALID:
            continue
        for index, step in enumerate(steps):
            if step is not None:
                draft.handlers.append(PlacedStep(step, ("handlers", name, index)))
        kept[name] = tuple([step for step in steps if step is not None])
    draft.fields["handlers"] = Handlers(**kept)


def _check_ids(draft: Draft, problems: Problems) -> None:
    """Report ids that are used twice, also by steps that are invalid otherwise."""
    first: dict[str, Path] = {}
    for index, raw in enumerate(draft.raw_steps):
        name = raw.get("id") if raw.__class__ is dict else None
        if name.__class__ is str:
            _check_id(name, ("steps", index), first, problems)
    for placed in draft.handlers:
        _check_id(placed.step.id, placed.path, first, problems)


def _check_id(name: str, path: Path, first: dict[str, Path], problems: Problems) -> None:
    before = first.setdefault(name, path)
    if before is not path:
        problems.error(
            Code.DUPLICATE_ID,
            f"step id {shorten(name)} is used twice: {label(before)} has it, too",
            (*path, "id"),
            hint="ids are unique within a mission",
        )


def _check_secrets(draft: Draft, problems: Problems) -> None:
    declared = draft.secrets
    if declared is None:
        return
    names = [one.name for one in declared]
    for twice in {name for name in names if names.count(name) > 1}:
        problems.error(
            Code.DUPLICATE_ID,
            f"`{twice}` is a secret input, and declared under `secrets`, too",
            ("params", twice),
            on_key=True,
            hint="a secret input needs no entry under `secrets`",
        )
    for index, step in enumerate(draft.steps):
        if step is not None:
            _check_step_secrets(step, declared, ("steps", index), problems)
    for placed in draft.handlers:
        _check_step_secrets(placed.step, declared, placed.path, problems)


def _check_step_secrets(
    step: MissionStep, declared: tuple[DeclaredSecret, ...], path: Path, problems: Problems
) -> None:
    if step.secrets:
        check_declared(step.secrets, declared, (*path, "secrets"), problems)
    if step.secret_files:
        files = step.secret_files.values()
        check_declared(files, declared, (*path, "secret_files"), problems)
