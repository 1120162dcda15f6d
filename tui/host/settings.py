"""The settings. Precedence: flags, `MISSION_*` variables, the project, user and system file.

The project file is the nearest `.mission.toml` or `mission.toml` in the working directory or above.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from core.errors import UsageError
from core.machine.file_owner import whose
from core.value.duration import parse_duration
from tui.host.places import CONFIG, SYSTEM_FOLDER, place_of

PROJECT_FILES = (".mission.toml", "mission.toml")
OPERATOR_TABLES = ("safety", "policy")
"""Tables that have readers of their own, for they have fewer sources than other settings."""
OPERATOR_SETTINGS = ("executor", "retention", "witness_file")
"""Settings that a project cannot change: it would be out of reach of whom it is to convince."""
ARTIFACT_LIMITS = ("step_mb", "execution_mb")
"""Fields of `core.steps.file.artifact_folder.ArtifactLimits`."""
_MOST_MB = 1 << 30
SWITCH = ("off", "on")
COLOURS = ("auto", "always", "never")


class Setting(Struct, frozen=True):
    """A value and its origin: `--db`, `MISSION_DB`, or the path of a file."""

    value: Any
    origin: str


class Settings(Struct, frozen=True, kw_only=True):
    """The settings that were set, by name."""

    found: Mapping[str, Setting] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Warnings about unknown names in the files."""

    def value(self, name: str) -> Any:
        """Return the value of a setting, None when it was not set."""
        setting = self.found.get(name)
        return None if setting is None else setting.value

    @property
    def database(self) -> str | None:
        """The path of the database, None for the default."""
        value: str | None = self.value("db")
        return value

    @property
    def witness_file(self) -> str | None:
        """The path of the file to which the head of the log is appended, None for none."""
        value: str | None = self.value("witness_file")
        return value

    @property
    def retention(self) -> Mapping[str, Any]:
        """How long what is kept: `logs` and `executions` in seconds, `keep`, `archive`."""
        value: Mapping[str, Any] = self.value("retention") or {}
        return value

    @property
    def parallel_limit(self) -> int | None:
        """The most concurrent attempts over all executions of this user, None for no limit."""
        value: int | None = self.value("parallel_limit")
        return value

    @property
    def breaker(self) -> Mapping[str, Any]:
        """Keys of the circuit breaker for missions that do not have them themselves."""
        value: Mapping[str, Any] = self.value("breaker") or {}
        return value

    @property
    def executor(self) -> str | None:
        """Where processes run: `local` or `dask=ADDRESS`; None for the default."""
        value: str | None = self.value("executor")
        return value

    @property
    def artifacts(self) -> Mapping[str, int]:
        """How much of artifacts is kept, in MiB: `step_mb`, `execution_mb`; empty by default."""
        value: Mapping[str, int] = self.value("artifacts") or {}
        return value

    @property
    def colour(self) -> str:
        """`auto`, `always` or `never`."""
        value: str = self.value("color") or "auto"
        return value

    @property
    def mission_folders(self) -> tuple[str, ...]:
        """Folders to search for missions."""
        value: tuple[str, ...] = self.value("missions") or ()
        return value

    @property
    def theme(self) -> str | None:
        """The theme of the screen."""
        value: str | None = self.value("theme")
        return value

    @property
    def notify(self) -> bool:
        """Whether the screen rings, notifies and sets the window's title for what it watches."""
        value: str = self.value("notify") or "off"
        return value == "on"

    @property
    def keymap(self) -> Mapping[str, str]:
        """Keys of the screen by the id of their binding."""
        value: Mapping[str, str] = self.value("keymap") or {}
        return value


def load_settings(
    *,
    environ: Mapping[str, str],
    cwd: Path,
    user_file: Path,
    flags: Mapping[str, Any],
    system_file: Path = SYSTEM_FOLDER / CONFIG,
) -> Settings:
    """Merge the settings of all sources.

    Raises `UsageError` for a file that is not TOML and for a value of the wrong type.
    """
    found: dict[str, Setting] = {}
    notes: list[str] = []
    for path in (system_file, user_file, find_project_file(cwd)):
        if path is not None:
            found |= _from_file(path, notes, is_own=path in (system_file, user_file))
    for name, check in _CHECKS.items():
        variable = f"MISSION_{name.upper()}"
        text = environ.get(variable)
        if text and name in _FROM_ENVIRONMENT:
            found[name] = Setting(check(_FROM_ENVIRONMENT[name](text), variable), variable)
    for name, value in flags.items():
        if value is not None:
            found[name] = Setting(value, f"--{name}")
    return Settings(found=found, notes=tuple(notes))


def find_project_file(cwd: Path) -> Path | None:
    """Return the nearest project file at or above `cwd`, or None."""
    for folder in (cwd, *cwd.parents):
        for name in PROJECT_FILES:
            path = folder / name
            with contextlib.suppress(OSError):  # ignore folders that cannot be accessed
                if path.is_file():
                    return path
    return None


