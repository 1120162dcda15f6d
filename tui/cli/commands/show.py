"""`mission show`."""

import click

from core.model import Execution
from core.ports import Reader
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.reading import open_records
from tui.cli.reference import execution_argument, step_argument
from tui.output import shape
from tui.output.detail import execution_text, step_text


@declare("show", short_help="Show one execution, or one step of it.")
@execution_argument
@step_argument(required=False)
@click.option("--all", "everything", is_flag=True, help="List every step, however many.")
def command(invocation: Invocation, execution: str, step: str | None, everything: bool) -> None:
    """Show execution EXEC and why it is where it is; with STEP, one step in full."""
    with open_records(invocation) as reader:
        found = reader.find_execution(execution)
        if step is not None:
            _show_step(invocation, reader, found, step)
        elif invocation.json:
            invocation.console.out_json(_detail(reader, found))
        else:
            _show_execution(invocation, reader, found, everything=everything)


def _show_execution(
    invocation: Invocation, reader: Reader, found: Execution, *, everything: bool
) -> None:
    console = invocation.console
    console.out_lines(
        execution_text(
            found,
            reader.task_runs(found.execution_id),
            console.palette,
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
            width=console.width,
            everything=everything,
        )
    )


def _show_step(invocation: Invocation, reader: Reader, found: Execution, step: str) -> None:
    task = reader.task_run(found.execution_id, step)
    attempts = reader.attempts(found.execution_id, step)
    changes = reader.state_changes(found.execution_id, step)
    console = invocation.console
    if invocation.json:
        console.out_json(shape.task_run(task, attempts, changes))
        return
    console.out_lines(
        step_text(
            task,
            attempts,
            changes,
            console.palette,
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
        )
    )


def _detail(reader: Reader, found: Execution) -> dict[str, object]:
    execution_id = found.execution_id
    events, after = [], 0
    while page := reader.audit_events(after_seq=after, execution_id=execution_id, limit=10_000):
        events += page
        after = page[-1].seq
    return shape.execution_detail(
        found,
        reader.task_runs(execution_id),
        reader.attempts(execution_id),
        reader.state_changes(execution_id),
        events,
    )
