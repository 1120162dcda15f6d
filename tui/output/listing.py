"""The list of executions as a table."""

from collections.abc import Mapping, Sequence

from core.duration import duration_text
from core.model import Execution, duration_ms
from core.tally import tally_of_execution, tally_words
from tui.format import ago
from tui.output.glyph import Palette, look
from tui.output.table import Cell, Column, table
from tui.output.text import safe_line


def execution_table(
    executions: Sequence[Execution],
    short: Mapping[str, str],
    palette: Palette,
    *,
    now: int,
    width: int | None,
) -> list[str]:
    """Return the lines; ids as short as `short` says, nothing cut without `width`."""
    columns = (
        Column("EXEC"),
        Column("MISSION", shrink=True),
        Column("STATE"),
        Column("STEPS", shrink=True),
        Column("STARTED"),
        Column("TOOK", right=True),
        Column("WHY", shrink=True),
    )
    return table(
        columns,
        [
            (
                short.get(one.execution_id, one.execution_id),
                safe_line(one.mission_name),
                _state(one, palette),
                tally_words(tally_of_execution(one)),
                ago(one.created_at if one.started_at is None else one.started_at, now),
                _took(one, now),
                why_line(one),
            )
            for one in executions
        ],
        palette,
        width=width,
    )


def why_line(one: Execution) -> str:
    """Return reason and message of an execution's state as one line."""
    message = f": {safe_line(one.message)}" if one.message else ""
    return f"{one.reason_code.value}{message}"


def _state(one: Execution, palette: Palette) -> Cell:
    text, style = look(one.state, unicode=palette.unicode)
    if one.cancel_requested_at is not None and one.ended_at is None:
        text += " (cancelling)"
    return Cell(text, (style,))


def _took(one: Execution, now: int) -> str:
    spent = duration_ms(one.started_at, now if one.ended_at is None else one.ended_at)
    return "" if spent is None else duration_text(max(0.0, spent) / 1000)
