"""`mission open`."""

from tui.cli.command import command as declare
from tui.cli.following.screen import open_screen
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution


@declare("open")
@execution_argument
def command(invocation: Invocation, execution: str) -> None:
    """Open the screen on EXEC and stay until it is closed, whatever EXEC does.

    `mission watch` closes it when EXEC ends and exits with the code of the outcome.
    """
    open_execution(invocation, execution)


def open_execution(invocation: Invocation, reference: str) -> None:
    """Open the screen on an execution; `UsageError` off a terminal."""
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
    open_screen(invocation, start=found.execution_id)
