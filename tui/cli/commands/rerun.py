"""`mission rerun`."""

import click

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.linked import start_linked
from tui.cli.reading import open_records
from tui.cli.reference import execution_argument


@declare("rerun")
@execution_argument
@click.option("--reason", metavar="TEXT", default="", help="Why, for the audit.")
@click.option("--detach", is_flag=True, help="Do not follow it.")
def command(invocation: Invocation, execution: str, reason: str, detach: bool) -> None:
    """Run the mission of EXEC afresh, with the same parameters, in a new execution linked to it.

    The mission is the one that ran, not its file as it is today.
    """
    from tui.cli.relaunch import rerun_order

    with open_records(invocation) as reader:
        found = reader.find_execution(execution)
        order = rerun_order(reader, found.execution_id, reason=reason, actor=invocation.actor)
    start_linked(invocation, order, {"rerun_of": found.execution_id}, detach=detach)
