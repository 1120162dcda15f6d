"""`mission retry`."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from core.domain.records import Execution
from core.domain.state_word import counted
from core.errors import UsageError
from core.launch.selection import Selection
from core.ports.reader import Reader
from tui.cli.acting.many import act_on_many, one_or_many
from tui.cli.acting.many_options import one_or_many_options
from tui.cli.acting.retry_of_many import retry_of_many
from tui.cli.acting.retry_within import named, retry_within, show_retry_within
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_step
from tui.cli.following.executor_option import earlier_executor_option
from tui.cli.following.linked_start import break_option, start_linked, watch_option
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.selecting.select_options import Selectors
from tui.words.safe_text import safe_line

if TYPE_CHECKING:  # a live execution, or a retry that changes nothing, loads neither
    from core.launch.order import Order
    from core.operations.admission.planned_verdicts import PlannedVerdict
    from core.operations.amending.amendment import Wish


@declare("retry")
@one_or_many_options(dry_run="Show what would run again and what is reused.")
@click.option(
    "--step",
    "steps",
    metavar="STEP",
    multiple=True,
    shell_complete=complete_step,
    help="Only this step, or one item of a fan-out: 'STEP[NUMBER]'; may be repeated.",
)
@click.option("--failed", is_flag=True, help="All steps that did not succeed (the default).")
@click.option(
    "--downstream", is_flag=True, help="Also the steps that depend on them, even if they succeeded."
)
@click.option(
    "--reason",
    metavar="TEXT",
    help="Reason recorded in the audit log; on a terminal you are asked for it.",
)
@click.option(
    "--set",
    "settings",
    metavar="STEP.KEY=VALUE",
    multiple=True,
    help="Give a key of a step another value for this retry, as in load.timeout_seconds=60 or"
    " load.env.MODE=slow; may be repeated.",
)
@click.option(
    "-p",
    "--param",
    "params",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give a parameter another value for this retry; may be repeated.",
)
@click.option("--edit", is_flag=True, help="Edit the mission in $EDITOR for this retry.")
@click.option(
    "--set-success",
    metavar="STEP",
    multiple=True,
    shell_complete=complete_step,
    help="Do not run this step: record it as a success set by hand, without outputs. Needs"
    " --reason; may be repeated.",
)
@break_option
@earlier_executor_option()
@watch_option
def command(
    invocation: Invocation,
    execution: str | None,
    selectors: Selectors,
    yes: bool,
    dry_run: bool,
    steps: tuple[str, ...],
    failed: bool,
    downstream: bool,
    reason: str | None,
    settings: tuple[str, ...],
    params: tuple[str, ...],
    edit: bool,
    set_success: tuple[str, ...],
    breakpoints: tuple[str, ...],
    watch: bool,
) -> None:
    """Run the failed steps of EXEC again, in a new execution linked to it; or of many.

    Steps that succeeded are not run again: their outputs are reused. This includes the items of a
    fan-out, which are matched by value, and the steps of a sub-mission, which is retried in a
    linked execution of its own. The mission is the recorded one, not the current content of its
    file. What --set, --param and --edit change is validated, checked by the policies, shown and
    recorded as an amendment in the audit log; EXEC itself stays as it is. While EXEC is still
    running, the steps are retried within it. Without --watch the command
    prints the new id and returns as soon as a runner has started.

    Of many, those that have failed or were cancelled are retried, unless they have been retried or
    run again already. Before that they are shown, and you are asked; off a terminal --yes is
    needed. Ctrl-C then begins no more, and tells how many were not retried. The exit code is that
    of the first one that could not be retried.
    """
    from core.operations.relaunch import RetryWithin, plan_retry

    if failed and steps:
        raise UsageError("--failed and --step cannot be combined")
    if set_success and not (reason or "").strip():
        raise UsageError("--set-success needs --reason: why the step counts as a success")
    alone = {
        "--step": steps,
        "--set": settings,
        "--param": params,
        "--edit": edit,
        "--set-success": set_success,
        "--break": breakpoints,
        "--watch": watch,
    }
    if one_or_many(execution, selectors, alone):
        many = retry_of_many(invocation, downstream=downstream, reason=reason or "")
        act_on_many(invocation, selectors, many, yes=yes, dry_run=dry_run)
        return
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution or "")
        planned = plan_retry(
            reader,
            found,
            steps=steps,
            downstream=downstream,
            reason=reason or "",
            actor=invocation.actor,
            wish=_wish(invocation, reader, found, settings=settings, params=params, edit=edit),
            set_success=set_success,
        )
        if isinstance(planned, RetryWithin):
            if breakpoints:
                raise UsageError(
                    "--break is for a new execution: while EXEC runs, its steps are retried in it",
                    hint="the key `b` of the screen sets a breakpoint in a run",
                )
            if dry_run:
                show_retry_within(invocation, found, planned.steps, downstream=downstream)
                return
            retry_within(
                invocation,
                reader,
                found,
                planned.steps,
                downstream=downstream,
                reason=_ask_reason(invocation) if reason is None else reason,
            )
            return
    order, chosen, amendment = planned.order, planned.chosen, planned.amendment
    facts = {
        "retry_of": found.execution_id,
        "run": list(chosen.run),
        "reused": sorted(chosen.reuse),
        "left_out": sorted(chosen.unselected),
        "set_success": sorted(order.set_by_hand),
        "amended": [] if amendment is None else [one.to_json() for one in amendment.changes],
        "items": {
            step: {"run": one.run, "reused": one.reused, "left_out": one.left_out}
            for step, one in chosen.items.items()
        },
    }
    if dry_run and invocation.json:
        from tui.output.verdict_list import verdict_json

        told = [verdict_json(one) for one in _verdicts(invocation, order)]
        invocation.console.out_json({**facts, "verdicts": told})
        return
    if not invocation.json:
        from tui.output.verdict_list import verdict_lines

        tell = invocation.console.out if dry_run else invocation.console.say
        amended = () if amendment is None else amendment.lines
        for line in (
            *_preview(chosen, order.set_by_hand),
            *(f"amended: {safe_line(line)}" for line in amended),
            *verdict_lines(_verdicts(invocation, order), invocation.console.palette),
        ):
            tell(line)
    if dry_run:
        return
    if reason is None:
        from msgspec.structs import replace

        order = replace(order, reason=_ask_reason(invocation))
    start_linked(invocation, order, facts, watch=watch, breakpoints=breakpoints)


def _verdicts(invocation: Invocation, order: "Order") -> "list[PlannedVerdict]":
    """Return what safety and policies say of the steps that run again."""
    from core.operations.admission.planned_verdicts import known_values, planned_verdicts

    return planned_verdicts(invocation.site, order, known_values(order.mission, order.params))


def _wish(
    invocation: Invocation,
    reader: Reader,
    found: Execution,
    *,
    settings: Sequence[str],
    params: Sequence[str],
    edit: bool,
) -> "Wish | None":
    """Return what is to be different this time, None for nothing."""
    if not (settings or params or edit):
        return None
    from core.operations.amending.amendment import Wish
    from core.operations.mission_order import parse_params
    from core.operations.recorded_mission import stored_mission
    from tui.cli.secret_input import take_secret_inputs

    content = None
    if edit:
        from tui.cli.asking.mission_editor import edit_mission

        content = edit_mission(reader.mission_source(found.mission_digest))
    given: Mapping[str, Any] = parse_params(params)
    if given:
        mission = stored_mission(reader, found)[0]
        given = take_secret_inputs(invocation, mission, given, is_stdin_used=False)
    wish = Wish(settings=settings, params=given, content=content)
    return None if wish.is_empty else wish


def _preview(chosen: Selection, set_by_hand: Collection[str]) -> Iterator[str]:
    """Yield what the retry would run again, reuse and leave out."""
    items = chosen.items.values()
    told = (
        ("runs again", "step", chosen.run),
        ("of these only", "item", tuple(name for one in items for name in one.run)),
        ("reused", "step", tuple(chosen.reuse)),
        ("reused", "item", tuple(name for one in items for name in one.reused)),
        ("left out", "step", tuple(sorted(chosen.unselected))),
        ("set to success", "step", tuple(sorted(set_by_hand))),
        ("left out", "item", tuple(name for one in items for name in one.left_out)),
    )
    for title, kind, names in told:
        if names:
            yield f"{title}: {counted(len(names), kind)}: {named(names)}"


def _ask_reason(invocation: Invocation) -> str:
    """Ask for the reason on a terminal, where it may be empty; elsewhere return an empty one."""
    if invocation.json or not (sys.stdin and sys.stdin.isatty() and os.isatty(2)):
        return ""
    reason: str = click.prompt("reason (may be empty)", default="", show_default=False, err=True)
    return reason.strip()
