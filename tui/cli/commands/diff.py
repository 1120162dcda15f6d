"""`mission diff`."""

import click

from core.errors import NotFoundError
from core.operations.history.comparison import baseline_of, compare_executions
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution
from tui.cli.invocation import Invocation
from tui.cli.printing.report_output import print_report
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution, label_of
from tui.output.history_json import comparison_json
from tui.words.report.comparison_text import comparison_lines
from tui.words.run_label import run_name
from tui.words.safe_text import safe_line


@declare("diff")
@execution_argument
@click.argument("base", metavar="[EXEC2]", required=False, shell_complete=complete_execution)
@click.option("--no-logs", is_flag=True, help="Do not compare what the steps wrote.")
def command(invocation: Invocation, execution: str, base: str | None, no_logs: bool) -> None:
    """Compare EXEC with EXEC2, by default the last run before it that succeeded.

    Told are differences in the mission file, definitions, parameters and folder, in outcomes,
    notable ones in durations, in the outputs of steps, and lines of their logs that only one of the
    two has. Numbers and ids in lines do not count. Inputs and outputs are masked as recorded.
    """
    with open_records(invocation) as reader:
        after = find_execution(invocation, reader, execution)
        if base is None:
            before = baseline_of(reader, after)
            if before is None:
                raise NotFoundError(
                    f"no run of {safe_line(after.mission_name)!r} before "
                    f"{label_of(reader, after)} has succeeded",
                    hint=f"`mission diff {safe_line(run_name(after))} EXEC2` names a run to"
                    " compare it with",
                )
        else:
            before = find_execution(invocation, reader, base)
        found = compare_executions(reader, before, after, with_logs=not no_logs)
    if invocation.json:
        invocation.console.out_json(comparison_json(found))
    else:
        print_report(invocation.console, comparison_lines(found, invocation.now))
