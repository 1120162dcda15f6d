"""How a row of the step list shares its room: by the content, the reason the last to go."""

from dataclasses import dataclass

STATE = 15
"""Cells of the state in words."""
TRIES = 6
TIME = 8
LEAST_NAME = 12
LEAST_WHY = 14
"""Cells the reason needs to be of use."""
WIDE = 50
"""Cells from which a row says why; under it the list stands beside something that does."""
_SIGN = 3  # the sign, a blank, and the blank behind the name


@dataclass(frozen=True, slots=True)
class StepColumns:
    """Cells of the name and of the reason, and whether tries and time are there."""

    name: int
    why: int
    tries: bool
    time: bool


def step_columns(width: int, longest: int) -> StepColumns:
    """Share `width` cells; `longest` is how many the longest name takes.

    Where it gets narrow the name is shortened first, then the tries go, then the time.
    """
    if width < WIDE:
        tries, time = width >= 40, width >= 34
        name = max(4, width - _SIGN - STATE - TRIES * tries - TIME * time)
        return StepColumns(name, 0, tries, time)
    rest, tries, time = 0, True, True
    for tries, time in ((True, True), (False, True), (False, False)):
        rest = width - _SIGN - STATE - TRIES * tries - TIME * time
        if rest - LEAST_NAME - 1 >= LEAST_WHY:
            break
    wanted = min(40, max(LEAST_WHY, rest // 2))
    name = min(max(LEAST_NAME, longest), max(LEAST_NAME, rest - wanted - 1))
    return StepColumns(name, rest - name - 1, tries, time)
