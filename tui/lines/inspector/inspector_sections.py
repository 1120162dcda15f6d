"""The sections of the step inspector as lines, and its title and tab bar as parts. Pure.

Knows the content of each section; the screen decides which one is shown.
"""

from core.domain.item_label import step_title
from core.domain.records import TaskRun
from core.domain.states import TaskState, is_terminal
from core.ports.executor import JobUsage
from tui.lines.inspector.step_page import Offered, page_lines
from tui.lines.json_data import json_lines
from tui.lines.step.attempt_lines import attempt_lines, error_lines
from tui.lines.step.line_parts import heading
from tui.lines.step.state_history import history_lines
from tui.lines.step.step_cause import execution_facts, state_line, why_lines
from tui.lines.step.step_overview import definition_lines
from tui.lines.title_bars import Parts
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.page_records import PageRecords
from tui.look.styled_text import Line, Part
from tui.words.report.step_inputs import inputs_for_people
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

SECTIONS = (
    ("overview", "Overview"),
    ("inputs", "Inputs"),
    ("outputs", "Outputs"),
    ("error", "Error"),
    ("attempts", "Attempts"),
    ("history", "History"),
    ("logs", "Logs"),
    ("file", "File"),
)


def section_lines(
    section: str | None,
    board: Board,
    records: StepRecords,
    now: int,
    *,
    usage: JobUsage | None = None,
    page: PageRecords | None = None,
    offered: Offered = lambda _action: True,
    is_past: bool = False,
) -> list[Line]:
    """Return the lines of a section other than log and file; by default the overview.

    `usage` is what the processes of the step use now, if that is known; `page` what the overview
    shows beyond `records`, once that has been read; `offered` tells which actions can be taken.
    `is_past` says that the records are those of an earlier moment.
    """
    task = records.task
    match section:
        case "inputs":
            empty = "No inputs" if task.attempt else "Not started: inputs are resolved at the start"
            return json_lines(inputs_for_people(task.inputs), empty=empty)
        case "outputs":
            return json_lines(task.outputs, empty=_no_outputs(records, is_past=is_past))
        case "error":
            return _error_section(board, records, now, is_past=is_past)
        case "attempts":
            leftovers = execution_facts(board, records, now).leftovers(task.task_id)
            return attempt_lines(records.attempts, now, leftovers, records.secrets)
        case "history":
            return history_lines(records.changes)
        case _:
            lines = page_lines(board, records, page, now, usage=usage, offered=offered)
            return lines + definition_lines(board, task)


def _no_outputs(records: StepRecords, *, is_past: bool) -> str:
    """Say why there are no outputs: at a moment of the past they may have been yet to come."""
    last = records.attempts[-1] if records.attempts else None
    if is_past and last is None:
        return "No outputs at that moment: the step had not started"
    if is_past and last is not None and not is_terminal(last.state):
        return "Not known at that moment: the attempt had not ended"
    return "No outputs"


def _error_section(board: Board, records: StepRecords, now: int, *, is_past: bool) -> list[Line]:
    error = records.task.error
    if error is not None:
        causes = why_lines(board, records, now)
        return [*error_lines(error), [("", "")], heading("Why"), *causes]
    failed = [one for one in records.attempts if one.error is not None]
    if failed and failed[-1].error is not None:
        note = f"attempt {failed[-1].attempt} failed, but the step did not"
        return [[(note, "muted")], [("", "")], *error_lines(failed[-1].error)]
    return [[("No error at that moment" if is_past else "No error", "muted")]]


def inspector_title_parts(board: Board, task_id: str) -> Parts:
    """Return run, step and state, and the position among several failures."""
    task, failures = board.tasks[task_id], board.failures()
    position = ""
    if task_id in failures and len(failures) > 1:
        position = f"error {failures.index(task_id) + 1}/{len(failures)} "
    word, style = state_line(task)[0]
    run = clean_line(run_name(board.execution))
    left = [
        Part(f" {run} ▸ ", style="faint", rank=3, action="back"),
        Part(clean_line(step_title(task)), style="strong"),
        Part(f"  {word}", style=style),
    ]
    return left, [Part(position, style="bad", rank=2)] if position else []


def section_tab_parts(
    current: str | None, task: TaskRun, records: StepRecords | None
) -> list[Part]:
    """Return a clickable tab for each section."""
    parts: list[Part] = []
    for number, (section, label) in enumerate(SECTIONS, 1):
        is_current = section == current
        note = ""
        if records is not None and section == "attempts" and records.attempts:
            note = f" {len(records.attempts)}"
        has_error = section == "error" and task.state is TaskState.FAILED
        style = "strong" if is_current else ("bad" if has_error else "muted")
        action = f"show({number - 1})"
        parts.append(Part(f" {number}", style="accent" if is_current else "muted", action=action))
        parts.append(
            Part(f" {label}{note}", style=style, action=action, rank=0 if is_current else 8)
        )
        parts.append(Part(" ", rank=9))
    return parts
