"""The bars of the execution screen, as parts."""

from collections.abc import Sequence
from typing import Protocol

from core.domain.breaker_state import BreakerState
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, LogStream
from core.domain.state_word import counted, state_word
from core.domain.states import Coverage, TaskState
from core.value.terminal_text import width_of
from tui.live.board import Board
from tui.look.styled_text import Part
from tui.words.numbers import percent, size
from tui.words.run_label import SUBSET, number_width, run_name
from tui.words.safe_text import clean_line, fit
from tui.words.state_bar import state_bar
from tui.words.state_counts import count_signs
from tui.words.state_glyphs import appearance_of, sign

MAX_SHOWN_ATTEMPTS = 6
"""How many attempts the title of the log shows: the latest, after an ellipsis."""

Parts = tuple[list[Part], list[Part]]


class ShownLog(Protocol):
    """The state of a log pane that its title shows."""

    following: bool
    wrapping: bool
    times: bool
    only_matches: bool
    dropped_bytes: int

    @property
    def streams(self) -> frozenset[LogStream]:
        """The streams shown; empty for all."""

    @property
    def search(self) -> str:
        """The search text, empty for none."""

    @property
    def match_count(self) -> str:
        """The number of the current match and of all matches."""

    @property
    def position(self) -> str:
        """The position of the last visible line."""


TABS = (
    ("list", "List"),
    ("graph", "Graph"),
    ("tree", "Tree"),
    ("gantt", "Gantt"),
    ("events", "Events"),
)

BAR_CELLS = 20
MAX_NAME_CELLS = 40
"""The maximum width of a mission's name in the header."""


def head_parts(
    board: Board,
    short: str,
    spent: str,
    eta: str,
    now: int,
    *,
    origin: str = "",
    standing: str = "",
) -> Parts:
    """Return the header: name, state and counts; right-aligned progress, estimate and slots.

    `eta` is the estimated time to the end, or what the run waits for; `origin` names the run that
    this one retries or reruns, `standing` is what stands still below it.
    """
    execution = board.execution
    word = state_word(execution.state, execution.reason_code)
    style = f"state:{execution.state.value}"
    name = clean_line(run_name(execution))
    number = name[len(name) - number_width(execution) :]
    name = name.removesuffix(number)
    if width_of(name) > MAX_NAME_CELLS:
        name = fit(name, MAX_NAME_CELLS).rstrip()
    left = [
        Part(" missions ▸", style="faint", action="home", rank=9),
        Part(f" {name}", style="strong"),
        Part(number, style="strong", rank=1),
        Part(f" ▸ {short}", style="faint", rank=7),
        Part(f"  {sign(execution.state)} {word}", style=style),
        Part(f" {SUBSET}" if execution.coverage is Coverage.SUBSET else "", style="warn"),
        Part(f" {spent} ", style="text", rank=1),
    ]
    if origin:
        left.append(Part(f" {origin} ", style="muted", rank=6))
    if board.is_live and execution.cancel_requested_at is not None:
        left.append(Part(" cancelling ", style="warn"))
    elif board.is_orphaned(now):
        left.append(Part(" no runner ", style="bad"))
    elif board.is_live and execution.reason_code is Reason.BREAKPOINT:
        told = clean_line(execution.message or "").removeprefix("paused ")
        left.append(Part(f" {told} ", style="warn", rank=1))
    elif board.is_live and execution.breaker is not BreakerState.CLOSED:
        left += _breaker_parts(execution)
    if standing and board.is_live:
        left.append(Part(f" {standing} ", style="warn", rank=1))
    tally = board.tally
    for state, text in count_signs(tally.steps):
        left.append(Part(f" {text}", style=f"state:{state}", rank=2))
    if tally.items:
        left.append(Part("  items", style="muted", rank=3))
        for state, text in count_signs(tally.items):
            left.append(Part(f" {text}", style=f"state:{state}", rank=3))
    right: list[Part] = []
    if board.is_live:  # for an ended run the counts say everything
        share = tally.share_done
        counts = {s: tally.steps.get(s, 0) + tally.items.get(s, 0) for s in TaskState}
        right = [Part(" ", rank=5)]
        for state, cells in state_bar(counts, BAR_CELLS):
            right.append(Part(cells, style=f"state:{state.value}", rank=5))
        right.append(Part(f" {percent(share)} ", style="text"))
    if eta:
        right.append(Part(f" {eta} ", style="muted", rank=4))
    if board.is_live and board.slot_limit is not None:
        right.append(Part(f" slots {tally.slots}/{board.slot_limit} ", style="muted", rank=7))
    if board.is_live and board.lease is not None and board.lease.workers:
        told = counted(len(board.lease.workers), "worker")
        right.append(Part(f" {told} ", style="muted", action="workers", rank=6))
    return left, right


