"""The history of a mission or of one of its steps in lines, for command line and screen."""

from collections.abc import Sequence

from core.domain.state_word import counted
from core.explain.run_history import (
    FAILED,
    SUCCESS,
    HistorySummary,
    RunOutcome,
    changed_since,
    summary_of,
)
from core.value.duration import duration_text
from tui.words.numbers import ago, sparkline
from tui.words.report.report_line import ReportLine, RunPlace, Tone, aligned
from tui.words.safe_text import clean_line, cut
from tui.words.state_glyphs import APPEARANCES

MAX_CHANGED_CELLS = 30
HEAD = ("run", "", "state", "started", "took", "tries", "changed")


def history_lines(name: str, runs: Sequence[RunOutcome], now: int) -> list[ReportLine]:
    """Return a summary and one line a run, the newest first; `runs` are in that order."""
    lines = [ReportLine(clean_line(name), Tone.TITLE)]
    if not runs:
        return [*lines, ReportLine("it has not run in any recorded run", Tone.MUTED)]
    summary = summary_of(runs)
    lines += [ReportLine(f"  {text}") for text in summary_texts(summary)]
    took = [run.seconds for run in reversed(runs) if run.seconds is not None]
    if len(took) > 1:
        lines.append(ReportLine(f"  durations, oldest first: {sparkline(took)}", Tone.MUTED))
    earlier = [*runs[1:], None]
    rows = [list(HEAD)]
    rows += [_row(run, before, now) for run, before in zip(runs, earlier, strict=True)]
    head, *texts = aligned(rows, right=(4, 5))
    lines += [ReportLine(), ReportLine(head, Tone.MUTED)]
    tones = {SUCCESS: Tone.GOOD, FAILED: Tone.BAD}
    return lines + [
        ReportLine(text, tones.get(run.state, Tone.PLAIN), RunPlace(run.execution_id, run.task_id))
        for text, run in zip(texts, runs, strict=True)
    ]


def summary_texts(summary: HistorySummary) -> list[str]:
    """Return how often it succeeds, how long that takes, and how flaky it is."""
    decided = summary.succeeded + summary.failed
    texts = [f"succeeded in {summary.succeeded} of {counted(decided, 'decided run')}"]
    if summary.median_seconds is not None and summary.longest_seconds is not None:
        usual, longest = summary.median_seconds, summary.longest_seconds
        texts.append(
            f"a success takes {duration_text(usual)} (median), {duration_text(longest)} at most"
        )
    if summary.retried:
        texts.append(f"{counted(summary.retried, 'success', 'successes')} took more than one try")
    if summary.flakiness is None:
        texts.append("flakiness unknown: no two runs in a row had the same file and parameters")
    else:
        share = f"{summary.flips} of {counted(summary.comparable, 'repetition')}"
        if summary.flips:
            texts.append(f"flaky: with the same file and parameters {share} ended otherwise")
        else:
            same = counted(summary.comparable, "repetition")
            texts.append(f"not flaky: {same} with the same file and parameters ended the same")
    return texts


def _row(run: RunOutcome, before: RunOutcome | None, now: int) -> list[str]:
    appearance = APPEARANCES[run.state]
    changed = ", ".join([] if before is None else changed_since(run, before))
    return [
        clean_line(run.reference),
        appearance.sign,
        appearance.word,
        "" if run.started_at is None else ago(run.started_at, now),
        "" if run.seconds is None else duration_text(run.seconds),
        str(run.attempts),
        cut(clean_line(changed), MAX_CHANGED_CELLS),
    ]
