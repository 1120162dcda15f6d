"""The details of a step as lines for a `TextView`: overview, error, attempts, history.

Pure: computed from records. All untrusted text is made safe here.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from core.domain.mission import MissionStep
from core.domain.process_policy import Leftovers
from core.domain.reasons import Reason
from core.domain.records import Attempt, EntityKind, StateChange, TaskError, TaskRun
from core.domain.secret_use import NO_SECRETS, SecretUse
from core.domain.state_word import counted, state_word
from core.domain.states import TaskState, is_terminal
from core.explain.execution_facts import ExecutionFacts
from core.explain.process_text import census_text
from core.explain.secret_text import secret_text
from core.explain.why import explain
from core.output.log_digest import FORM_2
from core.planning.cancel_scope import awaits_person
from core.ports.executor import JobUsage
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS
from tui.lines.inspector.step_shape import shape_of
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.live.steps.stopping import stopping_of
from tui.look.styled_text import Line
from tui.words.cause import UNREMARKABLE, cause_of_task
from tui.words.numbers import elapsed, moment, size, time_of_day
from tui.words.placement_text import placement_text
from tui.words.resource_text import resources_text, usage_text
from tui.words.safe_text import clean_line, clean_lines
from tui.words.state_glyphs import APPEARANCES, appearance_of

MAX_VALUE_LINES = 4000
"""How many lines of one value are shown; the rest is counted. Files get the whole value."""


def heading(text: str) -> Line:
    """Return the heading of a block of lines."""
    return [(text, "accent")]


def field(name: str, value: str, style: str = "text") -> Line:
    """Return a line with a name and a value."""
    return [(f"{name:<12}", "faint"), (value, style)]


def state_line(task: TaskRun) -> Line:
    """Return state and reason code of a task run, without a code that tells nothing."""
    code = "" if task.reason_code in UNREMARKABLE else f"  {task.reason_code.value}"
    word = state_word(task.state, task.reason_code)
    state = (f"{appearance_of(task.state).sign} {word}", f"state:{task.state.value}")
    return [state, (code, "faint")] if code else [state]


def execution_facts(board: Board, records: StepRecords, now: int) -> ExecutionFacts:
    """Return the records that the state of a step is explained from."""
    task = records.task
    return ExecutionFacts(
        execution=board.execution,
        tasks={**board.tasks, task.task_id: task},
        now=now,
        mission=board.mission,
        attempts={task.task_id: records.attempts},
        is_owned=not board.is_orphaned(now),
    )


def why_lines(board: Board, records: StepRecords, now: int) -> list[Line]:
    """Return the chain of causes behind a step's state."""
    causes = explain(records.task.task_id, execution_facts(board, records, now))
    return [
        [("  " * min(depth, 6) + ("└ " if depth else ""), "faint"), (clean_line(cause), "text")]
        for depth, cause in enumerate(causes)
    ]


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
        lines += [[("", "")], *_trace_lines(task.error, 8)]
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


def error_lines(error: TaskError, *, max_lines: int = MAX_VALUE_LINES) -> list[Line]:
    """Return message, kind and exit code, then the stack trace or the last lines of stderr."""
    message = clean_lines(error.message)
    lines: list[Line] = [[(text, "bad")] for text in message[:max_lines]]
    if len(message) > max_lines:
        lines.append([(f"… {counted(len(message) - max_lines, 'more line')}", "faint")])
    summary = clean_line(error.kind)
    if error.exit_code is not None:
        summary += (
            f" · exit {error.exit_code}"
            if error.exit_code >= 0
            else f" · signal {-error.exit_code}"
        )
    lines.append([(summary, "muted")])
    if error.stack_trace.strip():
        lines += [[("", "")], *_trace_lines(error, max_lines)]
    return lines


def _trace_lines(error: TaskError, most: int) -> list[Line]:
    """Return the end of the stack trace or of stderr."""
    trace = clean_lines(error.stack_trace.rstrip())
    lines: list[Line] = []
    if len(trace) > most:
        lines.append([(f"… {counted(len(trace) - most, 'line')} before", "faint")])
    return lines + [[("│ ", "faint"), (text, "text")] for text in trace[-most:]]


