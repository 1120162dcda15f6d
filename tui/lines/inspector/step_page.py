"""The first page of the inspector: all that an operator needs of one step, on one screen. Pure.

It says what happened in one sentence, how to run the step by hand, what is recorded of it, what has
changed since it last succeeded, what it blocks, and what can be done, by key.
"""

from collections.abc import Callable, Sequence

from core.domain.item_label import step_title
from core.domain.process_policy import limits_over
from core.domain.records import Attempt, TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState, is_terminal
from core.explain.process_text import census_text
from core.planning.cancel_scope import awaits_person
from core.ports.executor import JobUsage
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.lines.home_row import params_text
from tui.lines.step.line_parts import field, heading
from tui.lines.step.step_cause import execution_facts, state_line, why_lines
from tui.lines.step.step_overview import stopping_line
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.page_records import PageRecords, ended_by
from tui.look.styled_text import Line
from tui.words.cause import cause_of_task
from tui.words.last_success_text import NO_CHANGE, change_lines, last_success_text
from tui.words.numbers import elapsed, moment, size
from tui.words.placement_text import placement_text
from tui.words.resource_text import resources_text, usage_text
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import appearance_of

MAX_COMMAND_LINES = 6
MAX_TAIL_LINES = 8
MAX_CHANGES = 6
MAX_BLOCKED = 6
MAX_ATTEMPTS = 4

Offered = Callable[[str], bool]
"""Tells whether an action can be taken now."""


def page_lines(
    board: Board,
    records: StepRecords,
    page: PageRecords | None,
    now: int,
    *,
    usage: JobUsage | None = None,
    offered: Offered = lambda _action: True,
) -> list[Line]:
    """Return the page; `page` is None until it has been read."""
    task = records.task
    lines = _sentence(board, records, now)
    if page is not None:
        lines += _sub_mission(page)
        lines += _tail(records, page)
    lines += _history(task, page, now)
    if page is not None:
        lines += _command(page)
    lines += [heading("Run"), *_facts(board, records, page, now, usage)]
    lines += _attempts(records.attempts, now)
    lines += _blocked(board, task)
    lines += _what_to_do(page, offered)
    return lines


def _sentence(board: Board, records: StepRecords, now: int) -> list[Line]:
    """Return the state and its cause; of what has not failed the causes behind it, too."""
    task = records.task
    cause = cause_of_task(task)
    if task.state is TaskState.FAILED and cause.sentence:
        head = state_line(task)[:1]
        told: Line = [*head, (f"  {clean_line(cause.sentence)}", "bad")]
        lines = [told if not cause.code else [*told, (f"  {cause.code}", "faint")]]
        why = why_lines(board, records, now)
        return lines + why[1:]
    head = [*state_line(task)[:1], (f"  {clean_line(step_title(task))}", "strong")]
    return [head, *why_lines(board, records, now)]


def _command(page: PageRecords) -> list[Line]:
    command = page.command
    if command is None:
        return []
    rows = command.text.split("\n")
    lines: list[Line] = [
        [("  " if number else "$ ", "faint"), (clean_line(row), "text")]
        for number, row in enumerate(rows[:MAX_COMMAND_LINES])
    ]
    if len(rows) > MAX_COMMAND_LINES:
        more = counted(len(rows) - MAX_COMMAND_LINES, "more line")
        lines.append([(f"  … {more}: `c` copies all of it", "faint")])
    if command.left_out:
        lines.append([(f"  without {clean_line(', '.join(command.left_out))}", "muted")])
    return [heading("Command"), *lines]


