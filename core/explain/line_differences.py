"""Which lines of a log are not in another one, numbers and identifiers aside. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

_VARYING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\b0x[0-9a-fA-F]+\b|\d+"
)
"""What differs from run to run anyway: UUIDs, addresses, numbers."""


class LineDifferences(Struct, frozen=True, kw_only=True):
    """The lines that only one of two logs has, in their order."""

    gone: tuple[str, ...] = ()
    """Lines of the earlier log alone."""
    new: tuple[str, ...] = ()
    """Lines of the later log alone."""

    def __bool__(self) -> bool:
        return bool(self.gone or self.new)


def line_differences(before: Sequence[str], after: Sequence[str]) -> LineDifferences:
    """Compare two logs as multisets of lines; times, counters and ids in them do not count."""
    return LineDifferences(gone=_only_in(before, after), new=_only_in(after, before))


def _only_in(lines: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    left = Counter(map(_plain, others))
    found = []
    for line in lines:
        plain = _plain(line)
        if left[plain]:
            left[plain] -= 1
        elif plain:
            found.append(line)
    return tuple(found)


def _plain(line: str) -> str:
    return _VARYING.sub("#", line).strip()
