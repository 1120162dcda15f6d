"""`mission rerun`."""

import click

from tui.cli.command import command as declare
from tui.cli.following.executor_option import earlier_executor_option
from tui.cli.following.linked_start import break_option, start_linked, watch_option
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution


@declare("rerun")
@execution_argument
@click.option("--reason", metavar="TEXT", default="", help="Reason recorded in the audit log.")
@break_option
@earlier_executor_option()
@watch_option
def command(
    invocation: Invocation, execution: str, reason: str, breakpoints: tuple[str, ...], watch: bool
) -> None:
    """Run the mission of EXEC again with the same parameters, in a new execution linked to it.

    The mission is the recorded one, not the current content of its file. Without --watch the
    command prints the new id and returns as soon as a runner has started.
    """
    from core.operations.relaunch import rerun_order

    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        order = rerun_order(reader, found.execution_id, reason=reason, actor=invocation.actor)
    start_linked(
        invocation, order, {"rerun_of": found.execution_id}, watch=watch, breakpoints=breakpoints
    )
