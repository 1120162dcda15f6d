"""`mission resume`: go on with a paused execution, or with one whose runner is gone."""

import asyncio

import click

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import ConflictError, UnavailableError
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.ports.control import RequestKind
from tui.cli.asking import ask_and_wait
from tui.cli.command import command as declare
from tui.cli.following.linked import after_start, watch_option
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.output.again import again
from tui.output.shape import reference_of
from tui.output.text import safe_line
from tui.words.run_label import full_argument, full_label


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
    how = resume(invocation, execution, run_again=run_again)
    if not invocation.json:
        invocation.console.say(f"{safe_line(full_label(execution))}: {how}")
    facts = {
        "execution_id": execution.execution_id,
        "reference": reference_of(execution),
        "resumed": how,
    }
    after_start(invocation, execution, facts, watch=watch)


def resume(invocation: Invocation, execution: Execution, *, run_again: bool = False) -> str:
    """Resume by request where a runner lives, by a new runner where none does; say which.

    Raises `ConflictError` when the execution has ended or is not paused, and `UnavailableError`
    when its runner does not answer.
    """
    execution_id = execution.execution_id
    with open_records(invocation) as reader:
        if is_terminal(execution.state):
            raise ConflictError(
                f"{full_label(execution)} has ended: {execution.state}",
                hint=again(execution, reader.task_runs(execution_id)),
            )
        owned = is_owned(reader.lease(execution_id), invocation.now)
        whole = resumed_with(reader, execution)
        if owned:
            asked = ask_and_wait(invocation, reader, execution, RequestKind.RESUME)
            if not asked.settled:
                raise UnavailableError(
                    f"the runner of {full_label(execution)} has not answered yet",
                    hint="the request waits for it; `mission show` tells whether it goes on",
                )
            return "its runner goes on with it"
    if whole is not execution:
        raise ConflictError(
            f"{full_label(execution)} is a part of {full_label(whole)},"
            " which goes on with it when it is resumed itself",
            hint=f"mission resume {full_argument(whole)}",
        )
    asyncio.run(invocation.site.start_runner(execution_id, run_again=run_again))
    return "a new runner goes on with it"
