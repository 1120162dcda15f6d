"""`mission cancel`."""

from collections.abc import Mapping
from typing import Any

import click
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.domain.tally import tally_of_execution, tally_words
from core.errors import ConflictError, UnavailableError
from core.operations.recorded_mission import mission_of
from core.planning.cancel_scope import cancel_scope, cancel_step_scope
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.acting.action import Action, Done
from tui.cli.acting.many import act_on_many, one_or_many, show_alone
from tui.cli.acting.many_options import one_or_many_options
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_step
from tui.cli.following.commit_poll import LostRunnerCheck, poll_commits
from tui.cli.following.outcome import is_over
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.cli.runner_request import ask_runner, outcome_words, print_request, send_request
from tui.cli.selecting.select_options import Selectors
from tui.cli.shared_options import seconds_option
from tui.lines.marked_confirmation import under_way
from tui.output import json_shapes
from tui.words.cancel_text import KILL_STEP_TEXT, KILL_TEXT, cancel_text, stop_text
from tui.words.run_label import full_argument, full_label
from tui.words.safe_text import safe_line

_LIVE = frozenset(state for state in ExecutionState if not is_terminal(state))


@declare("cancel")
@one_or_many_options()
@click.option("--step", metavar="STEP", shell_complete=complete_step, help="Only this step.")
@click.option("--reason", metavar="TEXT", help="Reason recorded in the audit log.")
@click.option(
    "--force", is_flag=True, help="Kill what runs at once; for a whole execution, no handlers run."
)
@click.option("--wait", is_flag=True, help="Wait until EXEC has ended; not with many.")
@seconds_option("--timeout", help="Wait at most this long, such as 30 or 5m (implies --wait).")
def command(
    invocation: Invocation,
    execution: str | None,
    selectors: Selectors,
    yes: bool,
    dry_run: bool,
    step: str | None,
    reason: str | None,
    force: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Cancel EXEC, or all that the selecting options find: running steps are stopped.

    They get SIGTERM, then SIGKILL for the whole process tree.

    The remaining steps are skipped. With --force there is no time between the signals, also for a
    cancel that is under way, and the handlers of an execution are skipped as well. Without --wait
    the command returns once the runner has accepted the request. With --wait the exit code is 0
    when the execution has ended cancelled, 6 when it has not ended in time.
    Before many are cancelled they are shown, and you are asked; off a terminal --yes is needed.
    Ctrl-C then begins no more, and tells how many were not cancelled. The exit code is that of the
    first one that could not be cancelled.
    """
    arguments: dict[str, Any] = {} if reason is None else {"message": reason}
    if force:
        arguments["force"] = True
    many = _many(invocation, arguments, force=force)
    alone = {"--step": step, "--wait": wait, "--timeout": timeout is not None}
    if one_or_many(execution, selectors, alone):
        act_on_many(invocation, selectors, many, yes=yes, dry_run=dry_run)
        return
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution or "")
        if dry_run and step is None:
            show_alone(invocation, reader, many, found)
            return
        if step is not None:
            reader.task_run(found.execution_id, step)  # raises for one that does not exist
        if found.state is ExecutionState.CANCELLED and step is None:
            _done(invocation, found, "already cancelled")
            return
        kill_text = KILL_TEXT if step is None else KILL_STEP_TEXT
        scope = kill_text if force else _scope(reader, found, step)
        kind = RequestKind.CANCEL if step is None else RequestKind.CANCEL_STEP
        if dry_run:
            told = scope or "nothing is left to cancel"
            show_alone(invocation, reader, replace(many, plan=lambda *_: told), found)
            return
        asked = send_request(invocation, reader, found, kind, task_id=step, arguments=arguments)
        waits = (wait or timeout is not None) and asked.owned and step is None
        if not waits or not invocation.json:
            print_request(invocation, asked)
            if not invocation.json and scope:
                invocation.console.say(f"  {scope}")
        if waits:
            _done(invocation, _wait(invocation, reader, found, timeout), "cancelled")


def _many(invocation: Invocation, arguments: Mapping[str, Any], *, force: bool) -> Action:
    """Return the cancel of one of many executions."""

    def plan(_reader: Reader, found: Execution) -> str:
        if is_terminal(found.state):
            raise ConflictError(f"it has ended: {found.state}")
        return under_way(found)

    async def act(reader: Reader, found: Execution) -> Done:
        asked = await ask_runner(invocation, reader, found, RequestKind.CANCEL, arguments=arguments)
        return outcome_words(asked), {}

    return Action(
        verb="kill" if force else "cancel",
        states=_LIVE,
        plan=plan,
        act=act,
        note=KILL_TEXT if force else "Running steps are stopped, and those to come are skipped.",
    )


def _scope(reader: Reader, found: Execution, step: str | None) -> str:
    """Describe the effect of the cancel; empty when there is nothing to stop or skip."""
    tasks = {one.task_id: one for one in reader.task_states(found.execution_id)[1]}
    mission = mission_of(reader, found)
    if step is None:
        is_repeated = found.cancel_requested_at is not None
        scope = cancel_scope(tasks.values(), mission, is_repeated=is_repeated)
        return "" if scope.is_empty else cancel_text(scope, tasks, mission)
    scope = cancel_step_scope(step, tasks.values())
    return "" if scope.is_empty else f"{stop_text(scope, tasks, mission)}."


def _wait(
    invocation: Invocation, reader: Reader, found: Execution, timeout: float | None
) -> Execution:
    lost = LostRunnerCheck(invocation, found.execution_id)
    for _ in poll_commits(reader, timeout=timeout):
        found = reader.find_execution(found.execution_id)
        if is_over(found):
            break
        lost.check()
    if not is_terminal(found.state):
        raise UnavailableError(
            f"the runner of {full_label(found)} died before it had ended",
            hint=f"`mission cancel {full_argument(found)}` starts one that ends it",
        )
    if found.state is not ExecutionState.CANCELLED:
        raise ConflictError(f"{full_label(found)} ended before it was cancelled: {found.state}")
    return found


def _done(invocation: Invocation, found: Execution, words: str) -> None:
    if invocation.json:
        invocation.console.out_json(json_shapes.execution(found))
    else:
        told = tally_words(tally_of_execution(found))
        invocation.console.say(f"{safe_line(full_label(found))}: {words} ({told})")
