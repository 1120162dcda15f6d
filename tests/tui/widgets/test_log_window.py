"""The rows of a window of log lines: a folded line, whole, and folded only where it is in sight."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.records import LogEntry, LogLevel, LogStream
from core.value.terminal_text import width_of
from core.value.timestamp import SECOND_NS
from tui.live.log.log_pages import Line, Page
from tui.live.log.log_search import LogSearch
from tui.live.log.log_window import GAP_SECONDS, MEASURED_CHARACTERS, LogWindow
from tui.look.theme import THEMES, styles_of
from tui.widgets.log.log_row import LogRows

ROOM = 9
HEIGHT = 5
WIDE = "漢字"
MESSAGES = st.lists(
    st.text(st.sampled_from("ab漢字é☁❤👩🚀 \t\x1b\u0301\u200d\ufe0f"), max_size=60), max_size=12
)
ROWS = LogRows(times=False, steps=False)
STYLES = styles_of(THEMES[0])


def line(number: int, message: str, *, at: int = 0) -> Line:
    """Return a line of output."""
    return number, LogEntry(
        execution_id="x",
        task_id="a",
        attempt=1,
        seq=number,
        timestamp=at,
        level=LogLevel.INFO,
        source="step",
        stream=LogStream.STDOUT,
        message=message,
    )


def drawn(window: LogWindow, row: int) -> str:
    """Return the text of a row as it is drawn, without the cells before it."""
    at, piece = window.place_of_row(row)
    if piece < 0:
        return ""
    spans = ROWS.spans(window.lines[at], piece, window.room, LogSearch(), STYLES)
    return "".join(text for text, _style in spans)[ROWS.lead :]


@settings(max_examples=50)
@given(MESSAGES, MESSAGES, st.data())
def test_the_rows_of_a_folded_line_are_the_line_and_none_is_too_wide(
    messages: list[str], earlier: list[str], data: st.DataObject
) -> None:
    """Wherever one scrolls, although rows are estimated until they are in sight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tui.live.log.log_window.MEASURED_CHARACTERS", 20)
        window = LogWindow(ROWS.text_of)
        window.fold_to(ROOM)
        window.replace([line(100 + n, m) for n, m in enumerate(messages)], before=True, after=True)
        window.put_before(Page([line(n, m) for n, m in enumerate(earlier)], False, True))
        gap = GAP_SECONDS * SECOND_NS
        window.append([line(200 + n, m, at=n * gap) for n, m in enumerate(messages)], trim=False)
    row = max(0, window.rows - 1)
    for _ in range(8):
        row = window.settle(row, HEIGHT)
        in_sight = window.place_of_row(row)
        sight = range(row, min(row + HEIGHT, window.rows))
        assert all(width_of(drawn(window, at)) <= ROOM for at in sight)
        up = data.draw(st.integers(-HEIGHT, min(row, HEIGHT - 1)))
        moved = window.settle(row - up, HEIGHT)
        if up >= 0:
            assert window.place_of_row(moved + up) == in_sight
        row = moved
    for index, (_chunk, entry) in enumerate(window.lines):
        window.settle_around(index, HEIGHT)
        first, end = window.row_of(index), window.row_of(index + 1)
        rows = [drawn(window, at) for at in range(first, end)]
        assert "".join(rows) == ROWS.text_of(entry)


def test_only_the_lines_in_sight_of_a_large_log_are_folded() -> None:
    asked: list[str] = []

    def text_of(entry: LogEntry) -> str:
        asked.append(entry.message)
        return entry.message

    window = LogWindow(text_of)
    long = WIDE * 10_000
    window.replace([line(n, long) for n in range(1_000)], before=False, after=False)
    assert asked == []
    window.fold_to(2 * ROOM)
    assert sum(map(len, asked)) <= MEASURED_CHARACTERS
    asked.clear()
    window.settle_around(999, HEIGHT)
    assert window.settle(window.rows - HEIGHT, HEIGHT) == window.rows - HEIGHT
    assert len(asked) <= 2
    assert window.rows == 1_000 * -(-len(long) // ROOM)
