"""`mission hold`."""

from core.ports.control import RequestKind
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.cli.runner_request import print_request, require_queued, send_request


@declare("hold")
@execution_argument
def command(invocation: Invocation, execution: str) -> None:
    """Hold EXEC back in its concurrency group: it keeps its place, and others go before it."""
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        require_queued(found)
        asked = send_request(invocation, reader, found, RequestKind.HOLD)
    print_request(invocation, asked)
