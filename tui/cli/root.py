"""The command `mission` and the table of its commands, by what they are for."""

import click

from tui.cli.command import DeckGroup, colour_option, database_option
from tui.cli.invocation import Invocation
from tui.cli.version import VERSION

_HERE = "tui.cli.commands"

SECTIONS = {
    "Run": {
        "run": f"{_HERE}.run",
        "retry": f"{_HERE}.retry",
        "rerun": f"{_HERE}.rerun",
    },
    "Look": {
        "ls": f"{_HERE}.ls",
        "show": f"{_HERE}.show",
        "logs": f"{_HERE}.logs",
        "why": f"{_HERE}.why",
        "watch": f"{_HERE}.watch",
        "events": f"{_HERE}.events",
    },
    "Steer": {
        "cancel": f"{_HERE}.cancel",
        "pause": f"{_HERE}.pause",
        "resume": f"{_HERE}.resume",
    },
    "Mission files": {
        "validate": f"{_HERE}.validate",
        "plan": f"{_HERE}.plan",
    },
    "Prove": {
        "audit": f"{_HERE}.audit",
    },
    "Set up": {
        "db": f"{_HERE}.db",
        "completion": f"{_HERE}.completion",
        "version": f"{_HERE}.version",
    },
}


@click.group(
    "mission",
    cls=DeckGroup,
    sections=SECTIONS,
    invoke_without_command=True,
    params=[database_option(), colour_option()],
    epilog=(
        "EXEC is an execution's id, a unique prefix of it, @last, @last-failed or a mission's name."
        " Exit codes: 0 done, 1 failed, 2 usage, 3 mission invalid, 4 not found, 5 cancelled,"
        " 6 wait timed out, 7 conflict, 8 audit does not verify, 9 unavailable, 70 a bug."
    ),
)
@click.version_option(VERSION, prog_name="mission", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Run, watch and prove missions.

    Without a command the screen opens.
    """
    if ctx.invoked_subcommand is None:
        from tui.cli.screen import open_screen

        open_screen(ctx.ensure_object(Invocation))
