"""Which step types exist, by name; a family is imported only when one of its types is asked for.

Knows no parameter model and must not import one: `mission --version` and completion read names.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.errors import StepTypeLoadError

if TYPE_CHECKING:  # pydantic and importlib.metadata cost start-up time that most commands save
    from importlib.metadata import EntryPoint

    from core.step_type.step_type import StepType

GROUP = "missiondeck.step_types"

BUILT_IN = MappingProxyType(
    {
        "noop": "core.steps.control.basic_steps:Noop",
        "log": "core.steps.control.basic_steps:Log",
        "fail": "core.steps.control.basic_steps:Fail",
        "finish": "core.steps.control.finish:Finish",
        "wait": "core.steps.control.basic_steps:Wait",
        "command": "core.steps.process.command:Command",
        "script": "core.steps.process.script:Script",
        "create_file": "core.steps.file.create_read_delete:CreateFile",
        "append_file": "core.steps.file.create_read_delete:AppendFile",
        "edit_file": "core.steps.file.edit:EditFile",
        "copy_file": "core.steps.file.copy_move:CopyFile",
        "move_file": "core.steps.file.copy_move:MoveFile",
        "delete_file": "core.steps.file.create_read_delete:DeleteFile",
        "read_file": "core.steps.file.create_read_delete:ReadFile",
        "list_directory": "core.steps.file.search:ListDirectory",
        "file_search": "core.steps.file.search:FileSearch",
        "checksum": "core.steps.archive.compress:Checksum",
        "compress": "core.steps.archive.compress:Compress",
        "extract": "core.steps.archive.extract:Extract",
        "parse_json": "core.steps.data.parse:ParseJson",
        "parse_yaml": "core.steps.data.parse:ParseYaml",
        "parse_csv": "core.steps.data.parse:ParseCsv",
        "validate_schema": "core.steps.data.validate_schema:ValidateSchema",
        "http": "core.steps.http.http_request:Http",
        "sql_query": "storage.steps.sql_query:SqlQuery",
        "wait_for": "core.steps.http.wait_for:WaitFor",
        "transform": "core.steps.data.variables:Transform",
        "set_variables": "core.steps.data.variables:SetVariables",
        "assert": "core.steps.data.variables:Assert",
        "approval": "core.steps.control.approval:ApprovalStep",
        "mission": "core.steps.control.sub_mission:MissionStepType",
        "group": "core.steps.control.group:Group",
    }
)
"""Canonical name → `module:class`."""

SUB_MISSION_TYPES = frozenset({"mission", "group"})
"""The types that run a linked execution."""

RAW_PARAMETERS: Mapping[str, frozenset[str]] = MappingProxyType({"group": frozenset({"mission"})})
"""Parameters that hold steps of their own: templates in them are those steps'."""

PROCESS_TYPES = frozenset({"command", "script"})
"""The built-in types that run a process."""

REDIRECTS = ("stdout_to", "stderr_to")
"""Keys of a step that are written out as parameters of its command or script."""


class Expression(Enum):
    """What kind of value an expression parameter must give."""

    VALUE = "value"
    CONDITION = "condition"


EXPRESSIONS = MappingProxyType(
    {
        "transform": {"expression": Expression.VALUE},
        "assert": {"that": Expression.CONDITION},
    }
)
"""Parameters that are expressions: checked like `when`, evaluated by the step, never rendered."""


def kept_parameters(type_name: str) -> frozenset[str]:
    """Return the parameters of a type that are not rendered: expressions, and steps of its own."""
    found = EXPRESSIONS.get(type_name)
    return RAW_PARAMETERS.get(type_name, _NONE) if found is None else frozenset(found)


_NONE: frozenset[str] = frozenset()
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def normalise_type(name: str) -> str:
    """Return the canonical form of a type's name: `CreateFile` → `create_file`, `Http` → `http`."""
    return _WORD_START.sub("_", name).lower()


@cache
def step_type(name: str) -> "StepType | None":
    """Return the type of that canonical name, or None when there is none.

    Raises `StepTypeLoadError` when an installed package offers the name and cannot provide it.
    """
    target = BUILT_IN.get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        found: StepType = getattr(import_module(module), attribute)()
        return found
    offers = _plug_ins().get(name, ())
    return _load(name, offers) if offers else None


def step_type_names() -> list[str]:
    """Return all canonical names, built-in ones first, then those of packages by name."""
    return [*BUILT_IN, *sorted(name for name in _plug_ins() if name not in BUILT_IN)]


@cache
def _plug_ins() -> "dict[str, tuple[EntryPoint, ...]]":
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def _load(name: str, offers: "tuple[EntryPoint, ...]") -> "StepType":
    from core.step_type.step_type import StepType

    if len(offers) > 1:
        owners = ", ".join(sorted(_owner(entry) for entry in offers))
        raise StepTypeLoadError(
            f"step type {name} is offered by more than one package: {owners}",
            hint="uninstall all but one of them",
        )
    entry = offers[0]
    source = f"step type {name} of package {_owner(entry)}"
    try:
        loaded = entry.load()
        instance = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:
        raise StepTypeLoadError(
            f"{source} cannot be loaded: {type(error).__name__}: {error}",
            hint=f"its entry point is {entry.value}; update or uninstall the package",
        ) from error
    if not isinstance(instance, StepType):
        raise StepTypeLoadError(
            f"{source} is a {type(instance).__name__}, not a core.step_type.StepType"
        )
    if getattr(instance, "name", None) != name:
        raise StepTypeLoadError(
            f"{source} calls itself {getattr(instance, 'name', None)!r}: the names must be equal"
        )
    return instance


def _owner(entry: "EntryPoint") -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "(unknown)"


def forget_step_types() -> None:
    """Forget the installed packages, so that they are looked up again."""
    _plug_ins.cache_clear()
    step_type.cache_clear()
