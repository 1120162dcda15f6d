"""Where an attempt ran on a cluster, as text that is safe for a terminal."""

from collections.abc import Mapping

from core.explain.attempt_place import place_of
from tui.words.safe_text import safe_line


def placement_text(where: Mapping[str, str] | None) -> str:
    """Return the machine and the worker of an attempt, nothing for the runner's machine."""
    return safe_line(place_of(where) or "")
