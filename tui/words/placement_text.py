"""Where an attempt ran on a cluster, in words."""

from collections.abc import Mapping

from tui.words.safe_text import safe_line


def placement_text(where: Mapping[str, str] | None) -> str:
    """Return the machine and the worker of an attempt, nothing for the runner's machine."""
    if where is None:
        return ""
    return safe_line(f"on {where.get('host', '?')}, worker {where.get('worker', '?')}")
