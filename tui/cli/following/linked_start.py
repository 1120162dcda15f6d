"""Starts linked executions, and watches them or prints how to watch them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from core.domain.records import Execution
from core.launch.order import Order
from tui.cli.command import finish
from tui.cli.completion.completions import complete_step
from tui.cli.invocation import Invocation
from tui.output.json_shapes import reference_of
from tui.words.run_label import full_argument, full_label, run_name
from tui.words.safe_text import safe_line

F = TypeVar("F", bound=Callable[..., Any])


def watch_option(function: F) -> F:
    """Add `--watch`, passed as `watch`."""
    told = "Watch to the end, as `mission watch` does; exit with the code of the outcome."
    return click.option("--watch", is_flag=True, help=told)(function)


def break_option(function: F) -> F:
    """Add `--break`, passed as `breakpoints`."""
    return click.option(
        "--break",
        "breakpoints",
        metavar="STEP",
        multiple=True,
        shell_complete=complete_step,
        help="Pause before this step, once, as `mission run` does; may be repeated. Breakpoints of"
        " EXEC are not taken over.",
    )(function)


def start_linked(
    invocation: Invocation,
    order: Order,
    facts: Mapping[str, Any],
    *,
    watch: bool,
    breakpoints: Sequence[str] = (),
) -> None:
    """Start an execution that is linked to an earlier one, and say so or watch it."""
    if breakpoints:
        from msgspec.structs import replace

        from core.launch.breakpoints import breakpoints_of

        order = replace(order, breakpoints=breakpoints_of(order, breakpoints))
    execution = start_detached(invocation, order)
    if not (invocation.json or watch):
        invocation.console.out(execution.execution_id)
    names = {"execution_id": execution.execution_id, "reference": reference_of(execution)}
    after_start(invocation, execution, {**names, **facts}, watch=watch)


def start_detached(invocation: Invocation, order: Order) -> Execution:
    """Start an execution in a detached runner; raises as `launch_detached` does."""
    import asyncio

    from core.operations.launch import launch_detached

    ask_for_inputs(invocation, order)
    invocation.console.best_effort()
    return asyncio.run(launch_detached(invocation.site, order))


def ask_for_inputs(invocation: Invocation, order: Order) -> None:
    """Ask on a terminal for the secret inputs of an execution that have no value yet."""
    from core.operations.mission_secret_check import ordered_secrets
    from tui.cli.secret_input import ask_secret_inputs

    ask_secret_inputs(invocation, order.mission, ordered_secrets(order))


async def start_one_of_many(invocation: Invocation, order: Order) -> tuple[str, Mapping[str, Any]]:
    """Start an execution in a detached runner; return that in words and as JSON."""
    from core.operations.launch import launch_detached

    execution = await launch_detached(invocation.site, order)
    name = reference_of(execution)
    new = {"execution_id": execution.execution_id, "reference": name}
    return f"{name} runs in the background", {"started": new}


def after_start(
    invocation: Invocation, execution: Execution, facts: Mapping[str, Any], *, watch: bool
) -> None:
    """Watch the execution and exit with the code of its outcome, or print how to watch it.

    Ctrl-C stops watching, not the execution. With `--json` one object is printed: `facts` and, when
    it was watched, its state and reason.
    """
    console = invocation.console
    if not watch:
        if invocation.json:
            console.out_json(facts)
        else:
            name = safe_line(run_name(execution))
            how = safe_line(full_argument(execution))
            console.say(f"{name} runs in the background; `mission watch {how}` watches it")
        return
    from tui.cli.following.watch_execution import watch as watch_to_end

    if not invocation.json:
        label = safe_line(full_label(execution))
        console.say(f"{label} runs in the background: Ctrl-C stops watching, not the run")
    ended, code = watch_to_end(invocation, execution.execution_id, silent=invocation.json)
    if invocation.json:
        state, reason = ended.state.value, ended.reason_code.value
        console.out_json({**facts, "state": state, "reason_code": reason})
    finish(code)
