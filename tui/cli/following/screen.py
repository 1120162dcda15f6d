"""Opens the Textual screen on this terminal."""

import asyncio
import os
from typing import TYPE_CHECKING

from core.errors import UsageError
from tui.cli.bug_report import write_bug_report
from tui.cli.command import finish
from tui.cli.following.close_screen import closed_at_end
from tui.cli.invocation import Invocation
from tui.terminal.hangup import end_with_terminal

if TYPE_CHECKING:
    from tui.live.backend import Backend


def can_open_screen(invocation: Invocation) -> bool:
    """Tell whether all three standard streams are terminals that can show a screen."""
    on_terminals = invocation.console.is_terminal and os.isatty(0) and os.isatty(2)
    return on_terminals and invocation.environ.get("TERM", "dumb") != "dumb"


def open_screen(
    invocation: Invocation,
    *,
    start: str | None = None,
    until_end: bool = False,
    read_only: bool = False,
) -> None:
    """Run the screen until it is closed; `start` is the execution to show first.

    With `until_end` it closes once that execution has ended or lost its runner, or when the user
    leaves the screen of the execution. With `read_only` nothing can be started, changed or written
    from it. Raises `UsageError` if this is not a terminal. Closing the
    screen never stops an execution.
    """
    if not can_open_screen(invocation):
        raise UsageError(
            "the screen needs a terminal on stdin, stdout and stderr",
            hint="`mission run FILE` runs a mission, `mission watch EXEC` prints its progress",
        )
    end_with_terminal()
    from tui.app import MissionDeckApp  # imports Textual, which other commands must not load

    def open_backend() -> "Backend":
        if not read_only:
            asyncio.run(_ensure_database(invocation))
        # slow to import: loaded after the first frame is drawn
        from tui.host.site_backend import SiteBackend

        return SiteBackend(invocation.site, invocation.settings, invocation.cwd)

    theme = invocation.settings.theme
    app = MissionDeckApp(
        open_backend,
        start=start,
        alone=until_end,
        read_only=read_only,
        theme=theme,
        report_bug=lambda error: write_bug_report(error, invocation, ("(the screen)",)),
    )
    if start is not None and until_end:
        with closed_at_end(app, invocation.paths.db, start):
            app.run()
    else:
        app.run()
    if app.failure is not None:
        raise app.failure
    finish(app.return_code or 0)


async def _ensure_database(invocation: Invocation) -> None:
    """Create the database on first use, so that the screen has something to watch."""
    from core.machine.system_clock import SystemClock
    from tui.host.session import open_session

    if not invocation.paths.has_database:
        async with open_session(invocation.paths, SystemClock()):
            return
