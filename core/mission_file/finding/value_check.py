"""Checks of single values: each takes a value, its path and the problems; returns the result.

A check returns `INVALID` after it has reported a problem. Checks run for every key of every step,
so they are plain functions that compare classes.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import SPELLED, in_snake_case
from core.mission_file.finding.limit import MAX_NAME_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.value.duration import parse_duration

INVALID: Final = object()
"""What a check returns for a value that it refuses."""

Check = Callable[[Any, Path, Problems], Any]

STEP_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}", re.ASCII)
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Key(Struct, frozen=True, kw_only=True):
    """One key of a mapping: how it is checked, and what editors and `explain` say about it."""

    check: Check
    doc: str
    schema: Mapping[str, Any]
    """Its JSON Schema (draft-07)."""
    required: bool = False
    default: str | None = None
    """The default, in words."""
    example: str | None = None
    synonyms: tuple[str, ...] = ()
    """What other programs call the key, for hints."""
    is_old: bool = False
    """Whether it is an older spelling, which hints do not offer."""


def mapping_schema(keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the JSON Schema of a mapping with these keys and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: dict(key.schema) for name, key in keys.items()},
    }


MAX_LISTED_KEYS = 12
"""Known keys that are listed where none is near; of more keys it is said who lists them."""
_TOPICS = {"a mission": "mission", "a step": "steps"}


def describe(value: object) -> str:
    """Name the kind of a value in the terms of a mission file."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def label(path: Path) -> str:
    """Name the position of a value by its key: `timeout_seconds`, or item 2 of `depends_on`."""
    if not path:
        return "the mission"
    last = path[-1]
    if isinstance(last, str):
        return f"`{last}`"
    return f"item {last + 1} of {label(path[:-1])}" if len(path) > 1 else f"item {last + 1}"


def suggest(word: str, known: Iterable[str]) -> str | None:
    """Return `did you mean ...?` for the known word nearest to `word`, or None."""
    if len(word) > MAX_NAME_CHARACTERS:
        return None
    names = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6) or [
        name for name in word.lower().split("_") if name in names
    ]
    return f"did you mean `{names[close[0]]}`?" if close else None


def wrong_type(
    value: object, path: Path, problems: Problems, wanted: str, *, hint: str | None = None
) -> Any:
    """Report a value of the wrong type and return `INVALID`."""
    if value is True or value is False or isinstance(value, int | float):
        hint = "quote it to make it text" if wanted.startswith("text") else hint
    problems.error(
        Code.WRONG_TYPE, f"{label(path)} must be {wanted}, not {describe(value)}", path, hint=hint
    )
    return INVALID


