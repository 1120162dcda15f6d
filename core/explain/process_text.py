"""What was found of an attempt's processes at its end, in words.

Knows the shape of a census as it is recorded, and nothing of how processes are run or shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.process_policy import Leftovers
from core.domain.state_word import counted

MAX_NAMED_PROCESSES = 4
"""Processes that are named; the rest are counted."""

MAX_COMMAND_CHARACTERS = 60
"""How much of a command line is written."""

_FATES: Mapping[Leftovers | None, str] = {
    Leftovers.EXECUTION: ", ended with the execution at the latest",
    Leftovers.KEEP: ", kept on purpose",
}


def census_text(census: Mapping[str, Any] | None, leftovers: Leftovers | None = None) -> str | None:
    """Return what an attempt left running or what of it was ended; None for nothing.

    `leftovers` says what becomes of what it left, None where that is not known.
    """
    if census is None:
        return None
    left = left_text(census)
    if left is not None:
        return f"left running: {left}{_FATES.get(leftovers, '')}"
    number = _count(census, "processes")
    return f"ended: {ended_text(census)}" if number else None


def left_text(census: Mapping[str, Any] | None) -> str | None:
    """Return the names of the processes that an attempt left running; None when it left none."""
    left = [] if census is None else _names(census.get("left"))
    return _list(left, len(left)) if left else None


def ended_text(census: Mapping[str, Any], *, whole: bool = False) -> str:
    """Return how many processes were to be ended, how many survived, and the known names.

    `whole` leaves commands as long as they are: text that has yet to be masked must not be cut,
    which could leave a part of a secret.
    """
    number = _count(census, "processes")
    counts = counts_text(number, _count(census, "survivors"))
    names = _names(census.get("ended"), whole=whole)
    return f"{counts}: {_list(names, number)}" if names else counts


def counts_text(processes: int, survivors: int) -> str:
    """Return `7 processes, 0 survivors`."""
    return f"{counted(processes, 'process', 'processes')}, {counted(survivors, 'survivor')}"


def _list(names: Sequence[str], number: int) -> str:
    named = names[:MAX_NAMED_PROCESSES]
    more = [f"{number - len(named):,} more"] if number > len(named) else []
    return ", ".join([*named, *more])


def _names(processes: object, *, whole: bool = False) -> list[str]:
    """Return `command (pid N)` of each; what does not have the recorded shape is left out."""
    if not isinstance(processes, Sequence) or isinstance(processes, str):
        return []
    return [
        f"{_command(one, whole=whole)} (pid {one.get('pid')})"
        for one in processes
        if isinstance(one, Mapping)
    ]


def _command(process: Mapping[str, Any], *, whole: bool) -> str:
    command = str(process.get("command", "?"))
    if whole or len(command) <= MAX_COMMAND_CHARACTERS:
        return command
    return f"{command[: MAX_COMMAND_CHARACTERS - 1]}…"


def _count(census: Mapping[str, Any], key: str) -> int:
    found = census.get(key)
    return found if isinstance(found, int) else 0
