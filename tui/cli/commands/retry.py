"""`mission retry`."""

import sys

import click

from core.errors import UsageError
from core.selection import Selection
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.linked import start_linked
from tui.cli.reading import open_records
from tui.cli.reference import complete_step, execution_argument
from tui.output.text import plural, safe_line

_NAMED = 20


@declare("retry")
@execution_argument
@click.option(
    "--step",
    "steps",
    metavar="STEP",
    multiple=True,
    shell_complete=complete_step,
    help="Only this step; may be repeated.",
)
@click.option("--failed", is_flag=True, help="Everything that did not succeed (the default).")
@click.option("--downstream", is_flag=True, help="Also what depends on it, though it succeeded.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit; asked for on a terminal.")
@click.option("--dry-run", is_flag=True, help="Show what would run again and what is reused.")
@click.option("--detach", is_flag=True, help="Do not follow it.")
def command(
    invocation: Invocation,
    execution: str,
    steps: tuple[str, ...],
    failed: bool,
    downstream: bool,
    reason: str | None,
    dry_run: bool,
    detach: bool,
) -> None:
    """Run again what failed in EXEC, which has ended: in a new execution that is linked to it.

    What succeeded is not run again: its outputs are reused. The mission is the one that ran, not
    its file as it is today.
    """
    from tui.cli.relaunch import retry_order

    if failed and steps:
        raise UsageError("--failed and --step exclude each other")
    with open_records(invocation) as reader:
        found = reader.find_execution(execution)
        order, chosen = retry_order(
            reader,
            found.execution_id,
            steps=steps,
            downstream=downstream,
            reason=reason or "",
            actor=invocation.actor,
        )
    facts = {
        "retry_of": found.execution_id,
        "run": list(chosen.run),
        "reused": sorted(chosen.reuse),
        "left_out": sorted(chosen.unselected),
    }
    if dry_run and invocation.json:
        invocation.console.out_json(facts)
        return
    if not invocation.json:
        _preview(invocation, chosen)
    if dry_run:
        return
    if reason is None:
        from dataclasses import replace

        order = replace(order, reason=_ask_reason(invocation))
    start_linked(invocation, order, facts, detach=detach)


def _preview(invocation: Invocation, chosen: Selection) -> None:
    told = (
        ("runs again", chosen.run),
        ("reused", tuple(chosen.reuse)),
        ("left out", tuple(sorted(chosen.unselected))),
    )
    for title, names in told:
        if names:
            shown = ", ".join(safe_line(name) for name in names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            invocation.console.say(f"{title}: {plural(len(names), 'step')}: {shown}{more}")


def _ask_reason(invocation: Invocation) -> str:
    if invocation.json or not sys.stdin.isatty():
        raise UsageError(
            "a retry needs a reason for the audit", hint='pass --reason "why it is run again"'
        )
    reason: str = click.prompt("reason", err=True)
    return reason.strip()
