"""`mission resume`: go on with a paused execution, or with one whose runner is gone."""

import asyncio

import click

from core.clock import SystemClock
from core.errors import ConflictError
from core.model import Execution
from core.ports import RequestKind
from core.states import is_terminal
from tui.cli.ancestry import resumed_with
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.linked import after_start, watch_option
from tui.cli.ownership import is_owned
from tui.cli.reading import open_records
from tui.cli.session import open_session
from tui.cli.spawn import spawn_runner


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
        execution = reader.find_execution(reference)
    invocation.console.best_effort()
    how = resume(invocation, execution, run_again=run_again)
    execution_id = execution.execution_id
    if not invocation.json:
        invocation.console.say(f"{execution_id}: {how}")
    facts = {"execution_id": execution_id, "resumed": how}
    after_start(invocation, execution_id, facts, watch=watch)


def resume(invocation: Invocation, execution: Execution, *, run_again: bool = False) -> str:
    """Resume by request where a runner lives, by a new runner where none does; say which.

    Raises `ConflictError` when the execution has ended or is not paused.
    """
    execution_id = execution.execution_id
    if is_terminal(execution.state):
        raise ConflictError(
            f"execution {execution_id} has ended: {execution.state}",
            hint=f"`mission retry {execution_id}` runs what failed again",
        )
    with open_records(invocation) as reader:
        owned = is_owned(reader.lease(execution_id), invocation.now)
        whole = resumed_with(reader, execution)
    if owned:
        asyncio.run(_ask(invocation, execution_id))
        return "asked its runner to go on"
    if whole is not execution:
        raise ConflictError(
            f"execution {execution_id} is a part of {whole.execution_id} ({whole.mission_name}),"
            " which goes on with it when it is resumed itself",
            hint=f"mission resume {whole.execution_id}",
        )
    spawn_runner(invocation.paths, execution_id, invocation.environ, run_again=run_again)
    return "a new runner goes on with it"


async def _ask(invocation: Invocation, execution_id: str) -> None:
    async with open_session(invocation.paths, SystemClock()) as store:
        await store.control.request(execution_id, RequestKind.RESUME, actor=invocation.actor)
