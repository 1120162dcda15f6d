"""`mission db`: the database as a file."""

import click

from tui.cli.command import DeckGroup
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation


@click.group("db", cls=DeckGroup, short_help="Look after the database.")
def command() -> None:
    """Look after the database file."""


@declare("path", short_help="Print where the database is.")
def path(invocation: Invocation) -> None:
    """Print where the database is, whether it exists or not."""
    place = invocation.paths.db
    if invocation.json:
        invocation.console.out_json({"path": str(place), "exists": place.exists()})
    else:
        invocation.console.out(str(place))


command.add_command(path)