def _facts(
    board: Board, records: StepRecords, page: PageRecords | None, now: int, usage: JobUsage | None
) -> list[Line]:
    task, execution = records.task, board.execution
    attempt = records.attempts[-1] if records.attempts else None
    lines = [field("run", _run_text(board))]
    if execution.params:
        lines.append(field("params", params_text(execution.params)))
    amended = () if page is None else page.amended
    for number, text in enumerate(amended[:MAX_CHANGES]):
        lines.append(field("" if number else "amended", clean_line(text)))
    if task.parent_task_id is not None:
        lines.append(field("item", clean_line(step_title(task).partition(" ")[2])))
    if task.reused_from is not None:
        lines.append(field("reused from", clean_line(task.reused_from)))
    if (when := _when_text(board, task, now)) is not None:
        lines.append(field("time", when))
    if (where := _where_text(board, attempt, page)) is not None:
        lines.append(field("ran", where))
    if (limits := _limits_text(board, task)) is not None:
        lines.append(field("limits", limits))
    if (stopping := stopping_line(board, task, now)) is not None:
        lines.append(stopping)
    if usage is not None and task.state is TaskState.RUNNING:
        lines.append(field("uses now", usage_text(usage)))
    used = "" if attempt is None else resources_text(attempt.resources)
    if used:
        lines.append(field("used", used))
    leftovers = execution_facts(board, records, now).leftovers(task.task_id)
    census = None if attempt is None else census_text(attempt.census, leftovers)
    if census is not None:
        lines.append(field("processes", clean_line(census)))
    return lines


def _run_text(board: Board) -> str:
    execution = board.execution
    text = f"{run_name(execution)}  {execution.execution_id}  by {execution.actor}"
    return clean_line(text)


def _when_text(board: Board, task: TaskRun, now: int) -> str | None:
    """Return when it started and how long it took, takes or waits."""
    began, until = task.worked_from, task.worked_until
    spent = elapsed(began, until, now, task.worked_us)
    if task.state is TaskState.WAITING and task.resume_at is not None and not awaits_person(task):
        rest = max(0.0, (task.resume_at - now) / SECOND_NS)
        return f"attempt {task.attempt} ended; goes on in {duration_text(rest)}"
    if began is None or spent is None:
        return None
    number = f"attempt {task.attempt} of {max(board.max_attempts(task.task_id), task.attempt)}, "
    verb = "took" if until is not None else "for"
    verb = "waits for an answer for" if awaits_person(task) else verb
    return f"{number if task.attempt else ''}{moment(began)}, {verb} {duration_text(spent)}"


def _where_text(board: Board, attempt: Attempt | None, page: PageRecords | None) -> str | None:
    if attempt is None:
        return None
    if where := placement_text(attempt.placement):
        return where
    if board.is_live and board.lease is not None:
        runner = board.lease.identity
        return clean_line(f"on {runner.host}, runner {runner.pid}")
    if page is not None and page.runner_pid:
        return clean_line(f"by runner {page.runner_pid}")
    return None


def _limits_text(board: Board, task: TaskRun) -> str | None:
    step = board.steps.get(task.parent_task_id or task.task_id)
    if step is None or board.mission is None:
        return None
    limits = limits_over(step.limits, board.mission.config.limits)
    parts = [f"{name.replace('_', ' ')} {getattr(limits, name)}" for name in limits.names]
    if step.timeout_seconds is not None:
        parts.insert(0, f"timeout {duration_text(step.timeout_seconds)}")
    return ", ".join(parts) or None


def _sub_mission(page: PageRecords) -> list[Line]:
    lines: list[Line] = []
    for child in page.children[-MAX_ATTEMPTS:]:
        name = clean_line(run_name(child))
        if page.as_of is not None and not ended_by(child, page.as_of):
            lines.append(field("sub-mission", f"{name}, which had not ended"))
            continue
        state = appearance_of(child.state)
        sentence = f"  {clean_line(child.message)}" if child.message else ""
        lines.append(
            [
                (f"{'sub-mission':<12}", "faint"),
                (f"{state.sign} {name} {state.word}", f"state:{child.state.value}"),
                (sentence, "muted"),
            ]
        )
    return lines


