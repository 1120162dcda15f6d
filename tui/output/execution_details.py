"""One execution, or one step of it, as text that shows at a glance why it failed."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from core.domain.breaker_state import BreakerState
from core.domain.item_label import step_title
from core.domain.mission import EMPTY
from core.domain.process_policy import Leftovers
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, StateChange, TaskError, TaskRun
from core.domain.secret_use import NO_SECRETS, SecretUse
from core.domain.state_word import counted
from core.domain.states import Coverage, ExecutionState, TaskState, is_terminal
from core.domain.tally import tally_of_execution, tally_words
from core.explain.cause import breaker_text
from core.explain.execution_facts import CAUSE_RESOLVED
from core.explain.failure_line import failure_of, is_sub_mission_failure
from core.explain.process_text import census_text
from core.explain.secret_text import secret_text
from core.value.duration import duration_text
from tui.output.ansi_colours import Palette, styled_state
from tui.output.event_line import cause_line
from tui.output.execution_table import labels_text, why_line
from tui.output.next_command import next_command
from tui.output.table import Cell, Column, table
from tui.words.artifact_text import artifacts_text
from tui.words.cause import cause_of_task
from tui.words.numbers import ago, elapsed, moment, size, time_of_day
from tui.words.placement_text import placement_text
from tui.words.report.step_inputs import inputs_for_people
from tui.words.resource_text import resources_text
from tui.words.run_label import SUBSET, run_argument, run_label, run_name
from tui.words.safe_text import safe, safe_line

if TYPE_CHECKING:  # it takes time to load, and few commands need it
    from core.executors.live_usage import LiveUsage

MAX_ERROR_LINES = 15
"""How many lines of a failed step's stderr or stack trace are shown."""
MAX_LISTED_STEPS = 200
"""On a terminal at most this many steps are all listed; of more, only those needing attention."""
_UNREMARKABLE = frozenset({TaskState.SUCCESS, TaskState.PENDING, TaskState.SKIPPED})


def execution_text(
    one: Execution,
    tasks: Sequence[TaskRun],
    palette: Palette,
    *,
    short: str,
    now: int,
    width: int | None,
    linked: Mapping[str, str] = EMPTY,
    everything: bool = False,
    note: str | None = None,
    resumed_with: str | None = None,
    outdated: Collection[str] = (),
    amended: Sequence[str] = (),
    standing_below: Sequence[str] = (),
) -> list[str]:
    """Return the lines of an execution: header, steps, and the errors of its first failures.

    `linked` has the labels of the executions this one is linked to, by id. `resumed_with` is what
    to resume so that this one goes on, as typed in a command; by default itself.
    `amended` is what was changed for it in the execution that it retries.
    `outdated` are the steps whose recorded reason no longer applies; `standing_below` says which
    sub-missions stand still.
    """
    argument = run_argument(one, short)
    lines = [*_head(one, palette, short=short, linked=linked, now=now)]
    lines += [f"  amended {safe_line(text)}" for text in amended]
    lines += [palette.paint(f"  {safe_line(text)}", "yellow") for text in standing_below]
    if note:
        lines.append(palette.paint(f"  {note}", "yellow"))
    shown = [task for task in tasks if everything or task.state not in _UNREMARKABLE]
    if width is None or len(tasks) <= MAX_LISTED_STEPS:
        shown = list(tasks)
    if shown:
        lines += [
            "",
            *_steps(shown, palette, now=now, width=width, outdated=outdated, linked=linked),
        ]
    if len(shown) < len(tasks):
        lines.append(f"  … {counted(len(tasks) - len(shown), 'more step')}; --all lists them")
    failed = [task for task in tasks if task.state is TaskState.FAILED]
    for task in failed[:3]:
        lines += ["", *_failure(task, palette)]
    if failed:
        lines += ["", *_next(failed[0], one, tasks, argument)]
    elif one.reason_code is Reason.QUEUED:
        lines += ["", "  who is before it: mission queue"]
    elif one.state is ExecutionState.PAUSED:
        lines += ["", f"  go on: mission resume {resumed_with or argument}"]
    return lines


