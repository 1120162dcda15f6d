"""`mission show`."""

from contextlib import suppress

import click
from msgspec import to_builtins

from core.domain.records import Execution, TaskRun
from core.domain.secret_use import secret_uses
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.errors import NotFoundError
from core.explain.amendment_text import amendments_in
from core.explain.execution_facts import ExecutionFacts
from core.operations.ancestry import standing_below, to_resume, with_breakpoints_ahead
from core.operations.recorded_mission import mission_of, outdated_skips
from core.ports.executor import job_key
from core.ports.reader import Reader
from tui.cli.command import command as declare
from tui.cli.following.stored_result import events_of, result_of
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import (
    execution_argument,
    find_execution,
    find_step,
    linked_labels,
    step_argument,
)
from tui.output import json_shapes
from tui.output.execution_details import execution_text, step_text
from tui.words.run_label import full_argument, run_name
from tui.words.safe_text import safe_line

_FIRST_EVENTS = 16
"""Among so many first events of an execution is that of its amendment."""


@declare("show")
@execution_argument
@step_argument(required=False)
@click.option(
    "--result", is_flag=True, help="Print the result object of `run --json` (always JSON)."
)
@click.option("--all", "everything", is_flag=True, help="List all steps, however many there are.")
def command(
    invocation: Invocation, execution: str, step: str | None, result: bool, everything: bool
) -> None:
    """Show execution EXEC and the reason for its state; with STEP, one step in detail.

    A step of a group or sub-mission is STEP/STEP.
    Of a running step it also shows what its processes use now; in JSON as `live`.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        if result:
            invocation.console.out_json(result_of(invocation, reader, found))
        elif step is not None:
            _show_step(invocation, reader, *find_step(reader, found, step))
        elif invocation.json:
            invocation.console.out_json(
                {**_detail(reader, found), "workers": _workers(reader, found)}
            )
        else:
            _show_execution(invocation, reader, found, everything=everything)


def _show_execution(
    invocation: Invocation, reader: Reader, found: Execution, *, everything: bool
) -> None:
    console = invocation.console
    tasks = reader.task_runs(found.execution_id)
    begun = reader.audit_events(execution_id=found.execution_id, limit=_FIRST_EVENTS)
    console.out_lines(
        execution_text(
            with_breakpoints_ahead(reader, found),
            tasks,
            console.palette,
            outdated=outdated_skips(reader, found, tasks),
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
            width=console.width,
            linked=linked_labels(reader, found, tasks),
            everything=everything,
            amended=amendments_in(begun) if found.retry_of is not None else (),
            resumed_with=safe_line(full_argument(to_resume(reader, found, invocation.now))),
            standing_below=standing_below(reader, found, invocation.now),
        )
    )

    lines = _worker_lines(invocation, reader, found)
    if lines:
        console.out_lines(["", "workers", *(f"  {safe_line(line)}" for line in lines)])


def _worker_lines(invocation: Invocation, reader: Reader, found: Execution) -> list[str]:
    if is_terminal(found.state):
        return []
    from tui.lines.worker_lines import worker_lines

    lease = reader.lease(found.execution_id)
    if lease is None or not lease.workers:
        return []
    return worker_lines(lease, reader.attempts(found.execution_id), invocation.now)


def _workers(reader: Reader, found: Execution) -> list[dict[str, object]] | None:
    """Return what the workers of a cluster do, null for an execution that runs on none now."""
    lease = None if is_terminal(found.state) else reader.lease(found.execution_id)
    if lease is None or not lease.workers:
        return None
    return [to_builtins(one) for one in lease.workers]


def _show_step(invocation: Invocation, reader: Reader, found: Execution, step: str) -> None:
    task = reader.task_run(found.execution_id, step)
    attempts = reader.attempts(found.execution_id, step)
    changes = reader.state_changes(found.execution_id, step)
    secrets = secret_uses(reader.step_events(found.execution_id, step))
    console = invocation.console
    live = None
    lease = reader.lease(found.execution_id) if task.state is TaskState.RUNNING else None
    if lease is not None:
        from core.executors.live_usage import live_usage  # takes time to load, and is rarely needed

        key = job_key(found.execution_id, task.task_id, task.attempt)
        live = live_usage(lease.identity, key)
    if invocation.json:
        shape = json_shapes.task_run(task, attempts, changes, secrets)
        console.out_json({**shape, "live": json_shapes.live_usage(live)})
        return
    facts = ExecutionFacts(
        execution=found,
        tasks={task.task_id: task},
        now=invocation.now,
        mission=mission_of(reader, found),
    )
    definition = facts.step(task.task_id)
    console.out_lines(
        step_text(
            task,
            found,
            attempts,
            changes,
            console.palette,
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
            live=live,
            leftovers=facts.leftovers(task.task_id),
            secrets=secrets,
            template=None if definition is None else definition.template,
            reused=_reused(reader, task),
        )
    )


def _reused(reader: Reader, task: TaskRun) -> list[str]:
    """Return what a step that was not run has from another execution."""
    if task.reused_from is None:
        return []
    from core.output.kept_artifacts import reused_artifacts_of

    source = task.reused_from
    with suppress(NotFoundError):
        source = run_name(reader.find_execution(source))
    lines = [f"its result is that of {source}"]
    files = len(list(reused_artifacts_of(reader, task.execution_id, task.task_id)))
    if files:
        lines.append(f"{counted(files, 'file')} kept of it: `mission artifacts` lists them")
    return lines


def _detail(reader: Reader, found: Execution) -> dict[str, object]:
    execution_id = found.execution_id
    return json_shapes.execution_detail(
        found,
        reader.task_runs(execution_id),
        reader.attempts(execution_id),
        reader.state_changes(execution_id),
        events_of(reader, execution_id),
    )
