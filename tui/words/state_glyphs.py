"""How every state looks on the screen: glyph, word and colour, in one place.

Colours are an Okabe-Ito set that colour-blind people tell apart; a theme may replace each by a
variable `state-<word>` (for example `state-failed`). Knows no widget.
"""

import locale
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.domain.state_word import WORDS
from core.domain.states import State


@dataclass(frozen=True, slots=True)
class Look:
    """A state's appearance. `sign` and `ascii` are one cell wide; `colour` is a hex RGB colour.

    `ansi` names the colour of the terminal's own palette, for themes that keep to it.
    """

    sign: str
    ascii: str
    word: str
    colour: str
    ansi: str
    bold: bool = False


LOOKS: Mapping[str, Look] = MappingProxyType(
    {
        "PENDING": Look("○", "o", WORDS["PENDING"], "#8b949e", "bright_black"),
        "READY": Look("◌", ".", WORDS["READY"], "#79a8d8", "blue"),
        "RUNNING": Look("▶", ">", WORDS["RUNNING"], "#56b4e9", "cyan", bold=True),
        "WAITING": Look("↻", "~", WORDS["WAITING"], "#e6a700", "yellow", bold=True),
        "PAUSED": Look("‖", "=", WORDS["PAUSED"], "#e6a700", "yellow", bold=True),
        "SUCCESS": Look("✓", "+", WORDS["SUCCESS"], "#2ab58a", "green"),
        "FAILED": Look("✗", "x", WORDS["FAILED"], "#f0632b", "red", bold=True),
        "SKIPPED": Look("⊘", "-", WORDS["SKIPPED"], "#7d8590", "bright_black"),
        "CANCELLED": Look("◼", "#", WORDS["CANCELLED"], "#cc79a7", "magenta"),
        "LOST": Look("?", "?", WORDS["LOST"], "#f0632b", "red", bold=True),
    }
)
"""By the value of any state of an execution, task run or attempt."""

SEVERITY: Mapping[str, int] = MappingProxyType(
    {
        name: rank
        for rank, name in enumerate(
            (
                "SUCCESS",
                "SKIPPED",
                "PENDING",
                "READY",
                "CANCELLED",
                "PAUSED",
                "RUNNING",
                "WAITING",
                "LOST",
                "FAILED",
            )
        )
    }
)
"""What wins when one sign stands for several steps; the highest is the worst."""


def look(state: State) -> Look:
    """Return how a state looks."""
    return LOOKS[state.value]


def sign(state: State, *, ascii_only: bool = False) -> str:
    """Return the one-cell sign of a state."""
    found = LOOKS[state.value]
    return found.ascii if ascii_only else found.sign


def is_utf8_terminal(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Tell whether a terminal takes UTF-8, by the locale, then by the encoding of its stream.

    MISSION_ASCII in the environment says that it does not, whatever the locale claims. The locale
    comes first: in the locale `C` Python writes UTF-8 all the same (PEP 540).
    """
    environ = os.environ if environ is None else environ
    if environ.get("MISSION_ASCII"):
        return False
    named = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    codeset = named.partition("@")[0].partition(".")[2]
    if named in ("C", "POSIX") or (codeset and not _is_utf(codeset)):
        return False
    if encoding is None:
        encoding = getattr(sys.__stdout__, "encoding", None) or locale.getpreferredencoding(False)
    return _is_utf(encoding)


def _is_utf(encoding: str) -> bool:
    return encoding.lower().replace("-", "").startswith("utf")
