"""Every attempt of a step with what it left, and the error of one."""

from collections.abc import Mapping, Sequence

from core.domain.process_policy import Leftovers
from core.domain.records import Attempt, TaskError
from core.domain.secret_use import NO_SECRETS, SecretUse
from core.domain.state_word import counted
from core.explain.process_text import census_text
from core.explain.secret_text import secret_text
from core.output.log_digest import FORM_2
from core.value.duration import duration_text
from tui.lines.step.line_parts import MAX_VALUE_LINES, field
from tui.look.styled_text import Line
from tui.words.numbers import elapsed, moment, size
from tui.words.placement_text import placement_text
from tui.words.resource_text import resources_text
from tui.words.safe_text import clean_line, clean_lines
from tui.words.state_glyphs import appearance_of


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
        lines += [[("", "")], *trace_lines(error, max_lines)]
    return lines


def trace_lines(error: TaskError, most: int) -> list[Line]:
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
