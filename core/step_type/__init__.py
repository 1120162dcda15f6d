"""The public interface for step types: all that a step type package may import from `core`.

Its names and their meaning stay stable within a major version; every other module of `core` may
change at any time. Names are imported on first use, because the command line loads the registry
without pydantic.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time `__getattr__` imports them
    from core.domain.reasons import Reason
    from core.domain.records import LogLevel, LogStream
    from core.errors import MissionDeckError
    from core.ports.clock import Clock
    from core.ports.executor import Executor, Job, Outcome, OutcomeKind, OutputSink
    from core.step_type.failure import os_failure
    from core.step_type.host import Approval, StepHost, SubMissionEnd
    from core.step_type.intent import Intent
    from core.step_type.json_text import JsonTextError, parse_json_text
    from core.step_type.parameter_model import NoOutput, StepParameters
    from core.step_type.parameter_types import Level, Printable, Seconds, Text
    from core.step_type.step_type import (
        Mode,
        StepCall,
        StepOutcome,
        StepType,
        clip,
        plain_text,
    )

__all__ = [
    "Approval",
    "Clock",
    "Executor",
    "Intent",
    "Job",
    "JsonTextError",
    "Level",
    "LogLevel",
    "LogStream",
    "MissionDeckError",
    "Mode",
    "NoOutput",
    "Outcome",
    "OutcomeKind",
    "OutputSink",
    "Printable",
    "Reason",
    "Seconds",
    "StepCall",
    "StepHost",
    "StepOutcome",
    "StepParameters",
    "StepType",
    "SubMissionEnd",
    "Text",
    "clip",
    "os_failure",
    "parse_json_text",
    "plain_text",
]

_MODULES = MappingProxyType(
    {
        "core.domain.reasons": ("Reason",),
        "core.domain.records": ("LogLevel", "LogStream"),
        "core.errors": ("MissionDeckError",),
        "core.ports.clock": ("Clock",),
        "core.ports.executor": ("Executor", "Job", "Outcome", "OutcomeKind", "OutputSink"),
        "core.step_type.failure": ("os_failure",),
        "core.step_type.host": ("Approval", "StepHost", "SubMissionEnd"),
        "core.step_type.intent": ("Intent",),
        "core.step_type.json_text": ("JsonTextError", "parse_json_text"),
        "core.step_type.parameter_model": ("NoOutput", "StepParameters"),
        "core.step_type.parameter_types": ("Level", "Printable", "Seconds", "Text"),
        "core.step_type.step_type": (
            "Mode",
            "StepCall",
            "StepOutcome",
            "StepType",
            "clip",
            "plain_text",
        ),
    }
)
"""The module that defines each public name."""


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
