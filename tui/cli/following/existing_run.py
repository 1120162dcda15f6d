"""A run whose key was used before: it is the first one that is reported, whatever its state.

What is said, its JSON shape and the exit code are those the first command gives: with `--detach`
the id at once, else the outcome at its end. One that nobody drives goes on, as by `mission resume`.
"""

import asyncio

from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.machine.ownership import is_owned
from core.operations.resume import resume
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.cli.printing.step_output import OutputMode
from tui.cli.records import open_records
from tui.output.json_shapes import execution as execution_shape
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line


def report_known(
    invocation: Invocation, known: Execution, *, output: OutputMode, quiet: bool
) -> None:
    """Follow the execution to its end, print its result and end with the code of its outcome.

    Ctrl-C ends the following alone. Raises `ConflictError` when nobody drives it and it must not
    simply go on.
    """
    from tui.cli.following.watch_execution import watch

    if not is_terminal(known.state):
        go_on(invocation, known)
    if not quiet:
        label, key = safe_line(full_label(known)), safe_line(known.run_key or "")
        how = "watching it; Ctrl-C ends the watching alone"
        if is_terminal(known.state):
            how = f"it has run already: {known.state}"
        invocation.console.say(f"the run key {key!r} belongs to {label}: {how}")
    silent = quiet or invocation.json
    ended, code = watch(invocation, known.execution_id, plain=True, silent=silent, output=output)
    if invocation.json:
        from tui.cli.following.stored_result import result_of

        with open_records(invocation) as reader:
            over = is_terminal(ended.state)
            invocation.console.out_json(
                result_of(invocation, reader, ended) if over else execution_shape(ended)
            )
    finish(code)


def go_on(invocation: Invocation, known: Execution) -> None:
    """Let a new runner go on with an execution that nobody drives; leave any other alone."""
    with open_records(invocation) as reader:
        lease = reader.lease(known.execution_id)
        now = reader.find_execution(known.execution_id)
        if is_terminal(now.state) or is_owned(lease, invocation.now) or _is_being_started(now):
            return
        asyncio.run(resume(invocation.site, reader, now))


def _is_being_started(execution: Execution) -> bool:
    """Tell whether it has no runner yet: one that lost its launcher is PAUSED by now."""
    return execution.state is ExecutionState.PENDING
