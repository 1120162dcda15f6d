"""The comparison of two executions in lines, for command line and screen."""

from collections.abc import Sequence

from core.domain.records import Execution
from core.domain.state_word import WORDS, counted
from core.domain.states import ExecutionState
from core.explain.change import CAUSES, Aspect, Change, change_text
from core.operations.history.comparison import Comparison
from core.value.duration import duration_text
from tui.words.numbers import ago
from tui.words.report.report_line import ReportLine, Tone, aligned
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

MAX_CHANGES = 40
MAX_DURATIONS = 20
MAX_LINES = 12
"""Lines of a log that are told one by one, of those gone and of those new."""
NO_CHANGE = "nothing that is recorded of what they were given differs"


def comparison_lines(found: Comparison, now: int) -> list[ReportLine]:
    """Return what differs, from what the executions were given to what they wrote."""
    lines = [ReportLine(_headline(found, now), Tone.TITLE)]
    given = _changes(found.of(*CAUSES)) + [ReportLine(clean_line(one)) for one in found.reasons]
    lines += _section("What they were given", given or [_muted(NO_CHANGE)])
    lines += _section("How they ended", _endings(found))
    lines += _section("How long it took", _durations(found))
    outputs = _changes(found.of(Aspect.OUTPUT))
    lines += _section("Outputs", outputs or [_muted("no output of a step differs")])
    return lines + _section(_log_title(found), _logs(found))


def _headline(found: Comparison, now: int) -> str:
    before, after = found.before, found.after
    text = f"{run_name(after)} ({_state(after)}) compared with {run_name(before)} ({_state(before)}"
    text += f", {ago(before.ended_at, now)})" if before.ended_at is not None else ")"
    return clean_line(text)


def _state(execution: Execution) -> str:
    return WORDS.get(execution.state.text, execution.state.value.lower())


def _section(title: str, lines: Sequence[ReportLine]) -> list[ReportLine]:
    inner = [ReportLine(f"  {line.text}", line.tone) for line in lines]
    return [ReportLine(), ReportLine(title, Tone.TITLE), *inner] if lines else []


def _muted(text: str) -> ReportLine:
    return ReportLine(text, Tone.MUTED)


def _changes(changes: Sequence[Change]) -> list[ReportLine]:
    lines = [ReportLine(_change(change)) for change in changes[:MAX_CHANGES]]
    if len(changes) > MAX_CHANGES:
        lines.append(_muted(f"and {counted(len(changes) - MAX_CHANGES, 'more change')}"))
    return lines


def _change(change: Change) -> str:
    step = "" if change.task_id is None else f"{change.task_id}: "
    return clean_line(f"{step}{change_text(change)}")


def _endings(found: Comparison) -> list[ReportLine]:
    """Return other outcomes: those that failed one by one, the rest by what became of them."""
    lines = []
    alike: dict[tuple[str, str], list[str]] = {}
    for change in found.of(Aspect.OUTCOME):
        before, after = _word(change.before), _word(change.after)
        is_failure = change.after == ExecutionState.FAILED.value
        if change.task_id is not None and not is_failure:
            alike.setdefault((before, after), []).append(change.task_id)
            continue
        name = "the whole run" if change.task_id is None else change.task_id
        good = change.after == ExecutionState.SUCCESS.value
        text = clean_line(f"{name}: {before} → {after}")
        lines.append(ReportLine(text, _tone(good=good, bad=is_failure)))
    for (before, after), steps in alike.items():
        lines += _named(f"{before} → {after}", steps, Tone.PLAIN)
    lines += _changes(found.of(Aspect.EXIT))
    new = [pair.task_id for pair in found.steps if pair.before is None]
    gone = [pair.task_id for pair in found.steps if pair.after is None]
    lines += _named("only in the later one", new, Tone.NEW)
    lines += _named("only in the earlier one", gone, Tone.GONE)
    return lines or [_muted("both ended the same, step by step")]


def _word(state: object) -> str:
    return WORDS.get(str(state), str(state))


def _tone(*, good: bool, bad: bool) -> Tone:
    return Tone.BAD if bad else Tone.GOOD if good else Tone.PLAIN


def _named(what: str, steps: Sequence[str], tone: Tone) -> list[ReportLine]:
    if not steps:
        return []
    named = ", ".join(steps[:MAX_LINES]) + (", …" if len(steps) > MAX_LINES else "")
    return [ReportLine(clean_line(f"{counted(len(steps), 'step')} {what}: {named}"), tone)]


def _durations(found: Comparison) -> list[ReportLine]:
    pairs = [
        (pair.task_id, before, after)
        for pair in found.steps
        for before, after in [pair.seconds]
        if before is not None and after is not None
    ]
    rows = []
    whole = found.before.duration_ms, found.after.duration_ms
    if whole[0] is not None and whole[1] is not None:
        rows.append(_duration_row("the whole run", whole[0] / 1000, whole[1] / 1000))
    notable = {change.task_id for change in found.of(Aspect.DURATION)}
    slower = sorted(
        (pair for pair in pairs if pair[0] in notable), key=lambda pair: -abs(pair[2] - pair[1])
    )
    rows += [_duration_row(*pair) for pair in slower[:MAX_DURATIONS]]
    lines = [ReportLine(text) for text in aligned(rows, right=(1, 3, 4))] if rows else []
    if len(slower) > MAX_DURATIONS:
        lines.append(_muted(f"and {counted(len(slower) - MAX_DURATIONS, 'more step')}"))
    if pairs and not slower:
        lines.append(_muted("no step took notably longer or shorter"))
    return lines


def _duration_row(name: str, before: float, after: float) -> list[str]:
    sign = "+" if after >= before else "-"
    change = f"{sign}{duration_text(abs(after - before))}"
    return [clean_line(name), duration_text(before), "→", duration_text(after), change]


def _log_title(found: Comparison) -> str:
    return f"Log lines that differ, of {counted(found.compared_logs, 'step')} compared"


def _logs(found: Comparison) -> list[ReportLine]:
    if not found.compared_logs:
        return []
    lines = []
    for task_id, differences in found.logs.items():
        lines.append(ReportLine(clean_line(task_id)))
        for mark, tone, texts in (
            ("-", Tone.GONE, differences.gone),
            ("+", Tone.NEW, differences.new),
        ):
            lines += [ReportLine(f"  {mark} {clean_line(one)}", tone) for one in texts[:MAX_LINES]]
            if len(texts) > MAX_LINES:
                more = counted(len(texts) - MAX_LINES, "more line")
                lines.append(ReportLine(f"  {mark} … {more}", Tone.MUTED))
    return lines or [_muted("none, numbers and ids in them aside")]
