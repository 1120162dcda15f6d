"""`mission db prune`: removes old output and executions behind a signed record of what went."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec.structs import replace

from core.domain.state_word import counted
from core.errors import NotFoundError, UsageError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.shared_options import DURATION
from tui.words.numbers import size
from tui.words.safe_text import safe_line

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:  # the table of commands is read by every command
    from tui.host.evidence.prune_run import PruneOrder, PruneResult


def retention_options(command: F) -> F:
    """Add the options that say what is old, in place of the setting `retention`."""
    older_than = click.option(
        "--older-than",
        metavar="TIME",
        type=DURATION,
        help="Take what ended longer ago than this: 30d, 12h. Without it the setting `retention`.",
    )
    keep = click.option(
        "--keep",
        metavar="N",
        type=click.IntRange(min=0),
        help="Leave the N newest executions of each mission, whatever their age.",
    )
    return older_than(keep(command))


@declare("prune", short_help="Remove old output and executions behind a signed record.")
@retention_options
@click.option("--logs-only", is_flag=True, help="Remove the output of steps, and nothing else.")
@click.option(
    "--archive",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write each execution to a verified bundle in DIR first; what cannot be, stays.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
def prune(
    invocation: Invocation,
    older_than: float | None,
    keep: int | None,
    logs_only: bool,
    archive: Path | None,
    dry_run: bool,
) -> None:
    """Remove old output and executions from the database.

    The records are verified first. An event of the audit log, signed like all others, names what is
    removed before it goes, so `mission audit verify` still passes, and says what was pruned, when
    and by whom. Executions that have not ended stay, and so does what refers to them or what they
    refer to. What an interrupted prune has left is removed by the next one.
    """
    from tui.host.evidence.prune_run import PrunePlan, PruneResult, plan_prune

    if not invocation.paths.has_database:
        raise NotFoundError(f"there is no database {invocation.paths.db} yet")
    order = _order(invocation, older_than=older_than, keep=keep, archive=archive)
    if logs_only:
        order = replace(order, executions_seconds=None)
    result = (
        PruneResult(plan=plan_prune(invocation.site, order)) if dry_run else _run(invocation, order)
    )
    plan: PrunePlan = result.plan
    console = invocation.console
    if invocation.json:
        console.out_json(
            {
                "dry_run": dry_run,
                "executions": list(plan.executions),
                "logs": list(plan.logs),
                "events": plan.events,
                "output_bytes": plan.output_bytes,
                "artifacts": plan.artifacts,
                "artifact_bytes": plan.artifact_bytes,
                "pruned_by": list(result.seqs),
                "finished": result.finished,
                "archived": dict(result.archived),
            }
        )
        return
    verb = "would be removed" if dry_run else "removed"
    lines = []
    if result.finished:
        lines.append(f"finished an earlier prune of {counted(result.finished, 'execution')}")
    if plan.executions or plan.logs:
        lines.append(
            f"{verb}: {counted(len(plan.executions), 'execution')} with"
            f" {counted(plan.events, 'event')}, the output of"
            f" {counted(len(plan.logs), 'other execution')}; {size(plan.output_bytes)} of output,"
            f" {counted(plan.artifacts, 'artifact')} with {size(plan.artifact_bytes)}"
        )
    else:
        lines.append("nothing is old enough to be removed")
    console.out_lines(lines)
    if result.seqs:
        console.say(
            "`mission audit verify` says what was pruned; the space is used again by later runs"
        )


def write_archive(
    invocation: Invocation, folder: Path, *, older_than: float | None, keep: int | None
) -> None:
    """Write what a prune would take to bundles in a folder, and print what was written."""
    from tui.cli.printing.verify_progress import VerifyProgress
    from tui.host.evidence.prune_run import archive_plan

    if not invocation.paths.has_database:
        raise NotFoundError(f"there is no database {invocation.paths.db} yet")
    order = _order(invocation, older_than=older_than, keep=keep, archive=folder)
    with VerifyProgress() as verified:
        result = archive_plan(invocation.site, order, folder, verified.show)
    console = invocation.console
    if invocation.json:
        console.out_json({"folder": str(folder), "archived": dict(result.archived)})
        return
    console.out_lines([safe_line(str(folder / name)) for name in result.archived.values()])
    console.say(
        f"{counted(len(result.archived), 'bundle')} in {safe_line(str(folder))}; `mission audit"
        " verify FILE` verifies one, and a prune with --archive to the same folder takes them"
        if result.archived
        else "nothing is old enough to be archived"
    )


def _order(
    invocation: Invocation, *, older_than: float | None, keep: int | None, archive: Path | None
) -> "PruneOrder":
    from tui.host.evidence.prune_run import PruneOrder

    retention = invocation.settings.retention
    logs, executions = retention.get("logs"), retention.get("executions")
    if older_than is not None:
        logs = executions = older_than
    elif logs is None and executions is None:
        raise UsageError(
            "nothing says what is old",
            hint="--older-than 30d, or the setting `retention` (docs/settings.md)",
        )
    return PruneOrder(
        logs_seconds=logs,
        executions_seconds=executions,
        keep=retention.get("keep", 0) if keep is None else keep,
        archive=archive or (Path(retention["archive"]) if "archive" in retention else None),
    )


def _run(invocation: Invocation, order: "PruneOrder") -> "PruneResult":
    """Prune; a terminal shows how far verification and removal have got."""
    from tui.cli.printing.verify_progress import VerifyProgress
    from tui.host.evidence.prune_run import prune as run

    with VerifyProgress() as verified, VerifyProgress(what="executions pruned") as pruned:
        return run(invocation.site, order, pruned.show, verified.show)
