"""The texts of home about missions and executions. Pure: computed from records."""

from collections.abc import Sequence

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import Coverage, ExecutionState
from core.value.duration import duration_text
from tui.lines.mission_plan import finding_line
from tui.lines.title_bars import Parts
from tui.live.backend import AppContext, MissionFile
from tui.look.styled_text import Line, Part
from tui.search.home_page import HomePage
from tui.words.numbers import sparkline
from tui.words.safe_text import clean_line

MAX_SHOWN_FINDINGS = 20


def home_parts(here: AppContext, page: HomePage | None, log: str = "") -> Parts:
    """Return the header: who needs somebody, what runs (None: not known yet), user, database.

    `log` says how far the audit log was verified, empty while that is not known.
    """
    live = 0 if page is None else page.running
    running = "loading …" if page is None else f"▶ {live:,} running" if live else "nothing running"
    left = [
        Part(" mission deck", style="strong"),
        Part("  "),
        Part(running, style="state:RUNNING" if live else "muted"),
    ]
    if page is not None and page.queued:
        left.append(Part(f"  {page.queued:,} queued", style="muted"))
    if page is not None and page.paused:
        left.append(Part(f"  ‖ {page.paused:,} paused", style="state:PAUSED"))
    if page is not None and page.needs:
        verb = "needs" if page.needs == 1 else "need"
        left.append(Part(f"  ! {page.needs:,} {verb} you", style="warn"))
    right = [
        Part(f"{log}  " if log else "", style="faint", rank=2),
        Part(f"{clean_line(here.actor)} ", style="muted", rank=1),
        Part(f" {clean_line(here.database)} ", style="faint", rank=3),
    ]
    return left, right


def count_note(page: HomePage) -> str:
    """Return how many executions are listed, and of how many if not all are."""
    if page.matched == page.total:
        of_all = "" if page.listed == page.total else f" of {page.total:,}"
        return f"{page.listed:,}{of_all}"
    if page.listed == page.matched:
        return f"{page.matched:,} of {page.total:,}"
    return f"{page.listed:,} of {page.matched:,} that match, {page.total:,} in all"


def pane_parts(
    number: int,
    panes: Sequence[str],
    note: str,
    filter_text: str,
    problems: Sequence[str],
    *,
    alone: bool,
) -> Parts:
    """Return the title of pane `number`; if it is `alone` on the screen, also that of the other.

    `filter_text` is the pane's filter, `problems` are those of its invalid terms.
    """
    pane, other = panes[number - 1], panes[2 - number]
    left = [
        Part(f" {number} ", style="accent", action=f"show_pane('{pane}')"),
        Part(pane.capitalize(), style="strong", action=f"show_pane('{pane}')"),
        Part(f" {note} ", style="muted"),
    ]
    if filter_text:
        left.append(Part(f" /{clean_line(filter_text)} ", style="accent"))
    if problems:
        left.append(Part(f" ? {clean_line('; '.join(problems))} ", style="warn"))
    right = [
        Part(f"{3 - number} ", style="accent", action=f"show_pane('{other}')"),
        Part(f"{other.capitalize()} ", style="muted", action=f"show_pane('{other}')"),
    ]
    return left, right if alone else []


def mission_lines(mission: MissionFile, history: Sequence[Execution] | None) -> list[Line]:
    """Return path, description, findings and parameters of a mission, and its history.

    `history` has its runs, newest first; None until they have been read.
    """
    lines: list[Line] = [[(clean_line(mission.path), "faint")]]
    if mission.description:
        lines.append([(clean_line(mission.description), "muted")])
    lines += map(finding_line, mission.findings[:MAX_SHOWN_FINDINGS])
    if len(mission.findings) > MAX_SHOWN_FINDINGS:
        more = counted(len(mission.findings) - MAX_SHOWN_FINDINGS, "more finding")
        lines.append([(f"… {more}", "faint")])
    if mission.params:
        names = ", ".join(clean_line(param.name) for param in mission.params)
        lines.append([("params ", "faint"), (names, "muted")])
    lines.append([("…", "faint")] if history is None else _history(history))
    return lines


def _history(runs: Sequence[Execution]) -> Line:
    past = [e for e in runs if e.ended_at is not None and e.started_at is not None]
    if not runs:
        return [("never run: press ", "muted"), ("n", "accent"), (" to launch it", "muted")]
    if not past:
        return [("its first run has not ended yet", "muted")]
    ended = [(e.duration_ms or 0.0) / 1000 for e in reversed(past)]
    good = sum(e.state is ExecutionState.SUCCESS and e.coverage is Coverage.FULL for e in past)
    summary = f"last {len(ended)}: {good} done, latest took {duration_text(ended[-1])}"
    return [(sparkline(ended) + " ", "accent"), (summary, "muted")]
