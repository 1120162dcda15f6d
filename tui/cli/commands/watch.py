"""`mission watch`."""

import click

from core.errors import UsageError
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.following.watch_execution import watch
from tui.cli.invocation import Invocation
from tui.cli.printing.output_option import output_option
from tui.cli.printing.step_output import OutputMode
from tui.cli.reference import execution_argument
from tui.cli.shared_options import seconds_option


@declare("watch")
@execution_argument
@click.option("--stay", is_flag=True, help="Open the screen and stay, as `mission open` does.")
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
@output_option
@seconds_option("--timeout", help="Give up waiting after this long: 30, 5m.")
def command(
    invocation: Invocation,
    execution: str,
    stay: bool,
    plain: bool,
    output: OutputMode | None,
    timeout: float | None,
) -> None:
    """Watch EXEC until it ends; the exit code is that of its outcome.

    On a terminal the screen opens on it and closes when it ends. Elsewhere, and with --plain, one
    line is printed for every change of state, and the output of steps that --output asks for
    (default: none). With `--json` the lines are events as of `mission events`. The exit code is 0
    for success, 1 failed, 5 cancelled, 6 when the watching ended before the execution did, 9 when
    its runner is gone.
    """
    if stay:
        from tui.cli.commands.open import open_execution

        open_execution(invocation, execution)
        return
    if output is not None and invocation.json:
        raise UsageError(
            "--output and --json exclude each other", hint="`mission logs -f` has both"
        )
    _, code = watch(
        invocation,
        execution,
        plain=plain or output is not None,
        timeout=timeout,
        output=output or OutputMode.NONE,
    )
    finish(code)
