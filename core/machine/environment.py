"""The environment of child processes: the runner's, the mission's, and the MISSION_* variables.

Knows no mission file; safety checks what is set with `is_denied` (`core.security.safety`).
"""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from core.value.secret_name import is_secret_name

DENIED = frozenset(
    {
        *("BASHOPTS", "BASH_ENV", "CDPATH", "CLASSPATH", "COR_PROFILER", "COR_PROFILER_PATH"),
        *("DOTNET_ADDITIONAL_DEPS", "DOTNET_STARTUP_HOOKS", "ENV", "GCONV_PATH", "GEM_HOME"),
        *("GEM_PATH", "GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_SSH"),
        *("GIT_SSH_COMMAND", "GIT_TEMPLATE_DIR", "GLIBC_TUNABLES", "GLOBIGNORE", "IFS"),
        *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LESSCLOSE", "LESSOPEN", "LOCPATH"),
        *("LUA_CPATH", "LUA_PATH", "NODE_OPTIONS", "NODE_PATH", "OPENSSL_CONF"),
        *("OPENSSL_ENGINES", "OPENSSL_MODULES", "PERL5DB", "PERL5LIB", "PERL5OPT", "PERLLIB"),
        *("PHPRC", "PHP_INI_SCAN_DIR", "PROMPT_COMMAND", "PS4", "RUBYLIB", "RUBYOPT"),
        *("RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "R_PROFILE", "R_PROFILE_USER"),
        *("SHELLOPTS", "ZDOTDIR", "_JAVA_OPTIONS"),
    }
)
"""Variables by which a mission would make trusted programs load or run other code."""

DENIED_PREFIXES = (
    *("BASH_FUNC_", "CORECLR_PROFILER", "DYLD_", "GIT_CONFIG", "LD_", "LUA_INIT", "PYTHON"),
)

HARMLESS = frozenset(
    {
        "GIT_CONFIG_NOSYSTEM",
        "LD_BIND_NOW",
        "PYTHON",
        "PYTHON_VERSION",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONIOENCODING",
        "PYTHONUNBUFFERED",
        "PYTHONUTF8",
    }
)
"""Exceptions to the prefixes."""

OUTCOME_NAMES = ("state", "reason_code", "message")
"""Attributes of `execution` that only handlers have."""

FAILED_STEPS = "failed"
"""The name of the list of failed steps, which only handlers have."""

EXPORT_LIMIT_BYTES = 32 * 1024
"""Bytes of one exported value: Linux refuses to start a program with 128 KiB in one variable."""


def is_denied(name: str) -> bool:
    """Tell whether a variable changes what code programs load: safety refuses to set it."""
    upper = name.upper()
    if upper in HARMLESS:
        return False
    return upper in DENIED or upper.startswith(DENIED_PREFIXES)


def base_environment(
    environ: Mapping[str, str], mission_env: Mapping[str, Any], execution_id: str
) -> dict[str, str]:
    """Return what all steps of an execution share: our environment, overridden by the mission's."""
    return {
        **environ,
        **{name: value_text(value) for name, value in mission_env.items()},
        "MISSION_EXECUTION_ID": execution_id,
    }


class ReadableEnvironment(Mapping[str, str]):
    """`env` in templates: the environment without the variables that may not be read.

    Those are the variables that change what code programs load, and secrets by their name, because
    the values of templates are recorded.
    """

    def __init__(self, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        if is_denied(name) or is_secret_name(name):
            raise KeyError(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._environ if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def exported(scope: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return a mission's values as variables for scripts, and the names of those too large for it.

    `params.target` becomes MISSION_PARAM_TARGET, `vars.region` MISSION_VAR_REGION; in a fan-out
    `item` and `index` become MISSION_ITEM and MISSION_INDEX. In a handler `execution.state` becomes
    MISSION_EXECUTION_STATE, likewise `reason_code` and `message`, and `failed` becomes
    MISSION_FAILED. Lists and objects are JSON.
    """
    values: dict[str, Any] = {
        f"MISSION_PARAM_{_upper(name)}": value for name, value in scope.get("params", {}).items()
    }
    values.update((f"MISSION_VAR_{_upper(name)}", v) for name, v in scope.get("vars", {}).items())
    values.update((f"MISSION_{_upper(n)}", scope[n]) for n in ("item", "index") if n in scope)
    if FAILED_STEPS in scope:
        values[f"MISSION_{_upper(FAILED_STEPS)}"] = scope[FAILED_STEPS]
        outcome = scope["execution"]
        values.update((f"MISSION_EXECUTION_{_upper(n)}", outcome[n]) for n in OUTCOME_NAMES)
    found = {}
    too_large = []
    for name, value in values.items():
        text = value_text(value)
        if (
            len(text) * 4 > EXPORT_LIMIT_BYTES
            and len(text.encode("utf-8", "replace")) > EXPORT_LIMIT_BYTES
        ):
            too_large.append(name)
        elif "\0" not in text:
            found[name] = text
    return found, too_large


def value_text(value: Any) -> str:
    """Return a JSON value as the text of a variable: strings unchanged, null as empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _upper(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON data")
