"""One difference between two recorded executions, and how it reads in one line. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct

from core.value.duration import duration_text
from core.value.json_encoder import make_encoder

MAX_VALUE_CHARACTERS = 80
"""Characters of a value that are told; of a long text they surround the first difference."""

_DIGEST_CHARACTERS = 12
_LEAD_CHARACTERS = 20
"""How much of what is equal precedes the first difference of two long texts."""


class Aspect(StrEnum):
    """What of an execution differs, from its definition to its outcome."""

    FILE = "file"
    """The bytes of the mission file, by their SHA-256."""
    DEFINITION = "definition"
    """A key of the mission or of a step, as it is written in the file."""
    PARAMETER = "parameter"
    ENVIRONMENT = "environment"
    """The name of a variable, with its origin; or an environment file, by its SHA-256."""
    PLACE = "place"
    """Where it ran: the machine, or the working folder."""
    INPUT = "input"
    """A resolved parameter of a step, secrets masked."""
    OUTCOME = "outcome"
    """The state of an execution or a step."""
    EXIT = "exit"
    OUTPUT = "output"
    """An output of a step, secrets masked."""
    DURATION = "duration"
    """In seconds; only a notable difference counts as one."""


CAUSES = frozenset(Aspect) - {
    Aspect.OUTCOME,
    Aspect.EXIT,
    Aspect.OUTPUT,
    Aspect.DURATION,
}
"""The aspects that can explain an outcome; the others are part of it."""


class Change(Struct, frozen=True, kw_only=True):
    """A value that differs. `before` or `after` is UNSET where there was none."""

    aspect: Aspect
    name: str = ""
    """The key, parameter or variable; empty where the aspect says it all."""
    before: Any = UNSET
    after: Any = UNSET
    task_id: str | None = None
    """The step, in a comparison of whole executions."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data; a missing value is left out."""
        found: dict[str, Any] = {"aspect": self.aspect.value, "name": self.name}
        if self.task_id is not None:
            found["task_id"] = self.task_id
        values = (("before", self.before), ("after", self.after))
        return found | {key: value for key, value in values if value is not UNSET}


def difference(
    aspect: Aspect, name: str, before: Any, after: Any, task_id: str | None = None
) -> list[Change]:
    """Return the change from one value to another in a list, empty if they are equal."""
    if before is after or before == after:
        return []
    return [Change(aspect=aspect, name=name, before=before, after=after, task_id=task_id)]


def differences(
    aspect: Aspect,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    prefix: str = "",
    task_id: str | None = None,
) -> list[Change]:
    """Return what differs between two mappings, nested ones key by key, in the order of keys."""
    found: list[Change] = []
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key, UNSET), after.get(key, UNSET)
        name = f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(aspect, old, new, f"{name}.", task_id)
        else:
            found += difference(aspect, name, old, new, task_id)
    return found


def change_text(change: Change) -> str:
    """Return a change in one line: "parameter `target`: staging → production".

    Values are those of the record and may hold any characters.
    """
    name = f" `{change.name}`" if change.name else ""
    subject = f"{_SUBJECTS[change.aspect]}{name}"
    if change.before is UNSET:
        return f"{subject}: new: {_value(change, change.after)}"
    if change.after is UNSET:
        return f"{subject}: gone, was {_value(change, change.before)}"
    before, after = _pair(change)
    return f"{subject}: {before} → {after}"


_SUBJECTS = {
    Aspect.FILE: "mission file",
    Aspect.DEFINITION: "definition",
    Aspect.PARAMETER: "parameter",
    Aspect.ENVIRONMENT: "environment",
    Aspect.PLACE: "place",
    Aspect.INPUT: "input",
    Aspect.OUTCOME: "outcome",
    Aspect.EXIT: "exit",
    Aspect.OUTPUT: "output",
    Aspect.DURATION: "duration",
}


def _value(change: Change, value: Any) -> str:
    if change.aspect is Aspect.DURATION:
        return duration_text(value)
    text = _text(value)
    if _is_digest(text):
        return f"sha256 {text[:_DIGEST_CHARACTERS]}…"
    return _clipped(text, 0)


def _pair(change: Change) -> tuple[str, str]:
    """Return both values; of long texts the part around the first difference."""
    if change.aspect is Aspect.DURATION or _is_digest(_text(change.before)):
        return _value(change, change.before), _value(change, change.after)
    before, after = _text(change.before), _text(change.after)
    common = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        common += 1
    start = 0
    if max(len(before), len(after)) > MAX_VALUE_CHARACTERS:
        start = max(0, common - _LEAD_CHARACTERS)
    return _clipped(before, start), _clipped(after, start)


def _clipped(text: str, start: int) -> str:
    head = "…" if start else ""
    part = text[start : start + MAX_VALUE_CHARACTERS]
    tail = "…" if start + MAX_VALUE_CHARACTERS < len(text) else ""
    return f"{head}{part}{tail}" or '""'


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else "".join(_encode(value, 0))


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(char in "0123456789abcdef" for char in text)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)  # type: ignore[call-overload] # JSON data holds nothing else


_encode = make_encoder(ensure_ascii=False, sort_keys=False, default=_plain)
