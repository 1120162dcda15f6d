"""`mission ls`."""

import click

from core.errors import NotFoundError
from core.execution_query import ExecutionQuery
from core.model import Execution
from core.states import ExecutionState
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.reading import open_records
from tui.output import shape
from tui.output.listing import execution_table


@declare("ls")
@click.argument("mission", required=False)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=50,
    show_default=True,
    help="At most so many.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in ExecutionState], case_sensitive=False),
    help="Only executions in this state; may be repeated.",
)
def command(
    invocation: Invocation, mission: str | None, limit: int, states: tuple[str, ...]
) -> None:
    """List executions, newest first; of one MISSION when its name is given."""
    show_executions(
        invocation, mission=mission, limit=limit, states=frozenset(map(ExecutionState, states))
    )


def show_executions(
    invocation: Invocation,
    *,
    mission: str | None = None,
    limit: int = 50,
    states: frozenset[ExecutionState] = frozenset(),
) -> None:
    """Print the list."""
    console = invocation.console
    shown: list[Execution] = []
    short: dict[str, str] = {}
    try:
        with open_records(invocation) as reader:
            shown = reader.executions(
                ExecutionQuery(limit=limit, mission_name=mission, states=states)
            )
            short = reader.short_ids([one.execution_id for one in shown])
    except NotFoundError as error:
        if invocation.paths.db.exists():
            raise
        if not invocation.json:
            console.say(f"{error.message}: {error.hint}")
    if invocation.json:
        console.out_json([shape.execution(one) for one in shown])
    elif shown:
        console.out_lines(
            execution_table(shown, short, console.palette, now=invocation.now, width=console.width)
        )
