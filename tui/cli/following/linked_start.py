"""What a command does that started something: watch it when asked to, else say how to watch it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from core.domain.records import Execution
from core.launch.order import Order
from tui.cli.command import finish
from tui.cli.invocation import Invocation
from tui.output.json_shapes import reference_of
from tui.words.run_label import full_argument, full_label, run_name
from tui.words.safe_text import safe_line

F = TypeVar("F", bound=Callable[..., Any])


def watch_option(function: F) -> F:
    """Add `--watch`, passed as `watch`."""
    told = "Watch it to its end, as `mission watch` does; exit with the code of its outcome."
    return click.option("--watch", is_flag=True, help=told)(function)


def start_linked(
    invocation: Invocation, order: Order, facts: Mapping[str, Any], *, watch: bool
) -> None:
    """Start an execution that is linked to an earlier one in a runner of its own."""
    import asyncio

    from core.operations.launch import launch_detached

    invocation.console.best_effort()
    execution = asyncio.run(launch_detached(invocation.site, order))
    if not (invocation.json or watch):
        invocation.console.out(execution.execution_id)
    names = {"execution_id": execution.execution_id, "reference": reference_of(execution)}
    after_start(invocation, execution, {**names, **facts}, watch=watch)


def after_start(
    invocation: Invocation, execution: Execution, facts: Mapping[str, Any], *, watch: bool
) -> None:
    """Watch the execution, or say how to; end the command with the exit code of its outcome.

    Ctrl-C ends the watching, not the execution. With `--json` one object is printed: `facts` and,
    when it was watched, its state and reason.
    """
    console = invocation.console
    if not watch:
        if invocation.json:
            console.out_json(facts)
        else:
            name = safe_line(run_name(execution))
            how = safe_line(full_argument(execution))
            console.say(f"{name} runs on its own; `mission watch {how}` watches it")
        return
    from tui.cli.following.watch_execution import watch as watch_to_end

    if not invocation.json:
        label = safe_line(full_label(execution))
        console.say(f"{label} runs on its own: Ctrl-C ends the watching alone")
    ended, code = watch_to_end(invocation, execution.execution_id, silent=invocation.json)
    if invocation.json:
        state, reason = ended.state.value, ended.reason_code.value
        console.out_json({**facts, "state": state, "reason_code": reason})
    finish(code)
