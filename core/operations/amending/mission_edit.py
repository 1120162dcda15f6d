"""Sets keys of steps in the text of a mission file, which stays as it is otherwise.

Knows files and keys; whether the result is a valid mission is decided by whoever loads it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from core.errors import BugError, UsageError
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import decode
from core.mission_file.load import JSON, YAML, locator, parse
from core.value.suggestion import did_you_mean

Path = tuple[str | int, ...]


class Setting(Struct, frozen=True):
    """A key of a step, its parts in order, and the value it is to have (JSON data)."""

    step_id: str
    key: tuple[str, ...]
    value: Any


def parse_settings(texts: Sequence[str], step_ids: Sequence[str]) -> list[Setting]:
    """Return `STEP.KEY=VALUE` texts as settings; a value is read as in a mission file.

    A step's id may hold dots: the longest id that fits is meant. Raises `UsageError`.
    """
    return [_setting(text, step_ids) for text in texts]


def edited(content: bytes, fmt: str, settings: Sequence[Setting]) -> tuple[bytes, str]:
    """Return the content with the settings, and its format.

    A value that is there already is replaced in its place; for a new key, or where that cannot be
    done, the whole mission is written anew as JSON.
    """
    for setting in settings:
        content, fmt = _edited(content, fmt, setting)
    return content, fmt


def _setting(text: str, step_ids: Sequence[str]) -> Setting:
    place, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r} is not STEP.KEY=VALUE")
    fitting = [step_id for step_id in step_ids if place.startswith(f"{step_id}.")]
    if not fitting:
        name = place.partition(".")[0]
        raise UsageError(
            f"--set {text!r}: the mission has no step `{name}`", hint=did_you_mean(name, step_ids)
        )
    step_id = max(fitting, key=len)
    key = tuple(place[len(step_id) + 1 :].split("."))
    if not all(key):
        raise UsageError(f"--set {text!r} names no key of `{step_id}`")
    if key == ("id",):
        raise UsageError(f"--set {text!r}: the id of a step cannot be amended")
    return Setting(step_id, key, _value(value, text))


def _value(text: str, option: str) -> Any:
    problems = Problems()
    found = parse(text, YAML, problems) if text.strip() else ""
    if problems.has_errors:
        raise UsageError(f"--set {option!r}: the value is not YAML")
    return found


def _edited(content: bytes, fmt: str, setting: Setting) -> tuple[bytes, str]:
    text = decode(content)
    wanted = _data(text, fmt)
    path = _step_path(wanted, setting.step_id)
    _put(wanted, (*path, *setting.key), setting.value)
    in_place = _replaced(text, fmt, (*path, *setting.key), setting.value)
    if in_place is not None and _same_data(in_place, fmt, wanted):
        return in_place.encode("utf-8"), fmt
    written = json.dumps(wanted, ensure_ascii=False, indent=2)
    return f"{written}\n".encode(), JSON


def _data(text: str, fmt: str) -> Any:
    problems = Problems()
    found = parse(text, fmt, problems)
    if problems.has_errors or not isinstance(found, dict):
        raise BugError("a stored mission cannot be parsed again")
    return found


def _same_data(text: str, fmt: str, wanted: Any) -> bool:
    problems = Problems()
    found = parse(text, fmt, problems)
    return not problems.has_errors and found == wanted and repr(found) == repr(wanted)


def _step_path(data: Mapping[str, Any], step_id: str) -> Path:
    """Return the path of a step or handler in the data of a mission."""
    groups: list[tuple[Path, Any]] = [(("steps",), data.get("steps"))]
    handlers = data.get("handlers")
    if isinstance(handlers, Mapping):
        groups += [(("handlers", name), steps) for name, steps in handlers.items()]
    for path, steps in groups:
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, Mapping) and step.get("id") == step_id:
                return (*path, index)
    raise UsageError(
        f"`{step_id}` is not written as a step of its own, so its keys cannot be set",
        hint="`--edit` opens the whole mission",
    )


def _put(data: Any, path: Path, value: Any) -> None:
    for at, part in enumerate(path[:-1]):
        if isinstance(data, dict):
            data = data.setdefault(part, {})
        elif isinstance(data, list):
            data = data[_index(part, data, path)]
        else:
            raise _no_place(path[:at])
    if isinstance(data, dict):
        data[path[-1]] = value
    elif isinstance(data, list):
        data[_index(path[-1], data, path)] = value
    else:
        raise _no_place(path[:-1])


def _index(part: str | int, data: Sequence[Any], path: Path) -> int:
    text = str(part)
    if not (text.isascii() and text.isdigit() and int(text) < len(data)):
        name = ".".join(map(str, path))
        raise UsageError(f"`{name}`: `{part}` is no place in a list of {len(data)} values, from 0")
    return int(text)


def _no_place(path: Path) -> UsageError:
    return UsageError(f"`{'.'.join(map(str, path))}` is a single value and has no keys")


def _replaced(text: str, fmt: str, path: Path, value: Any) -> str | None:
    """Return the text with the value at a path replaced, None if there is none."""
    exact: Path = tuple(int(p) if isinstance(p, str) and p.isdigit() else p for p in path)
    for one in (path, exact):
        place = locator(fmt, text)([one]).get(one)
        if place is not None:
            span = place.value
            written = json.dumps(value, ensure_ascii=False)
            return f"{text[: span.start]}{written}{text[span.end :]}"
    return None
