"""The language of a search in a log: plain text, `re:` with a pattern, `level:error`."""

from typing import NamedTuple

from tui.words.log_line import ERROR_LINES, WARNING_LINES

SYNTAX = (
    ("any text", "in all lines of the log; upper and lower case are the same"),
    ("re:time ?out|refused", "a regular expression (RE2); upper and lower case are the same"),
    ("level:error", "lines that read like an error; also by !"),
    ("level:warn", "lines that read like a warning or an error"),
)
"""The syntax of a search, for the help."""

ERRORS = "level:error"
"""The search for lines that read like an error."""
_LEVELS = {"error": ERROR_LINES, "warn": f"{WARNING_LINES}|{ERROR_LINES}"}
_PATTERN = "re:"
_LEVEL = "level:"


class LogWanted(NamedTuple):
    """What a search looks for: a text in any case, or a pattern in the syntax of RE2."""

    text: str = ""
    pattern: str = ""
    problem: str = ""
    """Why nothing is looked for."""


def parse_log_search(text: str) -> LogWanted:
    """Return what a search looks for; the pattern itself is not checked here."""
    if text.startswith(_PATTERN):
        pattern = text[len(_PATTERN) :]
        return LogWanted(pattern=f"(?i){pattern}") if pattern else LogWanted()
    if text.startswith(_LEVEL):
        level = text[len(_LEVEL) :].strip().lower()
        known = next((name for name in _LEVELS if level and name.startswith(level)), None)
        if known is None:
            return LogWanted(problem=f"{level or 'a level'} is none of {', '.join(_LEVELS)}")
        return LogWanted(pattern=_LEVELS[known])
    return LogWanted(text=text)
