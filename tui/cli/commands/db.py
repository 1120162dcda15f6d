"""`mission db`: maintenance of the database file."""

from pathlib import Path

import click

from core.domain.state_word import counted
from core.errors import NotFoundError, UnavailableError
from core.value.timestamp import file_stamp
from tui.cli.auditing.db_prune import prune
from tui.cli.command import DeckGroup
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.words.numbers import size


@click.group("db", cls=DeckGroup)
def command() -> None:
    """Check, back up and inspect the database file."""


@declare("path", short_help="Print the path of the database.")
def path(invocation: Invocation) -> None:
    """Print the path of the database, whether it exists or not."""
    place = invocation.paths.db
    if invocation.json:
        invocation.console.out_json({"path": str(place), "exists": place.exists()})
    else:
        invocation.console.out_raw(f"{place}\n")


@declare("check", short_help="Check the integrity of the database file.")
def check(invocation: Invocation) -> None:
    """Check the integrity of the database file (exit code 9 if it is damaged).

    Checks pages, indexes, constraints, references between rows, tables, triggers and the -wal file.
    To detect tampering with the records, use `mission audit verify`.
    """
    from storage.file.integrity.file_check import find_damage

    place = _existing(invocation)
    damage = find_damage(place)
    if invocation.json:
        invocation.console.out_json({"path": str(place), "ok": not damage, "problems": damage})
        if damage:
            raise click.exceptions.Exit(UnavailableError.exit_code)
    elif damage:
        invocation.console.out_lines(damage)
        raise UnavailableError(
            f"{place} is damaged: {counted(len(damage), 'problem')}",
            hint="restore a backup; `mission audit verify` reports what can still be verified",
        )
    else:
        invocation.console.out(f"{place}: no damage found")
        invocation.console.say("`mission audit verify` checks whether its records were changed")


@declare("backup", short_help="Copy the database to a new file.")
@click.argument("target", required=False, type=click.Path(path_type=Path))
def backup(invocation: Invocation, target: Path | None) -> None:
    """Copy the database to TARGET, a new file, even while it is in use.

    A plain copy of the file would lack the records that are still in the -wal file. Without TARGET
    the copy is written next to the database, with the time in its name.
    """
    from storage.file.maintenance import back_up

    place = _existing(invocation)
    if target is None:
        target = place.with_name(f"{place.stem}-{file_stamp()}{place.suffix}")
    elif target.is_dir():
        target = target / place.name
    count = back_up(place, target)
    invocation.console.best_effort()
    if invocation.json:
        invocation.console.out_json({"path": str(place), "backup": str(target), "bytes": count})
    else:
        invocation.console.out_raw(f"{target}\n")
        invocation.console.say(
            f"{size(count)} copied; back up the keys in {invocation.paths.keys} separately"
        )


@declare("stats", short_help="Print the size and contents of the database.")
def stats(invocation: Invocation) -> None:
    """Print the size of the database and the number of rows in its tables."""
    from storage.file.maintenance import read_stats

    found = read_stats(_existing(invocation))
    sizes = {
        "bytes": found.bytes,
        "wal_bytes": found.wal_bytes,
        "free_bytes": found.free_bytes,
        "log_bytes": found.log_bytes,
    }
    if invocation.json:
        invocation.console.out_json(
            {"path": str(found.path), "format": found.format, **sizes, "rows": found.rows}
        )
        return
    widest = max(map(len, (*sizes, *found.rows)))
    lines = [f"{name:<{widest}}  {size(count):>12}" for name, count in sizes.items()]
    lines += [f"{name:<{widest}}  {count:>12,}" for name, count in found.rows.items()]
    invocation.console.out_lines([f"{found.path}, format {found.format}", *lines])


def _existing(invocation: Invocation) -> Path:
    place = invocation.paths.db
    if not invocation.paths.has_database:
        raise NotFoundError(
            f"there is no database {place} yet", hint="`mission run FILE` creates it"
        )
    return place


for _one in (path, check, backup, prune, stats):
    command.add_command(_one)
