"""The summary of a step for a side pane, and how it is defined."""

from collections.abc import Sequence
from operator import itemgetter

from core.domain.mission import MissionStep
from core.domain.records import TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState, is_terminal
from core.planning.cancel_scope import awaits_person
from core.ports.executor import JobUsage
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.lines.step.attempt_lines import error_lines, trace_lines
from tui.lines.step.line_parts import field, heading
from tui.lines.step.step_cause import state_line, why_lines
from tui.lines.step.step_shape import shape_of
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.steps.stopping import stopping_of
from tui.look.styled_text import Line
from tui.words.cause import cause_of_task
from tui.words.numbers import elapsed, moment
from tui.words.resource_text import usage_text
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import appearance_of


def overview_lines(
    board: Board,
    records: StepRecords,
    now: int,
    *,
    usage: JobUsage | None = None,
) -> list[Line]:
    """Return the summary of a step for a side pane.

    `usage` is what its processes use now, if that is known.
    """
    task, step = records.task, board.steps.get(records.task.task_id)
    lines: list[Line] = []
    if step is not None and step.name != step.id:
        lines.append([(clean_line(step.name), "muted")])
    lines += _outcome(board, records, now)
    lines.append([("", "")])
    lines.append(heading("Times"))
    lines.extend(_times(board, task, now))
    if (stopping := stopping_line(board, task, now)) is not None:
        lines.append(stopping)
    if usage is not None and task.state is TaskState.RUNNING:
        lines.append(field("uses now", usage_text(usage)))
    return lines + definition_lines(board, task) + _blocked(board, task)


def _outcome(board: Board, records: StepRecords, now: int) -> list[Line]:
    """Return the state and why it is so; of a failure one sentence and the end of its output."""
    task = records.task
    sentence, why = cause_of_task(task).sentence, why_lines(board, records, now)
    if task.state is not TaskState.FAILED or not sentence:
        lines = [state_line(task), [("", "")], heading("Why"), *why]
        if task.error is not None and not is_terminal(task.state):
            lines += [[("", "")], heading("Error"), *error_lines(task.error, max_lines=8)]
        return lines
    lines = [state_line(task), [(clean_line(sentence), "bad")]]
    if task.error is not None and "\n" in task.error.stack_trace.strip():  # else it is said above
        lines += [[("", "")], *trace_lines(task.error, 8)]
    return lines if len(why) == 1 else [*lines, [("", "")], heading("Why"), *why]


def stopping_line(board: Board, task: TaskRun, now: int) -> Line | None:
    """Return how far the end of a step is that runs although its run was cancelled, else None."""
    text = stopping_of(board, task, now)
    return None if text is None else field("stopping", text, "warn")


def definition_lines(board: Board, task: TaskRun) -> list[Line]:
    """Return how a step is defined, and what it needs."""
    step = board.steps.get(task.task_id)
    lines: list[Line] = []
    if step is not None:
        lines += [[("", "")], heading("Step"), *_definition(board, step)]
    if step is not None and step.depends_on:
        lines += [[("", "")], heading(f"Needs {counted(len(step.depends_on), 'step')}")]
        lines += _listed(board, step.depends_on)
    return lines


def _times(board: Board, task: TaskRun, now: int) -> list[Line]:
    lines: list[Line] = []
    limit = board.max_attempts(task.task_id)
    if task.attempt:
        lines.append(field("attempt", f"{task.attempt} of {max(limit, task.attempt)}"))
    began, until = task.worked_from, task.worked_until
    spent = elapsed(began, until, now, task.worked_us)
    if awaits_person(task):
        lines.append(field("waiting for", duration_text(spent or 0)))
    elif spent is not None:
        lines.append(field("took" if until is not None else "running for", duration_text(spent)))
    if task.ready_at is not None and began is not None and task.ready_at <= began:
        lines.append(field("queued for", duration_text((began - task.ready_at) / SECOND_NS)))
    in_all = elapsed(task.started_at, task.ended_at, now, task.duration_us)
    if task.started_at != began and in_all is not None:
        lines.append(field("in all", f"{duration_text(in_all)}, waiting between attempts included"))
    times = [
        ("ready", task.ready_at),
        ("first start" if task.started_at != began else "started", task.started_at),
        ("started", began if task.started_at != began else None),
        ("ended", task.ended_at if is_terminal(task.state) else until),
        ("resumes", task.resume_at if task.state is TaskState.WAITING else None),
    ]
    known = [(name, at) for name, at in times if at is not None]
    lines += [field(name, moment(at)) for name, at in sorted(known, key=itemgetter(1))]
    if not lines:
        lines.append([("it has not started", "muted")])
    return lines


def _definition(board: Board, step: MissionStep) -> list[Line]:
    lines = [field("type", clean_line(step.step_type))]
    if step.timeout_seconds is not None:
        lines.append(field("timeout", duration_text(step.timeout_seconds)))
    if step.env_files:
        lines.append(field("env files", clean_line(", ".join(step.env_files))))
    if step.when is not None:
        lines.append(field("when", clean_line(step.when)))
    lines += [field(name, value) for name, value in shape_of(step)]
    if step.continue_on_error:
        lines.append(field("on error", "the mission continues"))
    if step.trigger_rule.value != "all_success":
        lines.append(field("trigger", step.trigger_rule.value))
    policy = step.retry or (board.mission.config.retry if board.mission else None)
    if policy is not None and policy.max_attempts > 1:
        lines.append(
            field(
                "retry",
                f"{policy.max_attempts} attempts, "
                f"first after {duration_text(policy.initial_interval)}, "
                f"then × {policy.backoff_coefficient:g}",
            )
        )
    return lines


def _blocked(board: Board, task: TaskRun) -> list[Line]:
    lines: list[Line] = []
    direct = board.dependents.get(task.task_id, [])
    if direct:
        reach = len(board.downstream([task.task_id]))
        verb = "Unblocked" if task.state is TaskState.SUCCESS else "Blocks"
        more = f", {reach:,} in all" if reach > len(direct) else ""
        lines += [[("", "")], heading(f"{verb} {counted(len(direct), 'step')}{more}")]
        lines += _listed(board, direct)
    return lines


def _listed(board: Board, task_ids: Sequence[str], most: int = 12) -> list[Line]:
    lines: list[Line] = []
    for task_id in task_ids[:most]:
        other = board.tasks.get(task_id)
        if other is None:
            lines.append([("  ", ""), (clean_line(task_id), "muted")])
            continue
        appearance = appearance_of(other.state)
        lines.append(
            [
                (f"{appearance.sign} ", f"state:{other.state.value}"),
                (f"{clean_line(task_id)}  ", "text"),
                (state_word(other.state, other.reason_code), "muted"),
            ]
        )
    if len(task_ids) > most:
        lines.append([(f"  and {len(task_ids) - most:,} more", "faint")])
    return lines
