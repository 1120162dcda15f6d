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

from core.reasons import Reason
from core.states import State


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
        "PENDING": Look("○", "o", "pending", "#8b949e", "bright_black"),
        "READY": Look("◌", ".", "queued", "#79a8d8", "blue"),
        "RUNNING": Look("▶", ">", "running", "#56b4e9", "cyan", bold=True),
        "WAITING": Look("↻", "~", "waiting", "#e6a700", "yellow", bold=True),
        "PAUSED": Look("‖", "=", "paused", "#e6a700", "yellow", bold=True),
        "SUCCESS": Look("✓", "+", "done", "#2ab58a", "green"),
        "FAILED": Look("✗", "x", "failed", "#f0632b", "red", bold=True),
        "SKIPPED": Look("⊘", "-", "skipped", "#7d8590", "bright_black"),
        "CANCELLED": Look("◼", "#", "cancelled", "#cc79a7", "magenta"),
        "LOST": Look("?", "?", "lost", "#f0632b", "red", bold=True),
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

COUNT_ORDER = (
    "SUCCESS",
    "RUNNING",
    "WAITING",
    "FAILED",
    "CANCELLED",
    "SKIPPED",
    "READY",
    "PENDING",
)
"""The order in which counts by state are written: `✓96 ▶4 ✗1 ○27`."""

_WAITING_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.BACKOFF: "retrying",
        Reason.AWAITING_APPROVAL: "needs approval",
        Reason.RESOURCE_EXHAUSTED: "held back",
    }
)


def look(state: State) -> Look:
    """Return how a state looks."""
    return LOOKS[state.value]


def sign(state: State, *, ascii_only: bool = False) -> str:
    """Return the one-cell sign of a state."""
    found = LOOKS[state.value]
    return found.ascii if ascii_only else found.sign


def word(state: State, reason: Reason | None = None) -> str:
    """Return the word of a state; a waiting one says what it waits for when that is known."""
    found = LOOKS[state.value].word
    if reason is not None and state.value == "WAITING":
        return _WAITING_WORDS.get(reason, found)
    return found


def is_utf8_terminal() -> bool:
    """Tell whether the terminal takes UTF-8, by the encoding of stdout and the locale.

    MISSION_ASCII in the environment says that it does not, whatever the locale claims.
    """
    if os.environ.get("MISSION_ASCII"):
        return False
    encoding = getattr(sys.__stdout__, "encoding", None) or locale.getpreferredencoding(False)
    return encoding.lower().replace("-", "").startswith("utf")
