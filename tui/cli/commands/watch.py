"""`mission watch`."""

import click

from core.errors import UsageError
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.following.end_notice import AtEnd, end_options
from tui.cli.following.watch_execution import watch
from tui.cli.invocation import Invocation
from tui.cli.printing.output_option import output_option
from tui.cli.printing.step_output import OutputMode
from tui.cli.reference import execution_argument
from tui.cli.shared_options import read_only_option, seconds_option


@declare("watch")
@execution_argument
@click.option("--stay", is_flag=True, help="Keep the screen open, as `mission open` does.")
@click.option("--plain", is_flag=True, help="Print plain lines, even on a terminal.")
@output_option
@seconds_option("--timeout", help="Stop waiting after this time, such as 30 or 5m.")
@end_options
@read_only_option
def command(
    invocation: Invocation,
    execution: str,
    stay: bool,
    plain: bool,
    output: OutputMode | None,
    timeout: float | None,
    on_end: str | None,
    notify: bool,
    read_only: bool,
) -> None:
    """Watch EXEC until it ends; the exit code is that of its outcome.

    On a terminal the screen opens, and closes when EXEC ends. Otherwise, and with --plain, one line
    is printed for every state change, and the step output selected by --output (default: none);
    without output the items of large fan-outs are summed up.
    With `--json` the lines are those of `mission events`. The exit code is 0 for success, 1 for
    failed, 5 for cancelled, 6 if watching ended before the execution did, 9 if its runner died.
    COMMAND of --on-end has MISSION_RUN (NAME#NUMBER), MISSION_EXECUTION_ID,
    MISSION_EXECUTION_STATE, MISSION_EXECUTION_MESSAGE and MISSION_EXIT_CODE in its environment; it
    is not run when watching ended first, and its failure changes no exit code.
    """
    if stay and (on_end is not None or notify):
        option = "--notify" if on_end is None else "--on-end"
        raise UsageError(f"--stay and {option} cannot be combined")
    if stay:
        from tui.cli.commands.open import open_execution

        open_execution(invocation, execution, read_only=read_only)
        return
    if output is not None and invocation.json:
        raise UsageError(
            "--output and --json cannot be combined", hint="`mission logs -f --json` follows output"
        )
    found, code = watch(
        invocation,
        execution,
        plain=plain or output is not None,
        timeout=timeout,
        output=output or OutputMode.NONE,
        read_only=read_only,
    )
    AtEnd(on_end, notify).tell(invocation, found, code)
    finish(code)
