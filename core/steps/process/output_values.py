"""Reads the values that a process has left in the file `$MISSION_OUTPUT`.

The format is that of GitHub Actions' `GITHUB_OUTPUT`: lines `KEY=VALUE`, and for values of several
lines `KEY<<END`, the lines, and `END`. Empty lines between entries are skipped; of a key that
occurs twice the last value counts.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VALUES_VARIABLE = "MISSION_OUTPUT"
"""Names the file to which a process may write values."""

MAX_VALUES_BYTES = 1024 * 1024
"""The most bytes that the values of one attempt may take as they are written."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}", re.ASCII)
_ENTRY = re.compile(r"([^=<]*(?:<(?!<)[^=<]*)*)(=|<<)(.*)", re.DOTALL)
_SHOWN_CHARACTERS = 40


class ValuesError(Exception):
    """Raised when what a process has left is not values; the message says where and why."""


def take_values(path: str) -> dict[str, str]:
    """Read and remove the file; without one there are no values. Raises `ValuesError`."""
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return {}
    except OSError as error:
        if error.errno == errno.ELOOP:  # opened with O_NOFOLLOW
            raise ValuesError("it is a symbolic link now, not a file") from error
        raise ValuesError(f"it cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValuesError("it is not a file any more")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_VALUES_BYTES + 1)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            Path(path).unlink()
    if len(data) > MAX_VALUES_BYTES:
        raise ValuesError(f"it has more than {MAX_VALUES_BYTES:,} bytes")
    try:
        return dict(_entries(data.decode("utf-8")))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValuesError(f"line {line} is not UTF-8") from error


def _entries(text: str) -> Iterator[tuple[str, str]]:
    lines = enumerate((line.removesuffix("\r") for line in text.split("\n")), 1)
    for number, line in lines:
        if not line:
            continue
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise ValuesError(f"line {number}, `{_shown(line)}`, is neither KEY=VALUE nor KEY<<END")
        key, sign, rest = match.groups()
        if _KEY.fullmatch(key) is None:
            raise ValuesError(
                f"line {number}: `{_shown(key)}` is not a key: letters, digits, `_` and `-`,"
                " at most 100, a letter or `_` first"
            )
        if sign == "=":
            yield key, rest
            continue
        if not rest:
            raise ValuesError(f"line {number}: there is no delimiter behind `{key}<<`")
        value: list[str] = []
        for _, inner in lines:
            if inner == rest:
                break
            value.append(inner)
        else:
            raise ValuesError(f"line {number}: no line `{_shown(rest)}` ends the value of `{key}`")
        yield key, "\n".join(value)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
