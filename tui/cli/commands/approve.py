"""`mission approve`."""

import click

from core.ports.control import RequestKind
from tui.cli.approval_answer import answer
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.reference import execution_argument, step_argument


@declare("approve")
@execution_argument
@step_argument(required=False)
@click.option("--comment", metavar="TEXT", default="", help="Why, for the audit.")
def command(invocation: Invocation, execution: str, step: str | None, comment: str) -> None:
    """Approve STEP of EXEC, which waits for it; without STEP, the only one that waits."""
    answer(invocation, execution, step, RequestKind.APPROVE, comment)
