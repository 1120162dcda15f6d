"""Untrusted regular expressions: matched by RE2 in linear time, without the interpreter lock.

Python's own engine backtracks, which can take exponential time while it holds the lock. What RE2
cannot do in linear time (look-around, back-references) is refused with a hint. RE2 is imported with
the first pattern.
"""

import re
from functools import lru_cache
from typing import Any

from msgspec import Struct

MAX_PATTERN_CHARACTERS = 10_000
"""Characters of one pattern."""

MEMORY_LIMIT_BYTES = 2 * 1024 * 1024
"""Bytes that one compiled pattern may take, its automata included."""

WORK_LIMIT = 2_000_000_000
"""Size of a pattern, in instructions, times bytes of a text: a few seconds at worst."""

MAX_SPANS = 200
"""How many matches in one text are told at most."""

_CACHED_PATTERNS = 32
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|c([A-Za-z])|(.))", re.DOTALL)
_LOOK_AROUNDS = ("(?=", "(?!", "(?<", "(?<=", "(?<!")
_SYNTAX = "the syntax is that of RE2: https://github.com/google/re2/wiki/Syntax"


class PatternError(ValueError):
    """Raised for a pattern that cannot be used; `part` is the offending part, if known.

    Also raised by `Pattern.is_found_in` when a text is too long for the pattern.
    """

    def __init__(self, message: str, *, part: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.part = part
        self.hint = hint


class Pattern(Struct, frozen=True):
    """A compiled pattern; safe to use in several threads."""

    text: str
    program: Any
    size: int
    """The number of its instructions."""

    def require_lines_of(self, count: int) -> None:
        """Raise `PatternError` unless a text of so many bytes can be searched for it."""
        if count * self.size > WORK_LIMIT:
            raise PatternError(f"{_shown(self.text)} is too large a pattern for long lines")

    @property
    def is_free_of_edges(self) -> bool:
        """Whether it matches a part of a text wherever that stands, in whatever lines."""
        return re.search(r"[\^$]|\\[AzZB]", self.text) is None

    def may_be_in(self, data: bytes) -> bool:
        """Tell whether the pattern may match a line of `data`; False only if it matches none."""
        if not self.is_free_of_edges or len(data) * self.size > WORK_LIMIT:
            return True
        return self.program.search(data) is not None

    def spans_in(self, text: str) -> list[tuple[int, int]]:
        """Return where the pattern matches in `text`, in characters; empty matches are left out.

        Raises `PatternError` like `is_found_in`.
        """
        data = self._encoded(text)
        spans = [found.span() for found in self.program.finditer(data)]
        if not text.isascii():
            spans = [
                (
                    len(data[:start].decode(errors="replace")),
                    len(data[:end].decode(errors="replace")),
                )
                for start, end in spans[:MAX_SPANS]
            ]
        return [(start, end) for start, end in spans[:MAX_SPANS] if start < end]

    def is_found_in(self, text: str) -> bool:
        """Tell whether the pattern matches anywhere in `text`. Raises `PatternError`, see there."""
        return self.program.search(self._encoded(text)) is not None

    def _encoded(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        if len(data) * self.size > WORK_LIMIT:
            raise PatternError(
                f"a text of {len(data):,} bytes is too long for a pattern as large as"
                f" {_shown(self.text)}"
            )
        return data


@lru_cache(maxsize=_CACHED_PATTERNS)
def compile_pattern(text: str) -> Pattern:
    r"""Return the pattern written in `text`; raise `PatternError`.

    The syntax is RE2's, plus `\uXXXX`, `\cX` and `\Z`, which JSON Schema or Python know.
    """
    if len(text) > MAX_PATTERN_CHARACTERS:
        raise PatternError(
            f"the pattern has {len(text):,} characters;"
            f" at most {MAX_PATTERN_CHARACTERS:,} are allowed"
        )
    import re2  # type: ignore[import-untyped]  # has no types; 6 ms, and rarely needed

    options = re2.Options()
    options.log_errors = False  # they would be written to stderr, over the screen
    options.max_mem = MEMORY_LIMIT_BYTES
    translated = _ESCAPE.sub(_translated, text).encode("utf-8", "surrogatepass")
    try:
        program = re2.compile(translated, options)
        size = program.programsize
    except re2.error as error:
        raise _refusal(error) from None
    finally:
        re2.purge()  # it keeps 128 patterns by itself; ours are bounded by `_CACHED_PATTERNS`
    return Pattern(text, program, size)


def _translated(escape: re.Match[str]) -> str:
    unicode, control, other = escape.groups()
    if unicode is not None:
        return rf"\x{{{unicode}}}"
    if control is not None:
        return rf"\x{{{ord(control) % 32:02x}}}"
    return r"\z" if other == "Z" else escape[0]


def _refusal(error: Exception) -> PatternError:
    raw = error.args[0] if error.args else b""
    message = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    reason, _, part = message.partition(": ")
    if reason == "invalid perl operator" and part in _LOOK_AROUNDS:
        return PatternError(
            f"look-around (`{part}`) is not supported, because it can take exponential time",
            part=part,
            hint="say what must be there instead of what must not, or use two checks",
        )
    if reason == "invalid escape sequence" and part[1:].isdigit():
        return PatternError(
            f"a back-reference (`{part}`) is not supported, because it can take exponential time",
            part=part,
            hint="write the repeated text out, or compare it in a later step",
        )
    if "too large" in reason:
        return PatternError(
            "the pattern is too large when its repetitions are written out",
            hint="repeat less: `+` and `*` cost nothing, `{1,500}` costs 500 copies",
        )
    if reason == "invalid repetition size":
        return PatternError(
            f"`{part}` repeats too often: 1,000 times is the limit", part=part, hint=_SYNTAX
        )
    return PatternError(_shown(message), part=part or None, hint=_SYNTAX)


def _shown(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
