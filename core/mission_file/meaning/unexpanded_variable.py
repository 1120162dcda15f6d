"""Warns of `$NAME` where no shell expands it: in environments and arguments of commands."""

import re
from typing import Any

from core.machine.environment import is_denied
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft
from core.value.secret_name import is_secret_name

_DOLLAR = re.compile(
    r"\$(?:([A-Za-z_][A-Za-z0-9_]{0,99})|\{([A-Za-z_][A-Za-z0-9_]{0,99})\}|\([a-z][^()]{0,99}\))"
)
_SHELLS = "sh bash dash zsh ksh ash fish busybox pwsh tclsh expect"
_LANGUAGES = "awk gawk mawk perl php ruby node jq yq envsubst make"
_STARTERS = "su sudo ssh env xargs watch docker podman kubectl nix nix-shell"
_READERS = frozenset(f"{_SHELLS} {_LANGUAGES} {_STARTERS}".split())
"""Programs that interpret `$NAME`, or that start others."""


def check_unexpanded_variables(draft: Draft, problems: Problems) -> None:
    """Warn of `$NAME` in an environment, a working folder and a command's arguments."""
    env = draft.fields.get("env")
    if env is not INVALID:
        _check_env(env, ("env",), problems)
    placed = [(step, ("steps", index)) for index, step in enumerate(draft.steps) if step]
    placed += [(found.step, found.path) for found in draft.handlers]  # type: ignore[misc]  # paths are longer
    for step, path in placed:
        _check_env(step.env, (*path, "env"), problems)
        _check(step.working_dir, (*path, "working_dir"), problems)
        if step.step_type == "command":
            _check_command(step.parameters, (*path, "parameters"), problems)


def _check_env(env: Any, path: Path, problems: Problems) -> None:
    for name, value in (env or {}).items():
        _check(value, (*path, name), problems)


def _check_command(parameters: Any, path: Path, problems: Problems) -> None:
    args = parameters.get("args")
    words = [parameters.get("command"), *(args if args.__class__ is list else [])]
    if any(word.__class__ is str and word.rpartition("/")[2] in _READERS for word in words):
        return
    _check(words[0], (*path, "command"), problems)
    for index, word in enumerate(words[1:]):
        _check(word, (*path, "args", index), problems)


def _check(text: Any, path: Path, problems: Problems) -> None:
    found = _DOLLAR.search(text) if text.__class__ is str and "$" in text else None
    if found is None:
        return
    problems.warn(
        Code.NOT_EXPANDED,
        f"`{found[0]}` is not expanded: no shell reads this",
        path,
        hint=_fix(found[1] or found[2]),
        needle=found[0],
    )


def _fix(name: str | None) -> str:
    if name is None:
        return "use `run`, whose shell runs it"
    for prefix, root in (("MISSION_PARAM_", "params"), ("MISSION_VAR_", "vars")):
        if name.startswith(prefix):
            return f"write {{{{ {root}.{name.removeprefix(prefix).lower()} }}}}"
    if is_denied(name) or is_secret_name(name):
        return "use a step of type `script`, whose shell expands it"
    return f"write {{{{ env.{name} }}}}, or use a step of type `script`"
