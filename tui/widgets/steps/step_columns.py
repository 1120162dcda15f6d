"""The widths of the columns of the step list."""

from dataclasses import dataclass, replace

STATE_CELLS = 10
"""The width of a state in one word."""
LONG_STATE_CELLS = 15
"""The width of the longest state: `needs approval`, `retry in 59m`."""
TRIES_CELLS = 6
TIME_CELLS = 8
MIN_NAME_CELLS = 12
MIN_REASON_CELLS = 14
"""The least width at which the reason is shown."""
REASON_FROM_CELLS = 50
"""The least width of a row with a reason; narrower lists are beside a pane that shows it."""
_SIGN_CELLS = 3  # the sign, a blank, and the blank behind the name


@dataclass(frozen=True, slots=True)
class StepColumns:
    """The widths of the row, of name, reason and state, and whether tries and time are shown."""

    name: int
    why: int
    state: int
    tries: bool
    time: bool
    row: int

    @property
    def behind_name(self) -> int:
        """How many cells are behind the name and its blank."""
        return self.row - _SIGN_CELLS - self.name

    def indented(self, cells: int) -> "StepColumns":
        """Return the columns of a row that begins so many cells further right: its name gives."""
        name = max(4, self.name - cells)
        why = max(0, self.why - (cells - (self.name - name)))
        return replace(self, name=name, why=why, row=self.row - cells)


def step_columns(
    width: int, longest: int, *, waits: bool = True, retries: bool = True
) -> StepColumns:
    """Distribute `width` cells; `longest` is the width of the longest name.

    What no step of the run needs gets no room: a wide state unless some step `waits`, tries unless
    some step `retries`. Where it gets narrow the name is shortened first, then the tries go, then
    the time.
    """
    state = LONG_STATE_CELLS if waits else STATE_CELLS
    if width < REASON_FROM_CELLS:
        tries, time = retries and width >= 40, width >= 34
        name = max(4, width - _SIGN_CELLS - state - TRIES_CELLS * tries - TIME_CELLS * time)
        return StepColumns(name, 0, state, tries, time, width)
    rest, tries, time = 0, True, True
    for tries, time in ((retries, True), (False, True), (False, False)):
        rest = width - _SIGN_CELLS - state - TRIES_CELLS * tries - TIME_CELLS * time
        if rest - MIN_NAME_CELLS - 1 >= MIN_REASON_CELLS:
            break
    wanted = min(40, max(MIN_REASON_CELLS, rest // 2))
    name = min(max(MIN_NAME_CELLS, longest), max(MIN_NAME_CELLS, rest - wanted - 1))
    return StepColumns(name, rest - name - 1, state, tries, time, width)
