"""The parts that lines about a step are put together from: headings, and names with values."""

from tui.look.styled_text import Line

MAX_VALUE_LINES = 4000
"""How many lines of one value are shown; the rest is counted. Files get the whole value."""


def heading(text: str) -> Line:
    """Return the heading of a block of lines."""
    return [(text, "accent")]


def field(name: str, value: str, style: str = "text") -> Line:
    """Return a line with a name and a value."""
    return [(f"{name:<12}", "faint"), (value, style)]
