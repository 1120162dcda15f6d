"""`mission hold`."""

from core.ports.control import RequestKind
from tui.cli.acting.many_options import one_or_many_options
from tui.cli.acting.queued import steer_queued
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.selecting.select_options import Selectors


@declare("hold")
@one_or_many_options()
def command(
    invocation: Invocation,
    execution: str | None,
    selectors: Selectors,
    yes: bool,
    dry_run: bool,
) -> None:
    """Hold EXEC, or all that the selecting options find, back in its concurrency group.

    It keeps its place, and others go before it.
    """
    steer_queued(invocation, RequestKind.HOLD, execution, selectors, yes=yes, dry_run=dry_run)
