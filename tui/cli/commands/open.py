"""`mission open`."""

from tui.cli.command import command as declare
from tui.cli.following.screen import open_screen
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.cli.shared_options import read_only_option


@declare("open")
@execution_argument
@read_only_option
def command(invocation: Invocation, execution: str, read_only: bool) -> None:
    """Open the screen on EXEC; it stays open until you close it.

    `mission watch` closes the screen when EXEC ends, and exits with the code of its outcome.
    """
    open_execution(invocation, execution, read_only=read_only)


def open_execution(invocation: Invocation, reference: str, *, read_only: bool = False) -> None:
    """Open the screen on an execution; `UsageError` if this is not a terminal."""
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
    open_screen(invocation, start=found.execution_id, read_only=read_only)
