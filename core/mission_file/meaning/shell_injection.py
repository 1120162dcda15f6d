"""Finds templates in shell text: whoever controls their value controls the shell."""

import re
from collections.abc import Sequence
from typing import Any

from core.domain.mission import Precondition
from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "busybox"})
_COMMAND_FLAG = re.compile(r"-[a-zA-Z]*c")


def check_shell_injection(draft: Draft, problems: Problems) -> None:
    """Refuse templates in the text of scripts; warn of those that commands pass to a shell."""
    for index, step in enumerate(draft.steps):
        if step is not None:
            _check(step.step_type, step.parameters, ("steps", index, "parameters"), problems)
            _check_preconditions(step.preconditions, ("steps", index), problems)
            if step.ready is not None and has_template(step.ready.run):
                _refuse_template(("steps", index, "ready", "run"), problems)
    for placed in draft.handlers:
        step = placed.step
        _check(step.step_type, step.parameters, (*placed.path, "parameters"), problems)
        _check_preconditions(step.preconditions, placed.path, problems)
    of_mission = draft.fields.get("preconditions", ())
    if of_mission is not INVALID:
        _check_preconditions(of_mission, (), problems)


def _check_preconditions(
    preconditions: Sequence[Precondition], path: Path, problems: Problems
) -> None:
    for index, one in enumerate(preconditions):
        if has_template(one.script):
            _refuse_template((*path, "preconditions", index, "run"), problems)


def _refuse_template(path: Path, problems: Problems) -> None:
    problems.error(
        Code.SCRIPT_TEMPLATE,
        "a template inside the text of a script lets its value run as code",
        path,
        hint="put the value into `env`, such as {TARGET: '{{ params.target }}'},"
        ' and write "$TARGET"',
    )


def _check(step_type: str, parameters: Any, path: Path, problems: Problems) -> None:
    if step_type == "script" and has_template(parameters.get("script")):
        _refuse_template((*path, "script"), problems)
    elif step_type == "command":
        args = parameters.get("args")
        words = [parameters.get("command"), *(args if args.__class__ is list else [])]
        _check_command(words, path, problems)


def _check_command(words: list[Any], path: Path, problems: Problems) -> None:
    texts = [word if word.__class__ is str else "" for word in words]
    if not any(text.rsplit("/", 1)[-1] in _SHELLS for text in texts):
        return
    for number, text in enumerate(texts[1:], start=1):
        before = texts[number - 1]
        if _COMMAND_FLAG.fullmatch(before) and has_template(text):
            problems.warn(
                Code.SHELL_TEMPLATE,
                "a template inside shell text: its value can run any command (injection)",
                (*path, "args", number - 1),
                hint='pass the value by `env` and write "$NAME", or call the program'
                " without a shell",
            )
