"""Picks the line of a failed attempt's output that says most about the failure. Pure."""

import re
from collections.abc import Iterable

from msgspec.structs import replace

from core.domain.records import TaskError

MAX_CHARACTERS = 300
"""Characters of the line that are kept."""

ERROR_PATTERN = "|".join(
    (
        r"\b[A-Za-z_][\w.]{0,100}(?:Error|Exception)\b",  # ValueError, java.lang.SomeException
        r"\b(?:Error|Exception)\b",
        r"\bFATAL\b|\b[Ff]atal(?: error)?:",
        r"\bERROR\b|\berror(?:\[\w{1,20}\])?:",  # error: ..., error[E0308]: ...
        r"\bERR!",  # npm
        r"\bpanic:",  # Go
    )
)
"""What a line that tells of an error has, in the common syntax of Python's `re` and RE2."""
_READS_LIKE_ERROR = re.compile(ERROR_PATTERN)
_MAKE_EXIT_CODE = re.compile(r"^\S*make(?:\[\d{1,6}\])?: \*\*\* .*\bError \d{1,3}\s*$")
"""make's report of an exit code: the informative line precedes it."""
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def error_line(lines: str | Iterable[str]) -> str | None:
    r"""Return the last line that reads like an error, else the last that is not blank, or None.

    `lines` is the end of stderr in order, as one text or as its lines. Colours, and text that a
    terminal would have overwritten (`\r`), are left out; the result is stripped, has at most
    `MAX_CHARACTERS` characters, and may hold other control characters, as any output may.
    """
    last = None
    for line in reversed(lines.split("\n") if isinstance(lines, str) else list(lines)):
        text = _ESCAPE.sub("", line).rstrip().rpartition("\r")[2].strip()
        if not text:
            continue
        if _READS_LIKE_ERROR.search(text) and not _MAKE_EXIT_CODE.match(text):
            return _clipped(text)
        last = last or text
    return None if last is None else _clipped(last)


def brief_error(error: TaskError) -> TaskError:
    """Return an error whose stack trace is only its decisive line; `error_line` finds the same."""
    return replace(error, stack_trace=error_line(error.stack_trace) or "")


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"
