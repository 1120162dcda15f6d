"""Tells quickly whether safety could refuse anything of a mission as it stands in its file."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.domain.mission import Mission, MissionStep
from core.machine.environment import is_denied
from core.mission_file.inner_mission import GROUP, inner_mission
from core.security.safety.danger_filter import may_be_dangerous
from core.step_type.registry import BUILT_IN, PROCESS_TYPES


def may_be_refused(mission: Mission) -> bool:
    """Tell whether a step has to be looked at: of most missions nothing has to be."""
    if _sets_code(mission.env):
        return True
    values = [*_texts(mission.env), *_texts([param.default for param in mission.params])]
    values += [one.script for one in mission.preconditions]
    for step in mission.all_steps:
        inner = inner_mission(step) if step.step_type == GROUP else None
        if inner is not None and may_be_refused(inner):
            return True
        if _sets_code(step.env) or _sets_code(dict.fromkeys((*step.secrets, *step.secret_files))):
            return True
        values += [one.script for one in step.preconditions]
        values += [step.ready.run or ""] if step.ready is not None else []
        if runs_process(step):
            values += _texts(step.parameters)
            values += _texts(step.env)
    return may_be_dangerous("\n".join(values))


def runs_process(step: MissionStep) -> bool:
    """Tell whether a step starts a process, or might: built-in types say by their name."""
    return step.step_type in PROCESS_TYPES or step.step_type not in BUILT_IN


def _sets_code(env: Mapping[str, Any]) -> bool:
    return any(name == "PATH" or is_denied(name) for name in env)


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in a value, those of a list also as one line, as a command has them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield " ".join(text for one in value.values() for text in _texts(one))
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        yield " ".join(text for one in value for text in _texts(one))
