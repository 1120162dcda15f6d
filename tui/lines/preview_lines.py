"""The preview of an execution at home: what one wants to know before opening it. Pure."""

from collections.abc import Sequence

from core.domain.item_label import step_title
from core.domain.reasons import Reason
from core.domain.records import Execution, LogEntry, TaskRun
from core.domain.state_word import state_word
from core.domain.states import Coverage, ExecutionState, TaskState, is_terminal
from core.domain.tally import ORDER, tally_of_execution
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from tui.lines.confirmation import awaits
from tui.lines.home_row import (
    counts,
    given_params,
    is_being_cancelled,
    labels_text,
    params_text,
    question_text,
    queue_text,
    who,
)
from tui.lines.outcome_strip import outcome_strip
from tui.live.home.run_preview import RunPreview, StepEnd
from tui.look.styled_text import Line
from tui.words.cause import cause_of, cause_of_task
from tui.words.numbers import ago, elapsed, moment, when
from tui.words.run_label import SUBSET, run_name
from tui.words.safe_text import clean, clean_line, cut, fit, fit_right, pad, wrap
from tui.words.state_glyphs import sign

MAX_STRIP_CELLS = 40
QUIET = (TaskState.SUCCESS, TaskState.PENDING)
"""States that need no reason."""
WORD_CELLS = 14
MAX_COMMAND_ROWS = 3
MAX_LINE_CHARACTERS = 2000
"""How many characters of a line of output are shown."""
MIN_LOG_ROWS = 4
"""How many rows of output are shown at least of a step that failed, if it wrote so many."""

Keys = Sequence[tuple[str, str]]
"""Keys that act on what is shown, each with what it does."""


