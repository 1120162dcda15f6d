"""What a label of an execution may be called, and what it may say."""

import re

MAX_LABELS = 50
MAX_VALUE_CHARACTERS = 256
NAME_PATTERN = r"[A-Za-z][A-Za-z0-9._/-]{0,62}"

_NAME = re.compile(NAME_PATTERN, re.ASCII)


def name_problem(name: str) -> str | None:
    """Return why a label cannot have this name, None when it can."""
    if _NAME.fullmatch(name):
        return None
    return "begins with a letter, and has letters, digits and `._/-`, 63 at most"


def line_problem(value: str) -> str | None:
    """Return why a label or a title cannot say this, None when it can."""
    if not value.strip() or not value.isprintable():
        return "is not a line of printable text"
    if len(value) > MAX_VALUE_CHARACTERS:
        return f"has more than {MAX_VALUE_CHARACTERS} characters"
    return None
