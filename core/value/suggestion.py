"""Suggestions for a name that matches nothing."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return "did you mean `A` or `B`?" with the nearest known names, None when none is near."""
    from difflib import get_close_matches  # only a mistake needs it

    near = get_close_matches(name, list(known), n=3)
    meant = " or ".join(f"`{one}`" for one in near)
    return f"did you mean {meant}?" if near else None