def _from_file(path: Path, notes: list[str], *, is_own: bool) -> dict[str, Setting]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}{whose(path)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8") from error
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    found: dict[str, Setting] = {}
    for name, value in table.items():
        if name in OPERATOR_TABLES:
            if not is_own:
                notes.append(f"{path}: [{name}] is ignored: no project can loosen {name}")
            continue
        if name in OPERATOR_SETTINGS and not is_own:
            notes.append(f"{path}: {name} is ignored: no project can set it")
            continue
        check = _CHECKS.get(name)
        if check is None:
            notes.append(f"{path}: unknown setting {name!r} (known: {', '.join(sorted(_CHECKS))})")
            continue
        found[name] = Setting(check(_below(name, value, path.parent), str(path)), str(path))
    return found


def _home_expanded(text: str, what: str) -> Path:
    return place_of(text, what) if text.startswith("~") else Path(text)


def _below(name: str, value: Any, folder: Path) -> Any:
    """Resolve paths in a settings file relative to that file."""
    if name in ("db", "witness_file") and isinstance(value, str) and value:
        return str(folder / _home_expanded(value, name))
    if name == "missions" and isinstance(value, list):
        return [str(folder / _home_expanded(one, name)) for one in value if isinstance(one, str)]
    return value


def _count(value: Any, origin: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise UsageError(f"{origin}: {value!r} is not a number from 1 to 10000")
    return value


def _breaker(value: Any, origin: str) -> Mapping[str, Any]:
    from core.mission_file.finding.problem import Problems  # rarely set
    from core.mission_file.keys.breaker_thresholds import check_breaker

    problems = Problems()
    checked = check_breaker(value, ("breaker",), problems)
    if problems.has_errors:
        raise UsageError(f"{origin}: {problems.first_error}")
    found: Mapping[str, Any] = checked
    return found


def _artifacts(value: Any, origin: str) -> Mapping[str, int]:
    if not isinstance(value, dict):
        raise UsageError(f"{origin}: {value!r} is not a table")
    for name, limit in value.items():
        if name not in ARTIFACT_LIMITS:
            known = ", ".join(ARTIFACT_LIMITS)
            raise UsageError(f"{origin}: unknown setting artifacts.{name} (known: {known})")
        if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= _MOST_MB:
            raise UsageError(
                f"{origin}: artifacts.{name} is a number of MiB from 0 to {_MOST_MB}, not {limit!r}"
            )
    return dict(value)


def _text(value: Any, origin: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{origin}: {value!r} is not a text")
    return value


def _absolute(value: Any, origin: str) -> str:
    text = _text(value, origin)
    if not Path(text).is_absolute():
        raise UsageError(f"{origin}: {text!r} is not an absolute path")
    return text


def _executor(value: Any, origin: str) -> str:
    from tui.host.executor_choice import cluster_address

    text = _text(value, origin)
    try:
        cluster_address(text)
    except UsageError as error:
        raise UsageError(f"{origin}: {error.message}", hint=error.hint) from None
    return text


def _retention(value: Any, origin: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{origin}: retention is not a table")
    found: dict[str, Any] = {}
    for name, one in value.items():
        place = f"{origin}: retention.{name}"
        if name in ("logs", "executions"):
            try:
                found[name] = parse_duration(one)
            except ValueError as error:
                raise UsageError(f"{place}: {one!r} {error}") from None
        elif name == "keep":
            found[name] = _count(one, place)
        elif name == "archive":
            found[name] = _absolute(one, place)
        else:
            raise UsageError(
                f"{place} is unknown", hint="known are archive, executions, keep and logs"
            )
    return found


def _colour(value: Any, origin: str) -> str:
    if value not in COLOURS:
        raise UsageError(f"{origin}: {value!r} is not one of {', '.join(COLOURS)}")
    return str(value)


def _switch(value: Any, origin: str) -> str:
    if value not in SWITCH:
        raise UsageError(f"{origin}: {value!r} is not one of {', '.join(SWITCH)}")
    return str(value)


def _texts(value: Any, origin: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UsageError(f"{origin}: {value!r} is not a list of texts")
    return tuple(value)


def _text_table(value: Any, origin: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise UsageError(f"{origin}: {value!r} is not a table of texts")
    return dict(value)


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "db": _text,
    "witness_file": _absolute,
    "retention": _retention,
    "parallel_limit": _count,
    "breaker": _breaker,
    "executor": _executor,
    "artifacts": _artifacts,
    "color": _colour,
    "missions": _texts,
    "theme": _text,
    "notify": _switch,
    "keymap": _text_table,
}
_FROM_ENVIRONMENT: Mapping[str, Callable[[str], Any]] = {
    "db": str,
    "witness_file": str,
    "parallel_limit": lambda text: int(text) if text.isdecimal() else text,
    "executor": str,
    "color": str,
    "missions": lambda text: text.split(":"),
    "theme": str,
    "notify": str,
}
