"""Variables by which a mission would make trusted programs load or run other code."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from core.machine.environment import is_denied
from core.security.safety.finding import Finding


def environment_findings(
    env: Mapping[str, str], secret_variables: Iterable[str] = (), *, has_templates: bool = False
) -> list[Finding]:
    """Return what is refused of the variables that are set; of secrets only names are known.

    With `has_templates` a value may hold some that nobody has resolved yet.
    """
    found: list[Finding] = []
    for name, value in env.items():
        if is_denied(name):
            found.append(_loads(name))
        elif name == "PATH" and not _is_absolute(value, has_templates=has_templates):
            found.append(
                Finding("safety.relative-path", "PATH may hold nothing but absolute folders", name)
            )
    return found + [_loads(one) for one in secret_variables if is_denied(one) or one == "PATH"]


def _loads(name: str) -> Finding:
    return Finding("safety.loader-variable", f"{name} changes which code programs load", name)


def _is_absolute(value: str, *, has_templates: bool) -> bool:
    """Tell whether all entries of a search path are absolute; a shell takes an empty one as `.`."""
    if has_templates:
        value = _TEMPLATE.sub("/", value)
    return all(entry.startswith("/") for entry in value.split(":"))


_TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
