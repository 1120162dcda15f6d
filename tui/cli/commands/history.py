"""`mission history`."""

import click

from core.domain.item_label import step_title
from core.operations.history.past_runs import DEFAULT_RUNS, mission_outcomes, step_outcomes
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_mission
from tui.cli.invocation import Invocation
from tui.cli.printing.report_output import print_report
from tui.cli.records import open_records
from tui.cli.reference import find_execution, step_argument
from tui.output.history_json import history_json
from tui.words.report.history_text import history_lines


@declare("history")
@click.argument("mission", metavar="NAME", shell_complete=complete_mission)
@step_argument(required=False)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=DEFAULT_RUNS,
    show_default=True,
    help="Tell of at most N runs, the newest.",
)
def command(invocation: Invocation, mission: str, step: str | None, limit: int) -> None:
    """Tell how the runs of the mission NAME ended, or those of its step STEP.

    Told are outcome and duration of each run and what it was given otherwise than the run before,
    how often it succeeds and how long that takes, and how flaky it is: how often the outcome
    changed although mission file and parameters did not. NAME may also be EXEC: then of the mission
    of that run, and of a step in that run and earlier ones. Runs of some of the steps only are left
    out, and so is a step whose outcome was reused.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, mission)
        name = found.mission_name
        if step is None:
            runs = mission_outcomes(reader, name, limit=limit)
        else:
            task = reader.task_run(found.execution_id, step)
            name = f"{step_title(task)} of {name}"
            runs = step_outcomes(reader, found, task, limit=limit)
    if invocation.json:
        invocation.console.out_json(history_json(found.mission_name, step, runs))
    else:
        print_report(invocation.console, history_lines(name, runs, invocation.now))
