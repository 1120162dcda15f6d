"""The list of executions as a table."""

from collections.abc import Mapping, Sequence

from core.domain.records import Execution, duration_ms
from core.domain.states import Coverage
from core.domain.tally import tally_of_execution, tally_words
from core.value.duration import duration_text
from tui.output.ansi_colours import Palette, styled_state
from tui.output.table import Cell, Column, table
from tui.words.cause import cause_of
from tui.words.numbers import ago
from tui.words.run_label import SUBSET, number_width, run_name
from tui.words.safe_text import safe_line

_AMBER = "yellow"


def execution_table(
    executions: Sequence[Execution],
    short: Mapping[str, str],
    palette: Palette,
    *,
    parents: Mapping[str, str],
    children: Mapping[str, int],
    now: int,
    width: int | None,
) -> list[str]:
    """Return the table, ids abbreviated by `short`; without `width` nothing is cut.

    `parents` has the label of the execution that each sub-mission belongs to, `children` the number
    of sub-missions each execution ran, both by id of the one listed.
    """
    relations = [_relation(one, parents, children) for one in executions]
    is_titled, is_labelled = any(one.title for one in executions), any(map(labels_text, executions))
    columns = (
        Column("RUN", shrink=True),
        Column("ID", dispensable=True),
        Column("STATE"),
        Column("STEPS", shrink=True),
        Column("STARTED"),
        Column("TOOK", right=True),
        *((Column("SUB-MISSION", shrink=True),) if any(relations) else ()),
        *((Column("TITLE", yielding=True),) if is_titled else ()),
        *((Column("LABELS", yielding=True, dispensable=True),) if is_labelled else ()),
        Column("WHY", shrink=True),
    )
    return table(
        columns,
        [
            (
                Cell(safe_line(run_name(one)), tail=number_width(one)),
                short.get(one.execution_id, one.execution_id),
                _state(one, palette),
                tally_words(tally_of_execution(one)),
                ago(one.created_at if one.started_at is None else one.started_at, now),
                _took(one, now),
                *((related,) if any(relations) else ()),
                *((safe_line(one.title or ""),) if is_titled else ()),
                *((labels_text(one),) if is_labelled else ()),
                why_line(one),
            )
            for one, related in zip(executions, relations, strict=True)
        ],
        palette,
        width=width,
    )


def _relation(one: Execution, parents: Mapping[str, str], children: Mapping[str, int]) -> str:
    count = children.get(one.execution_id, 0)
    parent = parents.get(one.execution_id)
    parts = (None if parent is None else f"of {parent}", f"ran {count}" if count else None)
    return ", ".join(part for part in parts if part)


def why_line(one: Execution) -> str:
    """Return why an execution is in its state as one line, the code last."""
    return safe_line(str(cause_of(one.reason_code.value, one.message)))


def labels_text(one: Execution) -> str:
    """Return the labels of an execution as one line: `team=data tier=gold`, empty without any."""
    return safe_line(" ".join(f"{name}={value}" for name, value in (one.labels or {}).items()))


def _state(one: Execution, palette: Palette) -> Cell:
    text, style = styled_state(one.state, one.reason_code, unicode=palette.unicode)
    if one.cancel_requested_at is not None and one.ended_at is None:
        text += " (cancelling)"
    if one.coverage is Coverage.SUBSET:
        return Cell(f"{text} {SUBSET}", (_AMBER,))
    return Cell(text, (style,))


def _took(one: Execution, now: int) -> str:
    spent = one.duration_ms if one.ended_at is not None else duration_ms(one.started_at, now)
    return "" if spent is None else duration_text(max(0.0, spent) / 1000)
