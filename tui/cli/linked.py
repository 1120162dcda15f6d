"""Start an execution that is linked to an earlier one, and follow it: retry and rerun."""

from collections.abc import Mapping
from typing import Any

from core.launch import Order
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.cli.reading import open_records


def start_linked(
    invocation: Invocation, order: Order, facts: Mapping[str, Any], *, detach: bool
) -> None:
    """Start the execution in a runner of its own and, unless `detach`, follow it to its end.

    Ctrl-C then ends the following, not the execution. With `--json` one object is printed: `facts`,
    the new id and, when it was followed, its state. The exit code is that of its outcome.
    """
    from tui.cli.commands.watch import OUTCOME_CODES, follow_execution
    from tui.cli.start import start_detached

    console = invocation.console
    execution_id = start_detached(invocation.paths, order, invocation.environ)
    found = {"execution_id": execution_id, **facts}
    if detach:
        if invocation.json:
            console.out_json(found)
        else:
            console.out(execution_id)
            console.say(f"running detached; watch it with `mission watch {execution_id}`")
        return
    if not invocation.json:
        console.say(f"runs as {execution_id}; Ctrl-C ends this view, not the run")
    with open_records(invocation) as reader:
        ended = follow_execution(
            invocation, reader, reader.find_execution(execution_id), silent=invocation.json
        )
    if invocation.json:
        state, reason = ended.state.value, ended.reason_code.value
        console.out_json({**found, "state": state, "reason_code": reason})
    finish(OUTCOME_CODES.get(ended.state, 0))
