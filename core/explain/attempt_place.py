"""Where an attempt runs or ran on a cluster, in words."""

from collections.abc import Mapping


def place_of(where: Mapping[str, str] | None) -> str | None:
    """Return the machine and the worker of an attempt, None for the runner's own machine."""
    if where is None:
        return None
    return f"on {where.get('host', '?')}, worker {where.get('worker', '?')}"
