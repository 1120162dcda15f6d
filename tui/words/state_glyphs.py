"""The appearance of every state on the screen: sign, word and colour.

The colours follow the Okabe-Ito palette, which colour-blind people can distinguish; a theme may
replace each by a variable `state-<word>` (for example `state-failed`). Knows no widget.
"""

import locale
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from core.domain.state_word import WORDS
from core.domain.states import State


class StateAppearance(Struct, frozen=True):
    """The appearance of a state. `sign` and `ascii` are one cell wide; `colour` is hex RGB.

    `ansi` is a colour of the terminal's palette, for themes that use only those.
    """

    sign: str
    ascii: str
    word: str
    colour: str
    ansi: str
    bold: bool = False


APPEARANCES: Mapping[str, StateAppearance] = MappingProxyType(
    {
        "PENDING": StateAppearance("○", "o", WORDS["PENDING"], "#8b949e", "bright_black"),
        "READY": StateAppearance("◌", ".", WORDS["READY"], "#79a8d8", "blue"),
        "RUNNING": StateAppearance("▶", ">", WORDS["RUNNING"], "#56b4e9", "cyan", bold=True),
        "WAITING": StateAppearance("↻", "~", WORDS["WAITING"], "#e6a700", "yellow", bold=True),
        "PAUSED": StateAppearance("‖", "=", WORDS["PAUSED"], "#e6a700", "yellow", bold=True),
        "SUCCESS": StateAppearance("✓", "+", WORDS["SUCCESS"], "#2ab58a", "green"),
        "FAILED": StateAppearance("✗", "x", WORDS["FAILED"], "#f0632b", "red", bold=True),
        "SKIPPED": StateAppearance("⊘", "-", WORDS["SKIPPED"], "#7d8590", "bright_black"),
        "CANCELLED": StateAppearance("◼", "#", WORDS["CANCELLED"], "#e39ac4", "magenta"),
        "LOST": StateAppearance("?", "?", WORDS["LOST"], "#f0632b", "red", bold=True),
    }
)
"""Appearances by the value of a state of an execution, task run or attempt."""

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
"""Which state is shown when one sign stands for several steps: the one with the highest value."""


def appearance_of(state: State) -> StateAppearance:
    """Return the appearance of a state."""
    return APPEARANCES[state.value]


def sign(state: State, *, ascii_only: bool = False) -> str:
    """Return the one-cell sign of a state."""
    found = APPEARANCES[state.value]
    return found.ascii if ascii_only else found.sign


def is_utf8_terminal(environ: Mapping[str, str] | None = None, encoding: str | None = None) -> bool:
    """Tell whether the terminal accepts UTF-8, by the locale, then by the encoding of its stream.

    MISSION_ASCII in the environment overrides both. The locale takes precedence because Python
    writes UTF-8 even in the locale `C` (PEP 540).
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
