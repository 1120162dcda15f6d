"""Styled text before it is drawn: lines to read, and the parts of a bar."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

Ink = str
"""The name of a style of `tui.look.theme.Inks`, or `state:NAME` for that of a state; empty for
none."""

Line = Sequence[tuple[str, Ink]]
"""Safe texts, each with its ink. Every piece but the last is kept on the first row."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar. `ink` names a style of `Inks`; `action` is run when it is clicked.

    `rank` says what goes first where there is no room: the highest; 0 stays and is cut.
    """

    text: str
    ink: Ink = ""
    style: Style | None = None
    action: str | None = None
    rank: int = 0
