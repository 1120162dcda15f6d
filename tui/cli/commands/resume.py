"""`mission resume`: continue a paused execution, or one whose runner died."""

import asyncio

import click

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import ConflictError
from core.machine.ownership import is_owned
from core.operations.mission_secret_check import needed_secrets
from core.operations.recorded_mission import mission_of
from core.operations.resume import resume
from core.planning.recovery import AssumeLost
from core.ports.reader import Reader
from tui.cli.command import command as declare
from tui.cli.following.executor_option import earlier_executor_option
from tui.cli.following.linked_start import after_start, watch_option
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.secret_input import ask_secret_inputs
from tui.output.json_shapes import reference_of
from tui.output.next_command import next_command
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line


@declare("resume", short_help="Continue a paused or abandoned execution.")
@click.argument("reference", metavar="EXEC")
@click.option(
    "--assume-lost",
    type=click.Choice([one.value for one in AssumeLost]),
    help="What to do with attempts that a runner lost: `retry` repeats them all, also of steps that"
    " are not idempotent; `fail` fails their steps.",
)
@earlier_executor_option()
@watch_option
def command(invocation: Invocation, reference: str, assume_lost: str | None, watch: bool) -> None:
    """Continue a paused execution, or one whose runner died.

    Steps that succeeded are not run again; lost attempts are repeated unless their step is not
    idempotent or --assume-lost says otherwise; sub-missions continue.
    A sub-mission is resumed by resuming its parent execution. Without --watch the command returns
    as soon as a runner has taken over.
    """
    with open_records(invocation) as reader:
        execution = find_execution(invocation, reader, reference)
        invocation.console.best_effort()
        _ask_secret_inputs(invocation, reader, execution)
        choice = None if assume_lost is None else AssumeLost(assume_lost)
        try:
            resumed = asyncio.run(
                resume(
                    invocation.site,
                    reader,
                    execution,
                    assume_lost=choice,
                )
            )
        except ConflictError as error:
            if is_terminal(execution.state):
                again = next_command(execution, reader.task_runs(execution.execution_id))
                error.hint = f"again: {again}"
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


def _ask_secret_inputs(invocation: Invocation, reader: Reader, execution: Execution) -> None:
    """Ask for the secret inputs that a new runner will need; one that lives has them."""
    if is_terminal(execution.state) or is_owned(
        reader.lease(execution.execution_id), invocation.now
    ):
        return
    mission = mission_of(reader, execution)
    if mission is not None:
        ask_secret_inputs(invocation, mission, needed_secrets(mission))
