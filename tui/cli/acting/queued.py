"""Holds and releases executions that wait in a concurrency group, one or many."""

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.acting.action import Action, Done
from tui.cli.acting.many import act_on_many, one_or_many, show_alone
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.runner_request import (
    ask_runner,
    outcome_words,
    print_request,
    require_queued,
    send_request,
)
from tui.cli.selecting.select_options import Selectors


def steer_queued(
    invocation: Invocation,
    kind: RequestKind,
    execution: str | None,
    selectors: Selectors,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    """Send a request to EXEC, or to the selected executions, that wait in a group.

    Raises `ConflictError` for an EXEC that does not wait there.
    """

    def plan(_reader: Reader, found: Execution) -> str:
        require_queued(found)
        return "waits in its concurrency group"

    async def act(reader: Reader, found: Execution) -> Done:
        require_queued(found)
        return outcome_words(await ask_runner(invocation, reader, found, kind)), {}

    action = Action(verb=kind.value, states=frozenset({ExecutionState.PAUSED}), plan=plan, act=act)
    if one_or_many(execution, selectors, {}):
        act_on_many(invocation, selectors, action, yes=yes, dry_run=dry_run)
        return
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution or "")
        if dry_run:
            show_alone(invocation, reader, action, found)
            return
        require_queued(found)
        asked = send_request(invocation, reader, found, kind)
    print_request(invocation, asked)
