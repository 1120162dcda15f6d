"""Labels and titles as they are given on the command line."""

import re
from collections.abc import Mapping, Sequence

from core.errors import UsageError

MAX_LABELS = 50
MAX_VALUE_CHARACTERS = 256
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/-]{0,62}")


def given_labels(pairs: Sequence[str]) -> Mapping[str, str] | None:
    """Return the labels of `-l NAME=VALUE`, None without any; `UsageError` for a bad one."""
    if not pairs:
        return None
    from core.operations.mission_order import parse_pairs  # a list of executions needs none of it

    found = parse_pairs(pairs, option="-l", what="label")
    if len(found) > MAX_LABELS:
        raise UsageError(f"more than {MAX_LABELS} labels")
    for name, value in found.items():
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not a valid name for a label",
                hint="it begins with a letter, and has letters, digits and `._/-`, 63 at most",
            )
        _require_line(value, f"the label {name}")
    return found


def given_title(title: str | None) -> str | None:
    """Return the title of an execution; `UsageError` for one that is no line of text."""
    if title is not None:
        _require_line(title, "the title")
    return title


def wanted_labels(words: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Return the labels that are looked for: `NAME=VALUE`, or `NAME` with any value."""
    split = [word.partition("=") for word in words]
    return tuple((name, value if sign else None) for name, sign, value in split)


def _require_line(value: str, what: str) -> None:
    if not value.strip() or not value.isprintable():
        raise UsageError(f"{what} is not a line of printable text")
    if len(value) > MAX_VALUE_CHARACTERS:
        raise UsageError(f"{what} has more than {MAX_VALUE_CHARACTERS} characters")
