"""`mission run`.

Its options are declared apart from what they do, which takes long to import: a shell that completes
them waits at every tab.
"""

from typing import Any

import click

from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_file
from tui.cli.invocation import Invocation
from tui.cli.printing.output_option import output_options
from tui.cli.shared_options import mission_step_option, param_option


@declare("run", short_help="Run a mission to its end.")
@click.argument("file", metavar="FILE|-", shell_complete=complete_file)
@param_option
@click.option("--detach", is_flag=True, help="Start a runner of its own and print the id.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and do nothing.")
@mission_step_option("--resume-from", help="Start there; reuse what the last run did before it.")
@mission_step_option("--only", multiple=True, help="Run this step alone; may be repeated.")
@mission_step_option("--skip", multiple=True, help="Leave this step out.")
@click.option(
    "--run-id", metavar="KEY", help="Start it once: a second run with this key shows the first."
)
@output_options
@click.option(
    "--max-parallel", type=click.IntRange(1, 10_000), metavar="N", help="Attempts at once."
)
def command(invocation: Invocation, file: str, **options: Any) -> None:
    """Run a mission to its end.

    One line per state change goes to stdout, and behind that of a failure the last lines of the
    step's output. With --json the result object alone is written, at the end; output of steps that
    --output asks for goes to stderr then. With --quiet nothing is written unless the run fails.
    Ctrl-C stops gracefully; a second one kills what is left and leaves the handlers out.
    """
    from tui.cli.following.run_mission import run_mission

    run_mission(invocation, file, **options)
