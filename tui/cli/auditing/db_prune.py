"""`mission db prune`: removes old output and executions behind a signed record of what went."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.domain.state_word import counted
from core.errors import NotFoundError, UsageError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.shared_options import DURATION
from tui.words.numbers import size

if TYPE_CHECKING:  # the table of commands is read by every command
    from tui.host.evidence.prune_run import PruneOrder, PruneResult


@declare("prune", short_help="Remove old output and executions behind a signed record.")
@click.option(
    "--older-than",
    metavar="TIME",
    type=DURATION,
    help="Remove what ended longer ago than this: 30d, 12h. Without it the setting `retention`.",
)
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=0),
    help="Keep the N newest executions of each mission, whatever their age.",
)
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
    from tui.host.evidence.prune_run import PruneOrder, PrunePlan, PruneResult, plan_prune

    if not invocation.paths.has_database:
        raise NotFoundError(f"there is no database {invocation.paths.db} yet")
    retention = invocation.settings.retention
    if older_than is None:
        logs_age, executions_age = retention.get("logs"), retention.get("executions")
        if logs_age is None and executions_age is None:
            raise UsageError(
                "nothing says what is old",
                hint="--older-than 30d, or the setting `retention` (docs/settings.md)",
            )
    else:
        logs_age = executions_age = older_than
    folder = archive or (Path(retention["archive"]) if "archive" in retention else None)
    order = PruneOrder(
        logs_seconds=logs_age,
        executions_seconds=None if logs_only else executions_age,
        keep=retention.get("keep", 0) if keep is None else keep,
        archive=folder,
    )
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
            f" {counted(len(plan.logs), 'other execution')}; {size(plan.output_bytes)} of output"
        )
    else:
        lines.append("nothing is old enough to be removed")
    console.out_lines(lines)
    if result.seqs:
        console.say(
            "`mission audit verify` says what was pruned; the space is used again by later runs"
        )


def _run(invocation: Invocation, order: "PruneOrder") -> "PruneResult":
    """Prune; a terminal shows how far verification and removal have got."""
    from tui.cli.printing.verify_progress import VerifyProgress
    from tui.host.evidence.prune_run import prune as run

    with VerifyProgress() as verified, VerifyProgress(what="executions pruned") as pruned:
        return run(invocation.site, order, pruned.show, verified.show)
