"""`mission watch`."""

import click

from core.model import Execution
from core.ports import Reader
from core.reasons import Reason
from core.states import ExecutionState, is_terminal
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.follow import LostWatch, rounds
from tui.cli.invocation import Invocation
from tui.cli.option import seconds_option
from tui.cli.reading import open_records
from tui.cli.reference import execution_argument
from tui.output import shape
from tui.output.detail import execution_text
from tui.output.line import change_line

OUTCOME_CODES = {
    ExecutionState.SUCCESS: 0,
    ExecutionState.FAILED: 1,
    ExecutionState.CANCELLED: 5,
}
"""Exit codes of the states an execution ends in."""


@declare("watch")
@execution_argument
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
@seconds_option("--timeout", help="Give up waiting after this long: 30, 5m.")
def command(invocation: Invocation, execution: str, plain: bool, timeout: float | None) -> None:
    """Follow EXEC until it ends; the exit code tells its outcome (0, 1 failed, 5 cancelled).

    On a terminal the screen opens on it. Elsewhere, and with --plain, one line is printed for every
    change of state. With `--json` the lines are events as of `mission events`.
    """
    from tui.cli.screen import can_open_screen, open_screen

    if not (plain or invocation.json or timeout is not None) and can_open_screen(invocation):
        with open_records(invocation) as reader:
            found = reader.find_execution(execution)
        open_screen(invocation, start=found.execution_id)
        return
    with open_records(invocation) as reader:
        found = reader.find_execution(execution)
        ended = follow_execution(invocation, reader, found, timeout=timeout)
    finish(OUTCOME_CODES.get(ended.state, 0))


def follow_execution(
    invocation: Invocation,
    reader: Reader,
    found: Execution,
    *,
    timeout: float | None = None,
    silent: bool = False,
) -> Execution:
    """Print every change of state until the execution ends, then its summary; return its end.

    `silent` only waits. Stops early, with words on stderr, when its runner is gone. Raises
    `WaitTimeoutError`.
    """
    console = invocation.console
    after = 0
    lost = LostWatch(invocation)
    for _ in rounds(reader, timeout=timeout):
        found = reader.find_execution(found.execution_id)
        while page := reader.audit_events(after_seq=after, execution_id=found.execution_id):
            for event in page:
                if silent:
                    continue
                if invocation.json:
                    console.out_ndjson(shape.event(event))
                elif (line := change_line(event, console.palette)) is not None:
                    console.out(line)
            after = page[-1].seq
        console.flush()
        if is_terminal(found.state):
            break
        if found.reason_code is Reason.RUNNER_LOST:
            console.say("its runner is gone; `mission resume` goes on with it")
            break
        lost.look()
    if not invocation.json:
        _summarise(invocation, reader, found)
    return found


def _summarise(invocation: Invocation, reader: Reader, found: Execution) -> None:
    console = invocation.console
    console.out()
    console.out_lines(
        execution_text(
            found,
            reader.task_runs(found.execution_id),
            console.palette,
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
            width=console.width,
        )
    )
