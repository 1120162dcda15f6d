"""What a terminal takes as a command: the escape sequences of ECMA-48 and of xterm."""

import re

SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves, erasing
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # every other escape
)
"""Whole sequences; what has no end goes to the end of the line. A lonely escape is none."""


def last_overwritten(text: str) -> str:
    """Return what a terminal shows last of a line that carriage returns start over."""
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")
