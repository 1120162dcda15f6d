"""The secrets of a mission and of its steps: names and sources, never values."""

from collections.abc import Iterable
from typing import Any

from core.domain.mission import DeclaredSecret
from core.machine.environment import is_denied
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, VARIABLE_NAME, label, suggest, wrong_type

SECRET_TYPES = frozenset({"command", "script", "http"})
"""The built-in step types that can read a secret."""

OWN_PREFIX = "MISSION_"
"""Variables of this program, which no secret may replace."""


def check_declared_secrets(value: Any, path: Path, problems: Problems) -> Any:
    """Check the secrets of a mission: names, or `{NAME: SOURCE}`; return `DeclaredSecret`s."""
    if not _is_list(value, path, problems):
        return INVALID
    found: dict[str, DeclaredSecret] = {}
    for index, item in enumerate(value):
        place: Path = (*path, index)
        declared = _check_declared_secret(item, place, problems)
        if declared is not None and found.setdefault(declared.name, declared) is not declared:
            problems.error(Code.DUPLICATE_ID, f"secret `{declared.name}` is declared twice", place)
            declared = None
        if declared is None:
            return INVALID
    return tuple(found.values())


def check_secret_names(value: Any, path: Path, problems: Problems) -> Any:
    """Check the names of the secrets that a step reads."""
    if not _is_list(value, path, problems):
        return INVALID
    names = [
        name
        for index, name in enumerate(value)
        if check_secret_name(name, (*path, index), problems)
    ]
    return tuple(dict.fromkeys(names)) if len(names) == len(value) else INVALID


def check_secret_files(value: Any, path: Path, problems: Problems) -> Any:
    """Check the secrets that a step reads from files: variables with the names of secrets."""
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping of variables to names of secrets")
    good = True
    for variable, name in value.items():
        place = (*path, variable)
        good = check_secret_name(variable, place, problems, on_key=True) and good
        good = check_secret_name(name, place, problems) and good
    return dict(value) if good else INVALID


def check_declared(
    names: Iterable[str],
    declared: tuple[DeclaredSecret, ...],
    path: Path,
    problems: Problems,
) -> None:
    """Report secrets a step wants and the mission does not declare."""
    known = [one.name for one in declared]
    for name in names:
        if name not in known:
            problems.error(
                Code.UNKNOWN_NAME,
                f"secret `{name}` is not declared by the mission",
                path,
                hint=suggest(name, known) or f"add it to the mission's `secrets`: [{name}]",
                needle=name,
            )


def refuse_without_use(step_type: str, key: str, path: Path, problems: Problems) -> None:
    """Report secrets of a step that has no way to read them."""
    problems.error(
        Code.UNKNOWN_KEY,
        f"a `{step_type}` step reads no secrets",
        (*path, key),
        on_key=True,
        hint="command, script and http steps do, and step types of installed packages",
    )


def _is_list(value: Any, path: Path, problems: Problems) -> bool:
    """Tell whether it is a list; a mapping, which would hold the values, is an error of its own."""
    if value.__class__ is list:
        return True
    if value.__class__ is not dict or not value:
        wrong_type(value, path, problems, "a list of names")
        return False
    for name in value:
        problems.error(
            Code.SECRET_IN_FILE,
            f"the value of secret `{name}` is in the mission file",
            (*path, name),
            on_key=True,
            hint=f"write `secrets: [{', '.join(value)}]`, and store the value with"
            f" `mission secrets set {name}`",
        )
    return False


def _check_declared_secret(item: Any, path: Path, problems: Problems) -> DeclaredSecret | None:
    if item.__class__ is not dict:
        return DeclaredSecret(item) if check_secret_name(item, path, problems) else None
    if len(item) != 1:
        wrong_type(item, path, problems, "a name, or one name with its source")
        return None
    name, source = next(iter(item.items()))
    if not check_secret_name(name, path, problems):
        return None
    from core.security.mission_secrets import source_problem  # most missions have no secret

    problem = source_problem(source) if source.__class__ is str else "it is not text"
    if problem is None:
        return DeclaredSecret(name, source)
    problems.error(
        Code.SECRET_IN_FILE,
        f"this is not where secret `{name}` comes from: {problem}",
        (*path, name),
        hint="a value never stands in a mission file; `mission secrets set` stores it",
    )
    return None


def check_secret_name(name: Any, path: Path, problems: Problems, *, on_key: bool = False) -> bool:
    """Tell whether it can name a secret, and so a variable; report it if not."""
    if name.__class__ is not str or not VARIABLE_NAME.fullmatch(name):
        problems.error(
            Code.BAD_ID,
            f"{label(path)} is not a name: letters, digits and _ only",
            path,
            on_key=on_key,
            hint="list names of secrets here, never their values",
        )
        return False
    if is_denied(name):
        problems.error(
            Code.FORBIDDEN_ENV,
            f"`{name}` may not be set: it changes what code programs load",
            path,
            on_key=on_key,
            hint="a secret is delivered as the variable of its name: choose another name",
        )
        return False
    if name.upper().startswith(OWN_PREFIX):
        problems.error(
            Code.FORBIDDEN_ENV,
            f"`{name}` is a name of this program's own variables",
            path,
            on_key=on_key,
            hint=f"a name of a secret does not begin with {OWN_PREFIX}",
        )
        return False
    return True