def _tail(records: StepRecords, page: PageRecords) -> list[Line]:
    if not page.tail or not records.attempts:
        return []
    attempt = records.attempts[-1]
    shown = page.tail[-MAX_TAIL_LINES:]
    of_all = ""
    if is_terminal(attempt.state):
        total = counted(attempt.log_entry_count, "line")
        of_all = f", {total} of output in all, {size(attempt.log_bytes)}"
    title = f"Last {counted(len(shown), 'line')} of {page.tail_name}{of_all}"
    lines: list[Line] = [heading(title)]
    lines += [[("│ ", "faint"), (clean_line(entry.message), "text")] for entry in shown]
    return lines


def _attempts(attempts: Sequence[Attempt], now: int) -> list[Line]:
    """Return one line per attempt where there are several, the newest last."""
    if len(attempts) < 2:
        return []
    lines: list[Line] = [heading(counted(len(attempts), "attempt"))]
    for one in attempts[-MAX_ATTEMPTS:]:
        look = appearance_of(one.state)
        spent = elapsed(one.started_at, one.ended_at, now, one.duration_us) or 0.0
        code = "" if one.exit_code is None else f", exit {one.exit_code}"
        lines.append(
            [
                (f"{look.sign} {one.attempt:>3}  {look.word:<10}", f"state:{one.state.value}"),
                (f"{moment(one.started_at)}, {duration_text(spent)}{code}", "text"),
                (f"  {one.reason_code.value}", "faint"),
            ]
        )
    return lines


def _history(task: TaskRun, page: PageRecords | None, now: int) -> list[Line]:
    """Return when it last succeeded, how long it usually takes, and what has changed since."""
    lines: list[Line] = [heading("Before")]
    if page is None:
        return [*lines, [("reading …", "muted")]]
    if page.as_of is not None:
        return [*lines, [("earlier runs are compared with now only: press . for now", "muted")]]
    lines.append([(clean_line(last_success_text(page.earlier, task, now)), "text")])
    if page.earlier is None:
        return lines
    usual, spent = page.earlier.usual_seconds, elapsed(task.worked_from, None, now)
    is_slow = usual is not None and spent is not None and spent > usual * 1.5 + 1
    if task.state is TaskState.RUNNING and is_slow and spent is not None:
        lines.append([(f"it takes longer now: {duration_text(spent)} so far", "warn")])
    lines += [
        [(f"  {clean_line(text)}", "muted" if text == NO_CHANGE else "text")]
        for text in change_lines(page.earlier, most=MAX_CHANGES)
    ]
    return lines


def _blocked(board: Board, task: TaskRun) -> list[Line]:
    step_id = task.parent_task_id or task.task_id
    direct = board.dependents.get(step_id, [])
    if not direct or task.state is TaskState.SUCCESS:
        return []
    reach = len(board.downstream([step_id]))
    more = f", {reach:,} in all" if reach > len(direct) else ""
    states = [
        f"{clean_line(one)} {state_word(board.tasks[one].state, board.tasks[one].reason_code)}"
        for one in direct[:MAX_BLOCKED]
        if one in board.tasks
    ]
    rest = f", and {len(direct) - MAX_BLOCKED:,} more" if len(direct) > MAX_BLOCKED else ""
    told = f"Blocks {counted(len(direct), 'step')}{more}"
    return [[(f"{told}: ", "accent"), (", ".join(states) + rest, "text")]]


_KEYS = (
    ("a", "approve", "approve or reject"),
    ("r", "retry(False)", "retry"),
    ("R", "retry(True)", "downstream too"),
    ("x", "cancel_step", "cancel step"),
    ("e", "failure(1)", "next error"),
    ("l", "logs", "log"),
)
_COMMAND_KEYS = (("c", "copy command"), ("!", "shell"))


def _what_to_do(page: PageRecords | None, offered: Offered) -> list[Line]:
    parts: list[tuple[str, str]] = []
    keys = [(key, label) for key, action, label in _KEYS if offered(action)]
    if page is not None and page.command is not None:
        keys += _COMMAND_KEYS
    for key, label in keys:
        parts += [(f"{key} ", "accent"), (f"{label}  ", "muted")]
    return [parts]