def attempt_lines(
    attempts: Sequence[Attempt],
    now: int,
    leftovers: Leftovers | None = None,
    secrets: Mapping[int, SecretUse] = NO_SECRETS,
) -> list[Line]:
    """Return every attempt with its outcome, times, output, error, usage and leftover processes.

    `leftovers` says what becomes of processes that it leaves; None if that is not known. `secrets`
    says what each did with secrets.
    """
    if not attempts:
        return [[("No attempt yet", "muted")]]
    lines: list[Line] = []
    for attempt in attempts:
        appearance = appearance_of(attempt.state)
        spent = elapsed(attempt.started_at, attempt.ended_at, now, attempt.duration_us) or 0.0
        exit_code = "" if attempt.exit_code is None else f"  exit {attempt.exit_code}"
        lines.append(
            [
                (
                    f"{appearance.sign} attempt {attempt.attempt}  {appearance.word:<10}",
                    f"state:{attempt.state.value}",
                ),
                (f"{attempt.reason_code.value}{exit_code}", "text"),
            ]
        )
        lines.append(
            field(
                "  started", f"{moment(attempt.started_at)}, took {duration_text(spent)}", "muted"
            )
        )
        output = f"{counted(attempt.log_entry_count, 'line')}, {size(attempt.log_bytes)}"
        if attempt.log_dropped_bytes:
            output += f", {size(attempt.log_dropped_bytes)} dropped"
        lines.append(field("  output", output, "muted"))
        if attempt.log_digest:
            digest = attempt.log_digest.removeprefix(FORM_2)
            lines.append(field("  digest", f"sha256 {digest[:16]}…", "muted"))
        used = resources_text(attempt.resources)
        if used:
            lines.append(field("  used", used, "muted"))
        if where := placement_text(attempt.placement):
            lines.append(field("  ran", where, "muted"))
        for path, facts in (attempt.artifacts or {}).items():
            told = f"{clean_line(path)}, {size(int(facts['bytes']))}"
            lines.append(
                field("  artifact", f"{told}, sha256 {str(facts['sha256'])[:16]}…", "muted")
            )
        census = census_text(attempt.census, leftovers)
        if census is not None:
            lines.append(field("  processes", clean_line(census)))
        with_secrets = secret_text(secrets.get(attempt.attempt))
        if with_secrets is not None:
            lines.append(field("  secrets", clean_line(with_secrets)))
        if attempt.message:
            lines.append(field("  message", clean_line(attempt.message)))
        error = attempt.error
        if error is not None and (error.stack_trace.strip() or error.message != attempt.message):
            lines.extend([("  ", ""), *line] for line in error_lines(error, max_lines=12))
        lines.append([("", "")])
    return lines


def history_lines(changes: Sequence[StateChange]) -> list[Line]:
    """Return every state change: when, what, why, by whom, and its number in the audit log."""
    if not changes:
        return [[("Nothing has happened yet", "muted")]]
    lines: list[Line] = []
    for change in changes:
        what = f"attempt {change.attempt}" if change.entity is EntityKind.ATTEMPT else "step"
        if change.entity is EntityKind.EXECUTION:
            what = "execution"
        before = APPEARANCES[change.from_state].word if change.from_state else "—"
        after = APPEARANCES[change.to_state].word
        sign = APPEARANCES[change.to_state].sign
        why = change.reason_code + (f"  {clean_line(change.message)}" if change.message else "")
        by = "" if change.actor == "engine" else f"  by {clean_line(change.actor)}"
        lines.append(
            [
                (f"{time_of_day(change.at)}  ", "muted"),
                (f"{what:<10}", "faint"),
                (f"{before:>9} → ", "muted"),
                (f"{sign} {after:<10}", f"state:{change.to_state}"),
                (f"#{change.seq:<7}", "faint"),
                (why + by, "text"),
            ]
        )
    return lines


def ending_of(attempt: Attempt | None, board: Board) -> str:
    """Return the line after the output of an ended attempt, which says how it ended."""
    if attempt is None or attempt.ended_at is None:
        return ""
    parts = []
    if attempt.exit_code is not None:
        code = attempt.exit_code
        parts.append(f"exit {code}" if code >= 0 else f"signal {-code}")
    parts.append(attempt.reason_code.value)
    task = board.tasks.get(attempt.task_id)
    if task is not None and task.attempt == attempt.attempt:
        limit = board.max_attempts(attempt.task_id)
        if task.reason_code is Reason.RETRIES_EXHAUSTED:
            parts.append(f"retries exhausted ({attempt.attempt}/{max(limit, attempt.attempt)})")
        elif task.state is TaskState.WAITING:
            parts.append("will be retried")
    spent = elapsed(attempt.started_at, attempt.ended_at, attempt.ended_at, attempt.duration_us)
    if spent is not None:
        parts.append(duration_text(spent))
    return f"── {' · '.join(parts)} ──"


def no_output_text(board: Board, task_id: str) -> str:
    """Return why a step without an attempt has no output."""
    task = board.tasks[task_id]
    items = any(one.parent_task_id == task_id for one in board.tasks.values())
    if items or task.reason_code is Reason.EXPANDED:
        return "It fanned out: each of its items has its own output; L shows all logs as one"
    if is_terminal(task.state):
        return f"{appearance_of(task.state).word} without an attempt: there is no output"
    return "It has not started: no output yet"