def preview_lines(
    preview: RunPreview, *, width: int, height: int, actor: str, now: int, keys: Keys = ()
) -> list[Line]:
    """Return the lines that fill `height` rows of `width` cells, the most telling first."""
    lines = [*_facts(preview, actor, now)]
    questions = [one.task for one in preview.active if awaits(one.task)]
    for task in questions:
        if task.message:
            lines.append([("? ", "warn"), (clean_line(task.message), "text")])
        lines.append([("  ", "warn"), (question_text([task], actor, now), "muted")])
    running = [one for one in preview.active if one.task not in questions]
    if preview.failed is not None:
        room = max(MIN_LOG_ROWS, height - len(lines) - min(len(preview.steps), height // 4) - 2)
        lines += _end_lines(preview.failed, width, room)
    if running:
        lines.append(_rule("running now", width))
        lines += [line for one in running for line in _active_lines(one, width, now)]
    left = height - len(lines) - 1
    shown = {one.task.task_id for one in running}
    steps = [task for task in preview.steps if task.task_id not in shown]
    if steps and left > 0:
        lines.append(_rule("steps", width))
        lines += [_step_line(task, width, now) for task in steps[:left]]
    for section in (
        _command(preview, width),
        _runs(preview, width, now),
        _record(preview, width),
        _what_to_do(keys, width),
    ):
        if len(section) > 1 and len(lines) + 1 < height:
            lines += section
    return lines[:height]


def _facts(preview: RunPreview, actor: str, now: int) -> list[Line]:
    """Return name and times, the strip of states, the sentence, parameters, and the history."""
    execution = preview.execution
    spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
    took = "" if spent is None else f"  {duration_text(spent)}"
    ended = f"  {when(execution, now)}" if is_terminal(execution.state) else ""
    style = f"state:{execution.state.value}"
    word = state_word(execution.state, execution.reason_code)
    cause = cause_of(execution.reason_code.value, execution.message)
    lines: list[Line] = [
        [
            (f"{clean_line(run_name(execution))} ", "strong"),
            (f" {sign(execution.state)} {word}", style),
            (f" {SUBSET}" if execution.coverage is Coverage.SUBSET else "", "warn"),
            ("  cancelling" if is_being_cancelled(execution) else "", "warn"),
            (f"{took}{ended}  by {who(execution.actor, actor)}", "muted"),
            (f"  {cause.code}", "faint"),
        ],
        [*strip(execution), ("  ", ""), *counts(execution)],
    ]
    if execution.reason_code is Reason.QUEUED:
        lines.append([(queue_text(preview.place), "text")])
    elif execution.state is not ExecutionState.SUCCESS and cause.sentence:
        lines.append([(clean_line(cause.sentence), "text")])
    given = params_text(given_params(execution, preview.defaults))
    if given:
        lines.append([("given  ", "faint"), (given, "accent")])
    if execution.title:
        lines.append([("title  ", "faint"), (clean_line(execution.title), "text")])
    if execution.labels:
        lines.append([("labels ", "faint"), (labels_text(execution.labels), "accent")])
    if len(preview.outcomes) > 1:
        lines.append(_history(preview, now))
    return lines


def strip(execution: Execution, cells: int = MAX_STRIP_CELLS) -> Line:
    """Return the states of an execution's steps as a strip: a cell each, or in proportion.

    Every state that there is has a cell at least.
    """
    tally = tally_of_execution(execution)
    numbers = {
        state: number
        for state in ORDER
        if (number := tally.steps.get(state, 0) + tally.items.get(state, 0))
    }
    total = sum(numbers.values())
    size = min(total, cells)
    parts: list[tuple[str, str]] = []
    for state, number in numbers.items():
        width = max(1, number * size // total)
        parts.append((sign(state) * width, f"state:{state.value}"))
    return parts


def _history(preview: RunPreview, now: int) -> Line:
    told = f"  the last {len(preview.outcomes)}"
    last = preview.last_success
    if last is not None and last.ended_at is not None:
        spent = elapsed(last.started_at, last.ended_at, now, last.duration_us)
        took = "" if spent is None else f", took {duration_text(spent)}"
        told += f"; last done {ago(last.ended_at, now)} as {clean_line(run_name(last))}{took}"
    elif preview.execution.state is ExecutionState.FAILED:
        told += "; none before it was done"
    return [("runs   ", "faint"), *outcome_strip(preview.outcomes), (told, "muted")]


def _end_lines(end: StepEnd, width: int, room: int) -> list[Line]:
    """Return the heading of the step that failed, and the end of its output."""
    task = end.task
    way = "".join(f"{clean_line(step)} › " for step in end.path)
    shown = end.lines[-room:]
    note = "no output" if not shown else f"last {len(shown)} lines"
    if shown and not end.has_more and len(shown) == len(end.lines):
        note = "all of its output"
    attempt = f", attempt {task.attempt}" if task.attempt > 1 else ""
    code = (
        ""
        if task.error is None or task.error.exit_code is None
        else f"exit {task.error.exit_code}, "
    )
    title = f"{way}{clean_line(step_title(task))}{attempt}: {code}{note}"
    return [_rule(title, width, "bad"), *(_log_line(entry) for entry in shown)]


def _log_line(entry: LogEntry) -> Line:
    style = "warn" if entry.stream.value == "err" else "text"
    return [(clean(entry.message)[:MAX_LINE_CHARACTERS], style)]


def _active_lines(end: StepEnd, width: int, now: int) -> list[Line]:
    """Return a step that runs or waits, with its last line."""
    task = end.task
    spent = elapsed(task.worked_from, None, now)
    word = state_word(task.state, task.reason_code)
    took = "" if spent is None or task.state is not TaskState.RUNNING else duration_text(spent)
    if task.resume_at is not None and task.resume_at > now:
        took = ago(task.resume_at, now)
    name = clean_line(step_title(task))
    line: list[tuple[str, str]] = [
        (f"{sign(task.state)} {name}  ", f"state:{task.state.value}"),
        (f"{word} {took}  ".replace("  ", " ") + " ", "muted"),
    ]
    room = width - sum(width_of(text) for text, _ in line)
    if end.lines and room > 8:
        line.append((pad(fit(clean(end.lines[-1].message), room), room), "text"))
    return [line]


def _step_line(task: TaskRun, width: int, now: int) -> Line:
    spent = elapsed(task.worked_from, task.worked_until, now, task.worked_us)
    took = "" if spent is None or not is_terminal(task.state) else duration_text(spent)
    word = state_word(task.state, task.reason_code)
    line: list[tuple[str, str]] = [
        (f"{sign(task.state)} {fit(word, WORD_CELLS)} ", f"state:{task.state.value}"),
        (fit_right(took, 7) + "  ", "muted"),
        (clean_line(step_title(task)), "text"),
    ]
    cause = cause_of_task(task)
    room = width - sum(width_of(text) for text, _ in line) - 2
    if cause.sentence and room > 8 and task.state not in QUIET and cause.code:
        line.append(("  " + fit(clean_line(cause.sentence), room), "faint"))
    return line


def _command(preview: RunPreview, width: int) -> list[Line]:
    """Return what the step that failed ran, and where."""
    found = preview.command
    if found is None:
        return []
    rows = wrap(clean_line(found.line), max(1, width - 2))
    lines = [_rule("command", width)]
    for number, row in enumerate(rows[:MAX_COMMAND_ROWS]):
        is_cut = number == MAX_COMMAND_ROWS - 1 and len(rows) > MAX_COMMAND_ROWS
        lines.append([("  " if number else "$ ", "faint"), (row + "…" * is_cut, "text")])
    if found.env:
        lines.append([("with ", "faint"), (cut(params_text(found.env), width - 5), "muted")])
    lines.append([("in ", "faint"), (cut(clean_line(found.folder), width - 3), "muted")])
    return lines


def _runs(preview: RunPreview, width: int, now: int) -> list[Line]:
    """Return the other last runs of the mission, each with what is to be said of it."""
    return [_rule("other runs", width), *(_run_line(one, width, now) for one in preview.runs)]


def _run_line(one: Execution, width: int, now: int) -> Line:
    spent = elapsed(one.started_at, one.ended_at, now, one.duration_us)
    took = "" if spent is None else duration_text(spent)
    word, style = state_word(one.state, one.reason_code), f"state:{one.state.value}"
    if one.coverage is Coverage.SUBSET and one.state is ExecutionState.SUCCESS:
        word, style = SUBSET, "warn"
    line: list[tuple[str, str]] = [
        (f"{sign(one.state)} {fit(word, WORD_CELLS)} ", style),
        (fit_right(took, 7) + "  ", "muted"),
        (clean_line(run_name(one)), "text"),
        (f"  {when(one, now)}", "muted"),
    ]
    cause = cause_of(one.reason_code.value, one.message)
    room = width - sum(width_of(text) for text, _ in line) - 2
    if cause.sentence and room > 8 and one.state is not ExecutionState.SUCCESS:
        line.append(("  " + fit(clean_line(cause.sentence), room), "faint"))
    return line


def _record(preview: RunPreview, width: int) -> list[Line]:
    """Return what identifies the execution."""
    execution = preview.execution
    began = execution.created_at if execution.started_at is None else execution.started_at
    lines = [
        _rule("record", width),
        [("began  ", "faint"), (moment(began), "muted")],
        [("id     ", "faint"), (execution.execution_id, "muted")],
    ]
    if execution.source_path is not None:
        path = cut(clean_line(execution.source_path), width - 7)
        lines.append([("file   ", "faint"), (path, "muted")])
    lines.append([("sha256 ", "faint"), (cut(execution.mission_digest, width - 7), "muted")])
    return lines


def _what_to_do(keys: Keys, width: int) -> list[Line]:
    """Return what can be done, by key."""
    cells = max((width_of(key) for key, _label in keys), default=0)
    return [
        _rule("what can be done", width),
        *([(f"{fit(key, cells)}  ", "accent"), (label, "muted")] for key, label in keys),
    ]


def _rule(title: str, width: int, style: str = "muted") -> Line:
    """Return a heading drawn as a line."""
    text = fit(title, min(width_of(title), max(1, width - 4)))
    rest = max(0, width - width_of(text) - 4)
    return [("── ", "line"), (text, style), (" " + "─" * rest, "line")]
