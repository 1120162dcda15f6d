"""Watches an execution to its end: with the screen on a terminal, otherwise as lines."""

from typing import TYPE_CHECKING

from core.domain.events import TaskStateChanged
from core.domain.reasons import Reason
from core.domain.records import AuditEvent, Execution
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.operations.ancestry import resumed_with, standing_below, to_resume, with_breakpoints_ahead
from core.operations.recorded_mission import outdated_skips
from core.ports.reader import Reader
from tui.cli.following.commit_poll import LostRunnerCheck, poll_commits
from tui.cli.following.outcome import exit_code, is_over
from tui.cli.following.screen import can_open_screen, open_screen
from tui.cli.invocation import Invocation
from tui.cli.printing.fan_out_items import without_most_items
from tui.cli.printing.step_output import OutputMode, StepOutput
from tui.cli.printing.step_titles import StepTitles
from tui.cli.records import open_records
from tui.cli.reference import find_execution, linked_labels
from tui.output import json_shapes
from tui.output.event_line import step_end_of
from tui.output.execution_details import execution_text
from tui.output.next_command import next_command
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from tui.cli.printing.watch_lines import WatchLines


def watch(
    invocation: Invocation,
    execution_id: str,
    *,
    plain: bool = False,
    timeout: float | None = None,
    silent: bool = False,
    output: OutputMode = OutputMode.NONE,
    read_only: bool = False,
) -> tuple[Execution, int]:
    """Watch until the execution has ended; return its final record and the exit code.

    On a terminal, unless `plain`, `silent` or with a `timeout`, the screen opens and closes when
    the execution ends or the user leaves. Otherwise one line is printed for every state change;
    `silent` only waits; `output` selects the printed step output. Raises `WaitTimeoutError`.
    """
    as_lines = plain or silent or invocation.json or timeout is not None
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution_id)
        if as_lines or not can_open_screen(invocation):
            found = _follow(invocation, reader, found, timeout, silent=silent, output=output)
        elif not is_over(found):
            open_screen(invocation, start=found.execution_id, until_end=True, read_only=read_only)
            found = reader.find_execution(found.execution_id)
        if not (silent or invocation.json):
            _summarise(invocation, reader, found)
        _, tasks = reader.task_states(found.execution_id)
    return found, exit_code(found.state, found.reason_code, tasks)


def _follow(
    invocation: Invocation,
    reader: Reader,
    found: Execution,
    timeout: float | None,
    *,
    silent: bool,
    output: OutputMode,
) -> Execution:
    """Print every state change until the execution ends or loses its runner."""
    console = invocation.console
    printed = StepOutput(output, invocation.paths.db, console.palette)
    titles = StepTitles(reader)
    told = None if silent or invocation.json else _lines(invocation, reader, found, output)
    after = 0
    lost = LostRunnerCheck(invocation, found.execution_id)
    for _ in poll_commits(reader, timeout=timeout):
        found = reader.find_execution(found.execution_id)
        while page := reader.audit_events(after_seq=after, execution_id=found.execution_id):
            after = page[-1].seq
            if told is not None:
                told.take(found)
                for event, lines in told.of(page):
                    _print(invocation, event, lines, printed, told)
            for event in page if invocation.json and not silent else ():
                item = titles.item(event.execution_id, json_shapes.task_of(event))
                console.out_ndjson(json_shapes.event(event, item))
        if told is not None:
            console.out_lines([*told.standing(invocation.now)])
        if printed.is_live:
            console.later(printed.news)
        console.flush()
        if is_over(found):
            break
        lost.check()
    console.later(printed.close)
    return found


def _lines(
    invocation: Invocation, reader: Reader, found: Execution, output: OutputMode
) -> "WatchLines":
    from tui.cli.printing.watch_lines import WatchLines  # not needed by those who only wait

    folds = output is OutputMode.NONE  # output stands below the line of its step
    return WatchLines(reader, found, invocation.console.palette, invocation.actor, folds=folds)


def _print(
    invocation: Invocation,
    event: AuditEvent,
    lines: list[str],
    printed: StepOutput,
    told: "WatchLines",
) -> None:
    """Print the lines of an event, and the step output that belongs to it."""
    console, details = invocation.console, event.details
    execution_id = event.execution_id or ""
    task_id = json_shapes.task_of(event)
    title = None if task_id is None else told.title(task_id)
    if task_id is not None and event.event_type == "attempt.started":
        printed.started(execution_id, task_id, title or task_id)
    elif task_id is not None and event.event_type == "attempt.ended":
        if "started" in details:
            printed.started(execution_id, task_id, title or task_id)
        entries = (details.get("log") or {}).get("entries", 0)
        wanted = printed.ended(execution_id, task_id, details["attempt"], entries)
        if wanted is not None:
            console.later(wanted)
    console.out_lines(lines)
    changed = details if event.event_type == TaskStateChanged.type else step_end_of(event)
    if task_id is not None and changed is not None and lines:
        state = TaskState(changed["to"])
        wanted = printed.settled(execution_id, task_id, state, title or task_id)
        if wanted is not None:
            console.later(wanted)


def _summarise(invocation: Invocation, reader: Reader, found: Execution) -> None:
    console = invocation.console
    console.out()
    tasks = reader.task_runs(found.execution_id)
    shown = without_most_items(tasks)
    console.out_lines(
        execution_text(
            with_breakpoints_ahead(reader, found),
            shown,
            console.palette,
            outdated=outdated_skips(reader, found, tasks),
            short=reader.short_ids([found.execution_id])[found.execution_id],
            now=invocation.now,
            width=console.width,
            linked=linked_labels(reader, found, tasks),
            resumed_with=safe_line(full_argument(to_resume(reader, found, invocation.now))),
            standing_below=standing_below(reader, found, invocation.now),
        )
    )
    named = safe_line(full_argument(found))
    if len(shown) < len(tasks):
        items = counted(len(tasks) - len(shown), "more item")
        console.out(f"  {items}: mission show {named} --all")
    if is_terminal(found.state) and not any(task.state is TaskState.FAILED for task in tasks):
        console.out(f"  again: {next_command(found, tasks)}")
    console.flush()
    if not is_terminal(found.state):
        if found.reason_code is Reason.RUNNER_LOST:
            whole = safe_line(full_argument(resumed_with(reader, found)))
            console.say(f"its runner died: `mission resume {whole}` continues it")
        else:
            console.say(f"it is still running; `mission watch {named}` watches it again")
