"""Shows a list of executions again whenever it changes: in place on a terminal, else new lines."""

import shutil
from collections.abc import Callable, Sequence

from core.domain.records import Execution
from core.ports.reader import Reader
from tui.cli.following.commit_poll import LostRunnerCheck, poll_commits
from tui.cli.invocation import Invocation
from tui.cli.printing.console import Console

_ONE_LINE_EACH, _WRAPPED = "\x1b[?7l", "\x1b[?7h"
"""Whether the terminal continues a long line below (DECAWM)."""
_REST_OF_LINE, _ALL_BELOW = "\x1b[K", "\x1b[J"
_RESERVED_ROWS = 3
"""Rows of a terminal that no execution may take: the heading, the count, and the cursor's."""


def rows_within(limit: int) -> int:
    """Return how many executions fit on the terminal, `limit` at most."""
    return max(1, min(limit, shutil.get_terminal_size((80, 24)).lines - _RESERVED_ROWS))


def redraw(invocation: Invocation, reader: Reader, lines_of: Callable[[], Sequence[str]]) -> None:
    """Draw lines again and again, over those that were drawn before, until Ctrl-C."""
    console, lost = invocation.console, LostRunnerCheck(invocation)
    drawn = 0
    for _ in poll_commits(reader):
        lost.check()
        lines = lines_of()
        _draw(console, lines, over=drawn)
        drawn = len(lines)


def _draw(console: Console, lines: Sequence[str], *, over: int) -> None:
    up = f"\x1b[{over}A" if over else ""
    console.out_raw(f"{_ONE_LINE_EACH}{up}\r")
    console.out_lines([f"{_REST_OF_LINE}{line}" for line in lines])
    console.out_raw(_ALL_BELOW + _WRAPPED)
    console.flush()


def write_changes(
    invocation: Invocation,
    reader: Reader,
    found: Callable[[], Sequence[Execution]],
    write: Callable[[Sequence[Execution], bool], None],
) -> None:
    """Write all executions first, then those that are new or in another state, until Ctrl-C.

    `write` gets the executions to write, and whether they are the first.
    """
    lost = LostRunnerCheck(invocation)
    known: dict[str, tuple[object, ...]] = {}
    is_first = True
    for _ in poll_commits(reader):
        lost.check()
        executions = found()
        changed = [one for one in executions if known.get(one.execution_id) != _state_of(one)]
        if changed or is_first:
            write(changed, is_first)
            invocation.console.flush()
        known = {one.execution_id: _state_of(one) for one in executions}
        is_first = False


def _state_of(one: Execution) -> tuple[object, ...]:
    return one.state, one.reason_code, one.cancel_requested_at is not None
