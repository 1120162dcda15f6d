"""Patterns of paths. Knows no file system."""

import fnmatch
import re


class Glob:
    """A pattern of path components: `*`, `?`, `[a-z]` within one, `**` for any number of them.

    A pattern without a slash is matched against the name alone, at any depth, unless it is
    `anchored`. Names that begin with a dot are not special.
    """

    def __init__(self, pattern: str, *, anchored: bool = False) -> None:
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        self._by_name = not anchored and "/" not in pattern.rstrip("/")
        self._parts = [
            None if part == "**" else re.compile(fnmatch.translate(part)) for part in parts
        ]

    def matches(self, path: str) -> bool:
        """Tell whether the relative `path` matches."""
        components = path.split("/")
        if self._by_name:
            components = components[-1:]
        # The set of matching prefixes of the pattern: linear time, however many `**` there are.
        reached = self._skip_stars({0})
        for component in components:
            after = set()
            for position in reached:
                if position == len(self._parts):
                    continue
                part = self._parts[position]
                if part is None:
                    after.add(position)
                elif part.match(component):
                    after.add(position + 1)
            reached = self._skip_stars(after)
        return len(self._parts) in reached

    def _skip_stars(self, positions: set[int]) -> set[int]:
        reached = set(positions)
        for position in sorted(positions):
            after = position
            while after < len(self._parts) and self._parts[after] is None:
                after += 1
                reached.add(after)
        return reached
