"""Variables by which a mission would make trusted programs load or run other code."""

from collections.abc import Iterable, Mapping

from core.machine.environment import is_denied
from core.security.safety.finding import Finding


def environment_findings(
    env: Mapping[str, str], secret_variables: Iterable[str] = ()
) -> list[Finding]:
    """Return what is refused of the variables that are set; of secrets only names are known."""
    found: list[Finding] = []
    for name, value in env.items():
        if is_denied(name):
            found.append(_loads(name))
        elif name == "PATH" and not _is_absolute(value):
            found.append(
                Finding("safety.relative-path", "PATH may hold nothing but absolute folders")
            )
    return found + [_loads(one) for one in secret_variables if is_denied(one) or one == "PATH"]


def _loads(name: str) -> Finding:
    return Finding("safety.loader-variable", f"{name} changes which code programs load")


def _is_absolute(value: str) -> bool:
    """Tell whether all entries of a search path are absolute; a shell takes an empty one as `.`."""
    return all(entry.startswith("/") for entry in value.split(":"))
