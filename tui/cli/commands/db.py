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
from tui.words.safe_text import safe_line


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
    """Print the size of the database and what takes the room.

    That is for each table its rows and the bytes of its pages, the missions and executions with the
    most events, and what `mission db prune` would remove if the setting `retention` is there.
    """
    from storage.file.maintenance import read_stats

    found = read_stats(_existing(invocation))
    sizes = {
        "bytes": found.bytes,
        "wal_bytes": found.wal_bytes,
        "free_bytes": found.free_bytes,
        "log_bytes": found.log_bytes,
    }
    prune = _prune_by_retention(invocation)
    if invocation.json:
        invocation.console.out_json(
            {
                "path": str(found.path),
                "format": found.format,
                **sizes,
                "rows": found.rows,
                "tables": found.tables,
                "missions": [
                    {"mission_name": name, "executions": count, "events": events}
                    for name, count, events in found.missions
                ],
                "largest": [
                    {"execution_id": key, "mission_name": name, "events": events}
                    for key, name, events in found.largest
                ],
                "prune": prune,
            }
        )
        return
    widest = max(map(len, (*sizes, *found.rows, *found.tables)))
    lines = [f"{name:<{widest}}  {size(count):>12}" for name, count in sizes.items()]
    for name in (*found.rows, *(one for one in found.tables if one not in found.rows)):
        rows, pages = found.rows.get(name), found.tables.get(name)
        text = "" if rows is None else f"{rows:,}"
        lines.append(
            f"{name:<{widest}}  {text:>12}" + ("" if pages is None else f"  {size(pages):>10}")
        )
    for name, count, events in found.missions:
        lines.append(
            f"mission {safe_line(name)}: {counted(count, 'execution')}, {counted(events, 'event')}"
        )
    for key, name, events in found.largest:
        lines.append(f"execution {key} of {safe_line(name)}: {counted(events, 'event')}")
    if prune is not None:
        lines.append(
            f"`mission db prune` would remove {counted(prune['executions'], 'execution')} with"
            f" {counted(prune['events'], 'event')}, {size(prune['output_bytes'])} of output and"
            f" {size(prune['artifact_bytes'])} of artifacts"
        )
    invocation.console.out_lines([f"{found.path}, format {found.format}", *lines])


def _prune_by_retention(invocation: Invocation) -> dict[str, int] | None:
    """Return what a prune by the setting would remove, None without the setting."""
    retention = invocation.settings.retention
    if not retention.keys() & {"logs", "executions"}:
        return None
    from tui.host.evidence.prune_run import PruneOrder, plan_prune

    order = PruneOrder(
        logs_seconds=retention.get("logs"),
        executions_seconds=retention.get("executions"),
        keep=retention.get("keep", 0),
    )
    plan = plan_prune(invocation.site, order)
    return {
        "executions": len(plan.executions),
        "logs": len(plan.logs),
        "events": plan.events,
        "output_bytes": plan.output_bytes,
        "artifact_bytes": plan.artifact_bytes,
    }


def _existing(invocation: Invocation) -> Path:
    place = invocation.paths.db
    if not invocation.paths.has_database:
        raise NotFoundError(
            f"there is no database {place} yet", hint="`mission run FILE` creates it"
        )
    return place


for _one in (path, check, backup, prune, stats):
    command.add_command(_one)
