"""What a timer runs: a mission file, its parameters, and where."""

import re
from collections.abc import Mapping

from msgspec import Struct

from core.errors import UsageError

MAX_NAME_CHARACTERS = 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ScheduledRun(Struct, frozen=True, kw_only=True):
    """One run that a timer starts again and again; `when` is in the timer's own language.

    `command` is the program with all of its arguments, `folder` an absolute path.
    """

    name: str
    when: str
    command: tuple[str, ...]
    folder: str
    environ: Mapping[str, str]


class Schedule(Struct, frozen=True, kw_only=True):
    """A schedule that is installed. `upcoming` is when it is due next, as the timer says it."""

    name: str
    by: str
    when: str
    command: str
    upcoming: str | None = None
    is_active: bool | None = None
    """None where nobody can tell."""


def schedule_name(text: str) -> str:
    """Return a name for the files of a schedule made of a mission's name.

    Raises `UsageError` when nothing of it can be used.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:MAX_NAME_CHARACTERS]
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{text!r} cannot be the name of a schedule",
            hint="`--name` gives it one, of letters, digits, `_` and `-`",
        )
    return name


def require_one_line(text: str, what: str) -> str:
    """Return text that stands in one line of a file of timers; raise `UsageError` for other."""
    if _CONTROL.search(text):
        raise UsageError(f"{what} holds a line break or another control character")
    return text
