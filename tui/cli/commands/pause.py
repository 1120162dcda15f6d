"""`mission pause`."""

from core.ports.control import RequestKind
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.cli.runner_request import ask_and_wait, tell


@declare("pause")
@execution_argument
def command(invocation: Invocation, execution: str) -> None:
    """Pause EXEC: what runs goes on, nothing more is started until `mission resume`."""
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        asked = ask_and_wait(invocation, reader, found, RequestKind.PAUSE)
    tell(invocation, asked)
