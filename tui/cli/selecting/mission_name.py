"""The check that a mission of a name has ever run."""

from core.errors import NotFoundError
from core.ports.reader import Reader
from core.value.suggestion import did_you_mean


def require_mission(reader: Reader, name: str) -> None:
    """Raise `NotFoundError` for a mission that has never run, not even as a sub-mission."""
    names = reader.mission_names()
    if name not in names:
        hint = did_you_mean(name, names) or "`mission ls` lists all runs"
        raise NotFoundError(f"no mission named {name!r} has run", hint=hint)