def check_mapping(
    value: Any,
    path: Path,
    problems: Problems,
    keys: Mapping[str, Key],
    what: str,
    foreign: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Check a mapping against its keys and return its valid part; null means absent.

    `foreign` has hints for keys of other tools, which are in snake case.
    """
    if value.__class__ is not dict:
        return wrong_type(value, path, problems, "a mapping")
    result: dict[str, Any] = {}
    for name, item in value.items():
        key = keys.get(name)
        if key is None:
            unknown_key(name, (*path, name), problems, keys, what, foreign)
        elif item is not None:
            result[name] = key.check(item, (*path, name), problems)
    return result


def require_keys(
    value: Mapping[str, Any], path: Path, problems: Problems, keys: Mapping[str, Key], what: str
) -> None:
    """Report each required key that is missing, or null."""
    for name, key in keys.items():
        if key.required and value.get(name) is None:
            example = f"add `{name}: {key.example}`" if key.example else None
            if name in value:
                problems.error(
                    Code.MISSING_KEY, f"`{name}` of {what} is empty", (*path, name), hint=example
                )
            else:
                problems.error(Code.MISSING_KEY, f"{what} has no `{name}`", path, hint=example)


def unknown_key(
    name: str,
    path: Path,
    problems: Problems,
    keys: Mapping[str, Key],
    what: str,
    foreign: Mapping[str, str],
) -> None:
    """Report a key that is not known, with what says the same here, or the nearest that is."""
    spelt = in_snake_case(name)
    hint = (
        (foreign and SPELLED.get(name))
        or foreign.get(spelt)
        or next(
            (
                f"did you mean `{known}`?"
                for known, key in keys.items()
                if spelt == known or spelt in key.synonyms or name in key.synonyms
            ),
            None,
        )
    )
    if name == "<<":
        hint = "merge keys are not part of YAML 1.2: write the keys out"
    offered = [known for known, key in keys.items() if not key.is_old]
    hint = hint or suggest(name, offered)
    if hint is None and len(offered) > MAX_LISTED_KEYS and what in _TOPICS:
        hint = f"`mission explain {_TOPICS[what]}` lists the keys of {what}"
    hint = hint or f"known keys: {', '.join(offered)}"
    problems.error(
        Code.UNKNOWN_KEY, f"unknown key `{name}` in {what}", path, on_key=True, hint=hint
    )


def text(limit: int, *, empty: bool = False) -> Check:
    """Return a check for text of at most `limit` characters."""

    def check(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not str:
            return wrong_type(value, path, problems, "text")
        if not value and not empty:
            problems.error(Code.BAD_VALUE, f"{label(path)} is empty", path)
            return INVALID
        if len(value) > limit:
            problems.error(
                Code.TOO_LARGE,
                f"{label(path)} has {len(value):,} characters; at most {limit:,} are allowed",
                path,
            )
            return INVALID
        return value

    return check


def check_name(value: Any, path: Path, problems: Problems) -> Any:
    """Check a name for people: any script, emoji and markup, but no control characters."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if not value.strip():
        problems.error(Code.BAD_NAME, f"{label(path)} is empty", path)
        return INVALID
    if len(value) > MAX_NAME_CHARACTERS:
        problems.error(
            Code.BAD_NAME,
            f"{label(path)} has {len(value):,} characters;"
            f" at most {MAX_NAME_CHARACTERS} are allowed",
            path,
        )
        return INVALID
    if not value.isprintable():
        for character in value:
            if unicodedata.category(character) in _REFUSED_CATEGORIES:
                problems.error(
                    Code.BAD_NAME,
                    f"{label(path)} holds the control character U+{ord(character):04X}",
                    path,
                    hint="a name is one line of printable text",
                )
                return INVALID
    return value


def check_boolean(value: Any, path: Path, problems: Problems) -> Any:
    """Check true or false."""
    if value is True or value is False:
        return value
    hint = "YAML 1.2 knows only `true` and `false`" if isinstance(value, str) else None
    if has_template(value):
        hint = "no template is resolved here; what depends on a value is for `when` or the script"
    problems.error(
        Code.WRONG_TYPE,
        f"{label(path)} must be true or false, not {describe(value)}",
        path,
        hint=hint,
    )
    return INVALID


def check_timeout(value: Any, path: Path, problems: Problems) -> Any:
    """Check a duration above zero; return seconds."""
    return _duration(value, path, problems, minimum="must be above zero")


def check_interval(value: Any, path: Path, problems: Problems) -> Any:
    """Check a duration that may be zero; return seconds."""
    return _duration(value, path, problems, minimum=None)


def _duration(value: Any, path: Path, problems: Problems, minimum: str | None) -> Any:
    try:
        seconds = parse_duration(value)
        if seconds or not minimum:
            return seconds
        reason = minimum
    except ValueError as error:
        reason = str(error)
    problems.error(Code.BAD_DURATION, f"{label(path)} {reason}", path)
    return INVALID


def whole(low: int, high: int) -> Check:
    """Return a check for a whole number between `low` and `high`."""

    def check(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not int:
            return wrong_type(value, path, problems, "a whole number")
        return _in_range(value, path, problems, low, high)

    return check


def number(low: float, high: float) -> Check:
    """Return a check for a number between `low` and `high`."""

    def check(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not int and value.__class__ is not float:
            return wrong_type(value, path, problems, "a number")
        return _in_range(value, path, problems, low, high)

    return check


def _in_range(value: Any, path: Path, problems: Problems, low: float, high: float) -> Any:
    if low <= value <= high:
        return value
    problems.error(
        Code.OUT_OF_RANGE, f"{label(path)} must be between {low:,} and {high:,}, not {value}", path
    )
    return INVALID


def one_of(kind: type[StrEnum], foreign: Mapping[str, str] = MappingProxyType({})) -> Check:
    """Return a check for the value of an enum's member; it returns the member.

    `foreign` has hints for values of other tools.
    """
    members = {member.value: member for member in kind}

    def check(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not str:
            return wrong_type(value, path, problems, f"one of {', '.join(members)}")
        found = members.get(value)
        if found is not None:
            return found
        problems.error(
            Code.BAD_VALUE,
            f"{label(path)} must be one of {', '.join(members)}, not {shorten(value)}",
            path,
            hint=foreign.get(value) or suggest(value, members),
        )
        return INVALID

    return check


def one_of_words(words: Collection[str]) -> Check:
    """Return a check for one of some words."""
    known = ", ".join(words)

    def check(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not str:
            return wrong_type(value, path, problems, f"one of {known}")
        if value in words:
            return value
        problems.error(
            Code.BAD_VALUE,
            f"{label(path)} must be one of {known}, not {shorten(value)}",
            path,
            hint=suggest(value, words),
        )
        return INVALID

    return check


def list_of(check: Check) -> Check:
    """Return a check for a list of what `check` accepts; it returns a tuple."""

    def check_list(value: Any, path: Path, problems: Problems) -> Any:
        if value.__class__ is not list:
            return wrong_type(value, path, problems, "a list")
        result = tuple([check(item, (*path, index), problems) for index, item in enumerate(value)])
        return INVALID if INVALID in result else result

    return check_list


def check_pattern(value: Any, path: Path, problems: Problems) -> Any:
    """Check a regular expression; return its text."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    from core.value.regex import PatternError, compile_pattern  # rarely needed

    try:
        compile_pattern(value)
    except PatternError as error:
        problems.error(
            Code.BAD_VALUE,
            f"{label(path)} is not a usable regular expression: {error}",
            path,
            hint=error.hint,
            needle=error.part,
        )
        return INVALID
    return value


def shorten(value: object) -> str:
    """Return a value shortened for a message."""
    shown = repr(value) if not isinstance(value, str) else f"`{value}`"
    return shown if len(shown) <= 80 else f"{shown[:77]}…"
