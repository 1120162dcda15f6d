"""The artifacts of an execution as a table and as JSON data."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.mission import EMPTY
from core.output.kept_artifacts import Artifact
from tui.output.ansi_colours import Palette
from tui.output.table import Column, table
from tui.words.numbers import size
from tui.words.safe_text import safe_line

_DIGITS = 12
"""How much of a digest the table shows."""


def artifact_json(one: Artifact) -> dict[str, Any]:
    """Return one artifact as JSON data."""
    return {
        "execution_id": one.execution_id,
        "step_id": one.task_id,
        "attempt": one.attempt,
        "path": one.path,
        "bytes": one.bytes,
        "sha256": one.sha256,
    }


def artifact_table(
    artifacts: Sequence[Artifact],
    palette: Palette,
    width: int | None,
    *,
    origins: Mapping[str, str] = EMPTY,
) -> list[str]:
    """Return the lines of the table.

    `origins` names the other executions whose files are among these; then a column says which.
    """
    columns = (
        Column("STEP", shrink=True),
        Column("TRY", right=True),
        Column("PATH", shrink=True),
        Column("SIZE", right=True),
        Column("SHA256"),
        *([Column("FROM", shrink=True)] if origins else []),
    )
    rows = [
        (
            safe_line(one.task_id),
            str(one.attempt),
            safe_line(one.path),
            size(one.bytes),
            one.sha256[:_DIGITS],
            *([safe_line(origins.get(one.execution_id, ""))] if origins else []),
        )
        for one in artifacts
    ]
    return table(columns, rows, palette, width=width)