def step_text(
    one: TaskRun,
    execution: Execution,
    attempts: Sequence[Attempt],
    changes: Sequence[StateChange],
    palette: Palette,
    *,
    short: str,
    now: int,
    live: "LiveUsage | None" = None,
    leftovers: Leftovers | None = None,
    secrets: Mapping[int, SecretUse] = NO_SECRETS,
    template: str | None = None,
    reused: Sequence[str] = (),
) -> list[str]:
    """Return the lines of a step: state, error, attempts, inputs, outputs, history.

    `template` is that of the mission that it was written with, `reused` says of a step that was not
    run what it has from which execution. `live` is what its processes use now. `leftovers` says
    what becomes of processes that it leaves; None if its file is not known. `secrets` says what
    each attempt did with secrets.
    """
    spent = one.worked_ms
    lines = [
        (
            f"{palette.paint(safe_line(step_title(one)), 'bold')}  "
            f"of {safe_line(run_label(execution, short))}  "
            f"{palette.state(one.state, one.reason_code)}  "
            f"{cause_line(cause_of_task(one), palette)}"
        ),
        "  "
        + " · ".join(
            part
            for part in (
                f"attempt {one.attempt}" if one.attempt else "not tried",
                f"started {moment(one.worked_from)}" if one.worked_from else "",
                f"took {duration_text(spent / 1000)}" if spent is not None else "",
                f"resumes {ago(one.resume_at, now)}" if one.resume_at else "",
                f"template {safe_line(template)}" if template else "",
            )
            if part
        ),
    ]
    lines += [f"  {safe_line(text)}" for text in reused]
    if live is not None:
        lines.append(
            f"  now {counted(live.processes, 'process', 'processes')} · {size(live.memory_bytes)} ·"
            f" {duration_text(live.cpu_ms / 1000)} of processor time"
        )
    if one.error is not None:
        lines += ["", *_error(one.error, palette)]
    if attempts:
        lines += ["", palette.paint("Attempts", "bold")]
        lines += _attempts(attempts, palette, leftovers, secrets)
    for title, value in (("Inputs", inputs_for_people(one.inputs)), ("Outputs", one.outputs)):
        if value:
            lines += ["", palette.paint(title, "bold"), *_json_lines(value)]
    if changes:
        lines += ["", palette.paint("History", "bold")]
        lines += [_change(change) for change in changes]
    if one.attempt:
        argument = run_argument(execution, short)
        name = quote(safe_line(one.task_id))
        lines += ["", f"  logs: mission logs {argument} {name}"]
    return lines


def _head(
    one: Execution, palette: Palette, *, short: str, linked: Mapping[str, str], now: int
) -> Iterator[str]:
    subset = f" {palette.paint(SUBSET, 'yellow')}" if one.coverage is Coverage.SUBSET else ""
    yield (
        f"{palette.paint(safe_line(run_name(one)), 'bold')}  {short}  "
        f"{palette.state(one.state, one.reason_code)}{subset}  {why_line(one)}"
    )
    started = one.created_at if one.started_at is None else one.started_at
    spent = elapsed(started, one.ended_at, now, one.duration_us) or 0.0
    took = "took" if one.ended_at is not None else "for"
    yield "  " + " · ".join(
        (
            f"started {moment(started)} ({ago(started, now)})",
            f"{took} {duration_text(spent)}",
            f"by {safe_line(one.actor)}",
        )
    )
    yield f"  {tally_words(tally_of_execution(one))} · {counted(one.log_entry_count, 'log line')}"
    if one.title:
        yield f"  title {safe_line(one.title)}"
    if one.labels:
        yield f"  labels {labels_text(one)}"
    links = (
        ("retry of", one.retry_of),
        ("rerun of", one.rerun_of),
        ("part of", one.parent_execution_id),
    )
    for title, other in links:
        if other:
            label = f"{safe_line(linked[other])}  " if other in linked else ""
            yield f"  {title} {label}{other}"
    if one.cancel_requested_at is not None and not is_terminal(one.state):
        by = safe_line(one.cancel_requested_by or "somebody")
        yield palette.paint(f"  cancel requested by {by}", "yellow")
    if one.breakpoints and not is_terminal(one.state):
        yield f"  pauses before {safe_line(', '.join(one.breakpoints))}"
    if one.breaker is not BreakerState.CLOSED:
        yield palette.paint(f"  {safe_line(breaker_text(one))}", "yellow")
    yield f"  id {one.execution_id}"


def _steps(
    tasks: Sequence[TaskRun],
    palette: Palette,
    *,
    now: int,
    width: int | None,
    outdated: Collection[str],
    linked: Mapping[str, str],
) -> list[str]:
    columns = (
        Column("STEP", shrink=True),
        Column("STATE"),
        Column("TRY", right=True),
        Column("TOOK", right=True),
        Column("WHY", shrink=True),
    )
    rows = []
    for task in tasks:
        text, style = styled_state(task.state, task.reason_code, unicode=palette.unicode)
        spent = task.worked_ms
        if spent is None and task.worked_from is not None and not is_terminal(task.state):
            spent = max(0, now - task.worked_from) / 1_000_000
        rows.append(
            (
                safe_line(step_title(task)),
                Cell(text, (style,)),
                str(task.attempt) if task.attempt else "",
                "" if spent is None else duration_text(spent / 1000),
                _why(task, outdated, linked),
            )
        )
    return table(columns, rows, palette, width=width)


