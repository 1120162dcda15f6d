"""Handles a run whose idempotency key was used before: reports the existing run instead.

Output, JSON shape and exit code are those of the first command: with `--detach` the id at once,
otherwise the outcome when it ends. A run without a live runner is resumed, as by `mission resume`.
"""

import asyncio

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.operations.resume import resume_if_abandoned
from tui.cli.command import finish
from tui.cli.following.end_notice import AtEnd
from tui.cli.invocation import Invocation
from tui.cli.printing.step_output import OutputMode
from tui.cli.records import open_records
from tui.output.json_shapes import execution as execution_shape
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line


def report_existing(
    invocation: Invocation,
    known: Execution,
    *,
    at_end: AtEnd,
    output: OutputMode,
    quiet: bool,
) -> None:
    """Watch the execution to its end, print its result and exit with the code of its outcome.

    Ctrl-C stops watching, not the run. Raises `ConflictError` when it has no runner and cannot be
    resumed without consent.
    """
    from tui.cli.following.watch_execution import watch

    if not is_terminal(known.state):
        drive_if_abandoned(invocation, known)
    if not quiet:
        label, key = safe_line(full_label(known)), safe_line(known.run_key or "")
        how = "watching it; Ctrl-C stops watching, not the run"
        if is_terminal(known.state):
            how = f"it has already ended: {known.state}"
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
    at_end.tell(invocation, ended, code)
    finish(code)


def drive_if_abandoned(invocation: Invocation, known: Execution) -> None:
    """Start a new runner for an execution that has none; do nothing for any other."""
    with open_records(invocation) as reader:
        asyncio.run(resume_if_abandoned(invocation.site, reader, known.execution_id))