def _breaker_parts(execution: Execution) -> list[Part]:
    if execution.breaker is BreakerState.HALF_OPEN:
        return [Part(" breaker half-open ", style="warn")]
    message = clean_line(execution.breaker_message or "")
    return [Part(" breaker open ", style="bad"), Part(f"{message} ", style="warn", rank=8)]


def tab_parts(
    current: str, filter_text: str, matched: int | None, problems: Sequence[str] = ()
) -> Parts:
    """Return the tabs, and right-aligned the filter with its matches and problems."""
    left: list[Part] = []
    for number, (tab, label) in enumerate(TABS, 1):
        action = f"tab('{tab}')"
        is_current = tab == current
        left.append(Part(f" {number}", style="accent" if is_current else "muted", action=action))
        left.append(Part(f" {label}", style="strong" if is_current else "muted", action=action))
        left.append(Part(" ", rank=9))
    right = []
    if filter_text:
        right = [
            Part(f" /{clean_line(filter_text)} ", style="accent"),
            Part(f"{matched or 0:,} match ", style="muted", rank=2),
        ]
    if problems:
        right.insert(1, Part(f"? {clean_line('; '.join(problems))} ", style="warn", rank=1))
    return left, right


def side_parts(tab: str, selected: str | None, filter_text: str) -> Parts:
    """Return the title of the side pane."""
    if tab == "list":
        name = "" if selected is None else clean_line(selected)
        hint = Part(" enter inspects ", style="faint", rank=1)
        return [Part(" Step ", style="muted"), Part(name, style="strong")], [hint]
    left = [Part(" Steps ", style="strong"), Part("by urgency ", style="muted", rank=1)]
    return left, [Part(f" /{clean_line(filter_text)} ", style="accent")] if filter_text else []


def log_title_parts(
    log: ShownLog,
    selected: str | None,
    attempts: Sequence[Attempt],
    shown: int,
    merged: bool,
    marks: int = 0,
) -> Parts:
    """Return the title of the log: step, attempts, switches; right-aligned search and position."""
    left = [Part(" Logs ", style="strong", action="logs")]
    if merged:
        steps = counted(marks, "marked step") if marks else "all steps"
        left.append(Part(f"{steps} ", style="text"))
    elif selected is not None:
        left.append(Part(clean_line(selected), style="text"))
        left += attempt_parts(attempts, shown)
    if log.dropped_bytes:
        text = f"  {size(log.dropped_bytes)} dropped "
        left.append(Part(text, style="warn", action="log('gap')", rank=1))
    named = [s.value for s in log.streams if s is not LogStream.SYSTEM]
    streams = f"{named[0]} only" if named else "out+err"  # what is hidden is said in any room
    style, rank = ("warn", 0) if named else ("muted", 5)
    left.append(Part("  "))
    left.append(Part(f" {streams} ", style=style, action="log('streams')", rank=rank))
    for name, on, rank in (
        ("follow", log.following, 2),
        ("wrap", log.wrapping, 3),
        ("times", log.times, 6),
    ):
        left.append(_switch(name, name, on, rank))
    right = []
    if log.search:
        right.append(Part(f" /{clean_line(log.search)} {log.match_count} ", style="accent"))
        right.append(_switch("only", "only matches", log.only_matches, rank=4))
    if log.position:
        right.append(Part(f" {log.position} ", style="muted", rank=3))
    return left, right


def _switch(name: str, label: str, on: bool, rank: int) -> Part:
    """Return a switch of the log, which a click turns."""
    text, style = f" {label} {'●' if on else '○'} ", "text" if on else "muted"
    return Part(text, style=style, action=f"log('{name}')", rank=rank)


def attempt_parts(attempts: Sequence[Attempt], shown: int) -> list[Part]:
    """Return the latest attempts as clickable parts, the one shown in brackets."""
    if not attempts:
        return []
    parts = [Part(" ▸ attempt", style="muted", rank=4)]
    if len(attempts) > MAX_SHOWN_ATTEMPTS:
        parts.append(Part(" …", style="muted"))
    for attempt in attempts[-MAX_SHOWN_ATTEMPTS:]:
        on = attempt.attempt == shown
        mark = f"{attempt.attempt}{appearance_of(attempt.state).sign}"
        parts.append(
            Part(
                f" [{mark}]" if on else f" {mark} ",
                style=f"state:{attempt.state.value}" if on else "muted",
                action=f"show_attempt({attempt.attempt})",
            )
        )
    return parts
