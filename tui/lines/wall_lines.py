"""The wall view: a few large numbers, then what needs somebody and what runs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.domain.states import ExecutionState, is_terminal
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from tui.lines.home_row import GROUP_STYLES, told, word_of
from tui.look.styled_text import Line
from tui.search.home_page import GroupHead, HomePage, HomeRow, Row
from tui.words.numbers import elapsed, when
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line, cut, fit, fit_right

DIGIT_ROWS = 5
_DIGITS = {
    "0": ("███", "█ █", "█ █", "█ █", "███"),
    "1": (" █ ", "██ ", " █ ", " █ ", "███"),
    "2": ("███", "  █", "███", "█  ", "███"),
    "3": ("███", "  █", "███", "  █", "███"),
    "4": ("█ █", "█ █", "███", "  █", "  █"),
    "5": ("███", "█  ", "███", "  █", "███"),
    "6": ("███", "█  ", "███", "█ █", "███"),
    "7": ("███", "  █", "  █", "  █", "  █"),
    "8": ("███", "█ █", "███", "█ █", "███"),
    "9": ("███", "█ █", "███", "  █", "███"),
}
MIN_LARGE_ROWS = 18
"""The height of the window from which the numbers are drawn large."""
MAX_DIGITS = 5
"""A larger number is written small."""
MAX_NAME_CELLS = 32


@dataclass(frozen=True, slots=True)
class WallNumber:
    """One of the large numbers, with its label and its style."""

    value: int
    label: str
    style: str


def wall_numbers(page: HomePage, day: Mapping[ExecutionState, int]) -> list[WallNumber]:
    """Return the numbers; `day` counts by state the executions started in the last 24 hours."""
    failed = day.get(ExecutionState.FAILED, 0)
    return [
        WallNumber(page.needs, "waiting for you", "warn" if page.needs else "muted"),
        WallNumber(page.running, "running", "state:RUNNING" if page.running else "muted"),
        WallNumber(failed, "failed (24 h)", "state:FAILED" if failed else "muted"),
        WallNumber(day.get(ExecutionState.SUCCESS, 0), "done (24 h)", "state:SUCCESS"),
    ]


def wall_lines(
    page: HomePage,
    rows: Sequence[Row],
    day: Mapping[ExecutionState, int],
    *,
    width: int,
    height: int,
    actor: str,
    now: int,
) -> list[Line]:
    """Return the lines for a window: the numbers, then as many rows as there is room for.

    `rows` are those of the page, with a problem of the audit log if there is one.
    """
    lines = _numbers(wall_numbers(page, day), width, is_large=height >= MIN_LARGE_ROWS)
    lines.append([("", "")])
    names = max((width_of(_name(row)) for row in rows if isinstance(row, HomeRow)), default=0)
    if not page.needs and not page.running and not page.queued and not page.paused:
        lines.append([("Nothing needs anybody, and nothing runs.", "muted")])
    room = height - len(lines)
    for row in rows[: max(0, room)]:
        if isinstance(row, HomeRow):
            line = _row(row, min(names, MAX_NAME_CELLS), actor, now)
        elif isinstance(row, GroupHead):
            count = "" if row.count is None else f" {row.count:,}"
            line = [(f"{row.group.value.upper()}{count}", GROUP_STYLES[row.group])]
        else:
            line = [("✗ ", "bad"), (clean_line(row.text), "bad")]
        lines.append(cut_line(line, width))
    return lines


def cut_line(line: Line, width: int) -> Line:
    """Return a line cut to so many cells, so that it is not folded."""
    parts: list[tuple[str, str]] = []
    left = width
    for text, style in line:
        if left <= 0:
            break
        parts.append((cut(text, left), style))
        left -= width_of(parts[-1][0])
    return parts


def _numbers(numbers: Sequence[WallNumber], width: int, *, is_large: bool) -> list[Line]:
    cell = width // len(numbers)
    texts = [f"{one.value}" for one in numbers]
    is_large = is_large and all(len(text) <= MAX_DIGITS and 4 * len(text) <= cell for text in texts)
    lines: list[Line] = []
    if is_large:
        lines.append([("", "")])
        for row in range(DIGIT_ROWS):
            drawn = (" ".join(_DIGITS[digit][row] for digit in text) for text in texts)
            lines.append(
                [(fit(part, cell), one.style) for part, one in zip(drawn, numbers, strict=True)]
            )
        labels = [(fit(one.label, cell), one.style) for one in numbers]
    else:
        labels = [(f"{one.value:,} {one.label}   ", one.style) for one in numbers]
    return [*lines, cut_line(labels, width)]


def _row(row: HomeRow, names: int, actor: str, now: int) -> Line:
    execution = row.execution
    word, style = word_of(row)
    spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
    age = "" if spent is None else duration_text(spent)
    if is_terminal(execution.state):
        age = when(execution, now)
    return [
        (f"{fit(word, 9)} ", style),
        (fit(_name(row), names) + " ", "strong"),
        (fit_right(age, 8) + "  ", "muted"),
        *told(row, actor, now),
    ]


def _name(row: HomeRow) -> str:
    return clean_line(run_name(row.execution))
