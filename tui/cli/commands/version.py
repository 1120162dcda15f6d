"""`mission version`."""

import click

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.host.version import VERSION


@declare("version")
def command(invocation: Invocation) -> None:
    """Print the version; with --json also those of Python, SQLite and the platform."""
    if not invocation.json:
        click.echo(f"mission {VERSION}")
        return
    import platform
    import sqlite3

    invocation.console.out_json(
        {
            "version": VERSION,
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "platform": platform.platform(),
        }
    )
