"""What a command does that started something: watch it when asked to, else say how to watch it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from core.launch import Order
from tui.cli.command import finish
from tui.cli.invocation import Invocation

F = TypeVar("F", bound=Callable[..., Any])


def watch_option(function: F) -> F:
    """Add `--watch`, passed as `watch`."""
    told = "Watch it to its end, as `mission watch` does; exit with the code of its outcome."
    return click.option("--watch", is_flag=True, help=told)(function)


def start_linked(
    invocation: Invocation, order: Order, facts: Mapping[str, Any], *, watch: bool
) -> None:
    """Start an execution that is linked to an earlier one in a runner of its own."""
    from tui.cli.start import start_detached

    invocation.console.best_effort()
    execution_id = start_detached(invocation.paths, order, invocation.environ)
    if not (invocation.json or watch):
        invocation.console.out(execution_id)
    after_start(invocation, execution_id, {"execution_id": execution_id, **facts}, watch=watch)


def after_start(
    invocation: Invocation, execution_id: str, facts: Mapping[str, Any], *, watch: bool
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
            console.say(f"runs on its own; `mission watch {execution_id}` watches it")
        return
    from tui.cli.watching import watch as watch_to_end

    if not invocation.json:
        console.say(f"{execution_id} runs on its own: Ctrl-C ends the watching alone")
    ended, code = watch_to_end(invocation, execution_id, silent=invocation.json)
    if invocation.json:
        state, reason = ended.state.value, ended.reason_code.value
        console.out_json({**facts, "state": state, "reason_code": reason})
    finish(code)
