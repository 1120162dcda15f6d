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
@click.option("--comment", metavar="TEXT", default="", help="Comment recorded in the audit log.")
@click.option(
    "-i",
    "--input",
    "inputs",
    metavar="NAME=VALUE",
    multiple=True,
    help="A value that the step asks for; may be repeated.",
)
def command(
    invocation: Invocation,
    execution: str,
    step: str | None,
    comment: str,
    inputs: tuple[str, ...],
) -> None:
    """Approve STEP of EXEC, which waits for approval; STEP may be omitted if only one waits."""
    answer(invocation, execution, step, RequestKind.APPROVE, comment, inputs)
