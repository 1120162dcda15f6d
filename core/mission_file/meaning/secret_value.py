"""Finds values in a mission file that look like secrets, by their name or by their form."""

import re
from typing import Any

from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft
from core.mission_file.meaning.prescan import walk_texts
from core.step_type.registry import RAW_PARAMETERS
from core.value.secret_name import is_secret_name

_TOKEN = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{40,}"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{20,}"
    r"|\bsk_live_[A-Za-z0-9]{20,}"
    r"|\bAIza[0-9A-Za-z_-]{35}\b"
)
"""Texts that are secrets by their form."""
_ADVICE = "declare it under `secrets`, store its value there, and let the step ask for it"


def check_secret_values(draft: Draft, problems: Problems) -> None:
    """Report secret values in env, variables, and the parameters and env of steps."""
    for key in ("env", "variables"):
        value = draft.fields.get(key)
        if value is not None and value is not INVALID:
            _check(value, (key,), problems)
    for index, raw in enumerate(draft.raw_steps):
        if raw.__class__ is dict:
            if str(raw.get("step_type")) not in RAW_PARAMETERS:  # its steps are checked themselves
                _check(raw.get("parameters"), ("steps", index, "parameters"), problems)
            _check(raw.get("env"), ("steps", index, "env"), problems)
    for placed in draft.handlers:
        _check(placed.step.parameters, (*placed.path, "parameters"), problems)
        _check(placed.step.env, (*placed.path, "env"), problems)


def _check(value: Any, path: Path, problems: Problems) -> None:
    if value.__class__ is dict:
        for name, item in value.items():
            if is_secret_name(name) and _is_literal(item):
                problems.error(
                    Code.SECRET_IN_FILE,
                    f"the value of `{name}` is in the mission file",
                    (*path, name),
                    on_key=True,
                    hint=_ADVICE,
                )
            else:
                _check(item, (*path, name), problems)
    elif value.__class__ is list:
        for index, item in enumerate(value):
            _check(item, (*path, index), problems)
    else:
        for text, place, _ in walk_texts(value, path):
            if _TOKEN.search(text):
                problems.error(
                    Code.SECRET_IN_FILE, "this looks like a secret key", place, hint=_ADVICE
                )


def _is_literal(value: Any) -> bool:
    """Tell whether a value is a non-empty literal and not a template that fetches it."""
    if value.__class__ is str:
        return value.strip() != "" and not has_template(value)
    return value.__class__ in (int, float)