def _failure(task: TaskRun, palette: Palette) -> Iterator[str]:
    yield (
        f"{palette.glyph(task.state)} "
        + palette.paint(f"{safe_line(step_title(task))}: {safe_line(failure_of(task))}", "bold")
        + palette.paint(f"  {task.reason_code.value}", "dim")
    )
    if task.error is not None:
        yield from _trace(task.error, palette)


def _error(error: TaskError, palette: Palette) -> Iterator[str]:
    code = "" if error.exit_code is None else f", exit {error.exit_code}"
    yield palette.paint(f"Error ({safe_line(error.kind)}{code})", "bold", "red")
    for line in safe(error.message).splitlines():
        yield f"  {line}"
    yield from _trace(error, palette)


def _trace(error: TaskError, palette: Palette) -> Iterator[str]:
    lines = safe(error.stack_trace).rstrip("\n").splitlines()
    if len(lines) > MAX_ERROR_LINES:
        yield f"  … {counted(len(lines) - MAX_ERROR_LINES, 'line')} before …"
    bar = palette.paint(palette.sign("│", "|"), "red")
    for line in lines[-MAX_ERROR_LINES:]:
        yield f"  {bar} {line}"


def _next(task: TaskRun, one: Execution, tasks: Sequence[TaskRun], argument: str) -> Iterator[str]:
    name = quote(safe_line(task.task_id))  # the brackets of an item are a pattern to a shell
    parts = [part for part in tasks if task.task_id in (part.task_id, part.parent_task_id)]
    below = " --children" if any(is_sub_mission_failure(part) for part in parts) else ""
    yield f"  more: mission logs {argument} {name}{below} · mission show {argument} {name}"
    if is_terminal(one.state):
        yield f"  again: {next_command(one, tasks, named=argument)}"
    else:
        yield f"  live: mission watch {argument}"


def _attempts(
    attempts: Sequence[Attempt],
    palette: Palette,
    leftovers: Leftovers | None,
    secrets: Mapping[int, SecretUse],
) -> Iterator[str]:
    for one in attempts:
        spent = one.duration_ms
        parts = [
            f"  {one.attempt}",
            palette.state(one.state),
            f"{one.reason_code.value}{_behind(one.message)}",
            f"exit {one.exit_code}" if one.exit_code is not None else "",
            f"{moment(one.started_at)}",
            duration_text(spent / 1000) if spent is not None else "",
            counted(one.log_entry_count, "log line"),
            f"{size(one.log_dropped_bytes)} dropped" if one.log_dropped_bytes else "",
            resources_text(one.resources),
            placement_text(one.placement),
        ]
        yield "  ".join(part for part in parts if part)
        kept = artifacts_text(one.artifacts)
        if kept:
            yield f"     artifacts: {kept}"
        census = census_text(one.census, leftovers)
        if census is not None:
            yield f"     {safe_line(census)}"
        used = secret_text(secrets.get(one.attempt))
        if used is not None:
            yield f"     secrets: {safe_line(used)}"


def _change(change: StateChange) -> str:
    what = f"attempt {change.attempt} " if change.entity.value == "attempt" else ""
    arrow = f"{change.from_state} → {change.to_state}" if change.from_state else change.to_state
    return (
        f"  #{change.seq}  {time_of_day(change.at)}  {what}{arrow}  {change.reason_code}"
        f"{_behind(change.message)}  ({safe_line(change.actor)})"
    )


def _json_lines(value: Mapping[str, Any]) -> list[str]:
    text = json.dumps(value, ensure_ascii=False, indent=2, default=dict)
    return [f"  {line}" for line in safe(text).splitlines()]


def _why(task: TaskRun, outdated: Collection[str], linked: Mapping[str, str]) -> str:
    if task.task_id in outdated:
        return CAUSE_RESOLVED
    told = str(cause_of_task(task))
    source = task.reused_from
    if task.reason_code is Reason.REUSED and source in linked:
        told = told.replace(source or "", linked[source or ""])
    return safe_line(told)


def _behind(message: str | None) -> str:
    return f": {safe_line(message)}" if message else ""
