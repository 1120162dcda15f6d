"""`mission pause`."""

from core.ports.control import RequestKind
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.cli.runner_request import print_request, send_request


@declare("pause")
@execution_argument
def command(invocation: Invocation, execution: str) -> None:
    """Pause EXEC: running steps continue, no more steps start until `mission resume`."""
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        asked = send_request(invocation, reader, found, RequestKind.PAUSE)
    print_request(invocation, asked)
