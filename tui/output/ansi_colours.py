"""States as text for the command line: always a sign and a word, in colour if there is any."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from core.domain.reasons import Reason
from core.domain.state_word import state_word
from core.domain.states import State
from tui.words.state_glyphs import APPEARANCES, sign


class Palette:
    """Colours text with ANSI escape sequences, or returns it unchanged."""

    _CODES: Mapping[str, str] = MappingProxyType(
        {
            "bold": "1",
            "dim": "2",
            "red": "31",
            "green": "32",
            "yellow": "33",
            "blue": "34",
            "magenta": "35",
            "cyan": "36",
        }
    )

    def __init__(self, *, colour: bool, unicode: bool = True) -> None:
        self.colour = colour
        self.unicode = unicode

    def paint(self, text: str, *styles: str) -> str:
        """Return `text` in the given styles (names of `_CODES`)."""
        if not self.colour or not text or not styles:
            return text
        return f"\x1b[{';'.join(self._CODES[style] for style in styles)}m{text}\x1b[0m"

    def glyph(self, state: State) -> str:
        """Return the one-cell sign of a state, in its colour."""
        return self.paint(sign(state, ascii_only=not self.unicode), _style(state))

    def state(self, state: State, reason: Reason | None = None) -> str:
        """Return sign and word of a state, in its colour: `✗ failed`."""
        text, style = styled_state(state, reason, unicode=self.unicode)
        return self.paint(text, style)

    def sign(self, unicode: str, ascii_sign: str) -> str:
        """Return the first sign, or the second if the output is ASCII only."""
        return unicode if self.unicode else ascii_sign


@lru_cache(maxsize=64)
def styled_state(
    state: State, reason: Reason | None = None, *, unicode: bool = True
) -> tuple[str, str]:
    """Return sign and word of a state, and the name of their style."""
    text = f"{sign(state, ascii_only=not unicode)} {state_word(state, reason)}"
    return text, _style(state)


def _style(state: State) -> str:
    colour = APPEARANCES[state.value].ansi
    return "dim" if colour == "bright_black" else colour
