"""`mission resume`: go on with a paused execution, or with one whose runner is gone."""

import asyncio

import click

from core.domain.states import is_terminal
from core.errors import ConflictError
from core.operations.resume import resume
from tui.cli.command import command as declare
from tui.cli.following.linked_start import after_start, watch_option
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.output.json_shapes import reference_of
from tui.output.next_command import again
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line


@declare("resume", short_help="Go on with a paused or abandoned execution.")
@click.argument("reference", metavar="EXEC")
@click.option(
    "--run-again", is_flag=True, help="Repeat lost attempts of steps that are not idempotent."
)
@watch_option
def command(invocation: Invocation, reference: str, run_again: bool, watch: bool) -> None:
    """Go on with a paused execution, or with one whose runner is gone.

    What succeeded is not run again; attempts that were lost are made anew, and sub-missions go on
    where they were. A sub-mission is resumed with the execution that it is a part of. Without
    --watch it returns as soon as a runner goes on with it.
    """
    with open_records(invocation) as reader:
        execution = find_execution(invocation, reader, reference)
        invocation.console.best_effort()
        try:
            resumed = asyncio.run(resume(invocation.site, reader, execution, run_again=run_again))
        except ConflictError as error:
            if is_terminal(execution.state):
                error.hint = again(execution, reader.task_runs(execution.execution_id))
            raise
    how = f"{resumed.value} goes on with it"
    if not invocation.json:
        invocation.console.say(f"{safe_line(full_label(execution))}: {how}")
    facts = {
        "execution_id": execution.execution_id,
        "reference": reference_of(execution),
        "resumed": how,
    }
    after_start(invocation, execution, facts, watch=watch)
