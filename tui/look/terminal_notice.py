"""What a terminal shows outside of its window's text: a notification, a title."""

from tui.words.safe_text import clean_line, cut

MAX_CELLS = 200
BELL = "\a"
SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
"""Push and pop the title of the window (XTWINOPS of xterm; others ignore it)."""


def notification(text: str) -> str:
    """Return the bell, and OSC 9, which makes many terminals show a notification of the desktop."""
    return f"{BELL}\x1b]9;{_line(text)}{BELL}"


def title(text: str) -> str:
    """Return the sequence that sets the title of the window (OSC 2)."""
    return f"\x1b]2;{_line(text)}{BELL}"


def _line(text: str) -> str:
    return cut(clean_line(text), MAX_CELLS)
