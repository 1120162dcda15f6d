"""`mission release`."""

from core.ports.control import RequestKind
from tui.cli.acting.many_options import one_or_many_options
from tui.cli.acting.queued import steer_queued
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.selecting.select_options import Selectors


@declare("release")
@one_or_many_options()
def command(
    invocation: Invocation,
    execution: str | None,
    selectors: Selectors,
    yes: bool,
    dry_run: bool,
) -> None:
    """Let EXEC, or all that the selecting options find, go on after `mission hold`."""
    steer_queued(invocation, RequestKind.RELEASE, execution, selectors, yes=yes, dry_run=dry_run)
