"""Styled text before it is drawn: lines to read, and the parts of a bar."""

from collections.abc import Sequence
from dataclasses import dataclass

StyleName = str
"""A field of `tui.look.theme.ThemeStyles`, or `state:NAME` for the style of a state; empty for
none."""

Line = Sequence[tuple[str, StyleName]]
"""Safe texts, each with its style. When the line is wrapped, only its last text is folded."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar; a click on it runs `action`.

    Where room is short, the parts of the highest `rank` are left out first; those of rank 0 are
    kept, and cut if necessary.
    """

    text: str
    style: StyleName = ""
    action: str | None = None
    rank: int = 0
