"""`mission rerun`."""

import click

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import ExecutionState, is_terminal
from core.launch.order import Order
from core.ports.reader import Reader
from tui.cli.acting.action import Action, Done
from tui.cli.acting.many import act_on_many, one_or_many, show_alone
from tui.cli.acting.many_options import one_or_many_options
from tui.cli.command import command as declare
from tui.cli.following.executor_option import earlier_executor_option
from tui.cli.following.linked_start import (
    ask_for_inputs,
    break_option,
    start_linked,
    start_one_of_many,
    watch_option,
)
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.selecting.select_options import Selectors

_ENDED = frozenset(state for state in ExecutionState if is_terminal(state))


@declare("rerun")
@one_or_many_options()
@click.option("--reason", metavar="TEXT", default="", help="Reason recorded in the audit log.")
@break_option
@earlier_executor_option()
@watch_option
def command(
    invocation: Invocation,
    execution: str | None,
    selectors: Selectors,
    yes: bool,
    dry_run: bool,
    reason: str,
    breakpoints: tuple[str, ...],
    watch: bool,
) -> None:
    """Run the mission of EXEC, or of all that the selecting options find, again.

    It runs with the same parameters, in a new execution linked to it.

    The mission is the recorded one, not the current content of its file. Without --watch the
    command prints the new id and returns as soon as a runner has started. Before many are run
    again they are shown, and you are asked; off a terminal --yes is needed. Ctrl-C then begins no
    more, and tells how many were not run again.
    """
    from core.operations.relaunch import rerun_order

    def order_of(reader: Reader, found: Execution) -> Order:
        return rerun_order(reader, found.execution_id, reason=reason, actor=invocation.actor)

    def plan(reader: Reader, found: Execution) -> str:
        steps = order_of(reader, found).mission.steps
        return f"{counted(len(steps), 'step')} again"

    def ask(reader: Reader, found: Execution) -> None:
        ask_for_inputs(invocation, order_of(reader, found))

    async def act(reader: Reader, found: Execution) -> Done:
        return await start_one_of_many(invocation, order_of(reader, found))

    many = Action(verb="rerun", states=_ENDED, plan=plan, act=act, ask=ask)
    if one_or_many(execution, selectors, {"--watch": watch, "--break": breakpoints}):
        act_on_many(invocation, selectors, many, yes=yes, dry_run=dry_run)
        return
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution or "")
        if dry_run:
            show_alone(invocation, reader, many, found)
            return
        order = order_of(reader, found)
    start_linked(
        invocation, order, {"rerun_of": found.execution_id}, watch=watch, breakpoints=breakpoints
    )
