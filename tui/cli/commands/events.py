"""`mission events`."""

import click

from core.domain.states import is_terminal
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution
from tui.cli.following.commit_poll import LostRunnerCheck, poll_commits
from tui.cli.invocation import Invocation
from tui.cli.printing.step_titles import StepTitles
from tui.cli.records import OpenRecords, awaited_records, open_records, records_if_any
from tui.cli.reference import find_execution
from tui.output import json_shapes

_PAGE_EVENTS = 1_000


@declare("events")
@click.argument("execution", metavar="[EXEC]", required=False, shell_complete=complete_execution)
@click.option(
    "-f", "--follow", is_flag=True, help="Keep printing new events; with EXEC, until it has ended."
)
@click.option(
    "--since",
    type=click.IntRange(0),
    default=0,
    metavar="SEQ",
    help="Only events after this `seq`, usually that of the last event already read.",
)
def command(invocation: Invocation, execution: str | None, follow: bool, since: int) -> None:
    """Print audit events as NDJSON, one JSON object per line, in the order of the audit chain.

    Each line has `v`, `seq`, `ts`, `type`, `execution_id` and, where they apply, `task_id`,
    `attempt`, `from_state`, `state`, `reason_code`, `message`, `exit_code` and `item`, the value
    of an item of a fan-out. A plain step has two events: `attempt.started`, with `ready` (`ts`,
    `reason_code`) if its step became READY with it, and `attempt.ended`, with `step` (`state`,
    `reason_code`, `message`) if its step ended with it. `attempt.armed` records an attempt ahead of
    a free slot; `attempt.ended` then has `started` (`ts`, `reason_code`). `secrets` are the names
    of those that an attempt reads, `unmasked` of those too short to be masked, and `redactions`
    counts by name what was masked. The output is the same with and without `--json`. To continue
    after an interruption, pass the last `seq` to `--since`.
    """
    console = invocation.console
    opened: OpenRecords = open_records
    if execution is None:
        opened = awaited_records if follow else records_if_any
    with opened(invocation) as reader:
        if reader is None:
            return
        wanted = (
            None
            if execution is None
            else find_execution(invocation, reader, execution).execution_id
        )
        lost = LostRunnerCheck(invocation, wanted)
        items = StepTitles(reader)
        for _ in poll_commits(reader):
            ended = wanted is not None and is_terminal(reader.find_execution(wanted).state)
            while page := reader.audit_events(
                after_seq=since, execution_id=wanted, limit=_PAGE_EVENTS
            ):
                for event in page:
                    console.out_ndjson(
                        json_shapes.event(
                            event, items.item(event.execution_id, json_shapes.task_of(event))
                        )
                    )
                since = page[-1].seq
            console.flush()
            if ended or not follow:
                return
            lost.check()
