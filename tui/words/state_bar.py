"""A bar by state: how many of its cells each state gets."""

from collections.abc import Mapping

from core.domain.states import TaskState

CELL, EMPTY_CELL = "━", "─"
ASCII_CELL, ASCII_EMPTY_CELL = "=", "-"
_NOT_BEGUN = (TaskState.READY, TaskState.PENDING)
_ORDER = (
    TaskState.SUCCESS,
    TaskState.FAILED,
    TaskState.CANCELLED,
    TaskState.SKIPPED,
    TaskState.RUNNING,
    TaskState.WAITING,
    *_NOT_BEGUN,
)
"""What has ended first, what has not begun last, so that the bar grows to the right."""


def state_bar(
    counts: Mapping[TaskState, int], width: int, *, ascii_only: bool = False
) -> list[tuple[TaskState, str]]:
    """Return a bar of `width` cells as runs of one state each; what has not begun is thin.

    Each state gets at least one cell while there are enough, so that one failure of 10,000 shows.
    """
    present = [state for state in _ORDER if counts.get(state, 0)]
    total = sum(counts[state] for state in present)
    if not total or width < 1:
        return []
    if len(present) > width:
        kept = sorted(present, key=lambda state: -counts[state])[:width]
        present = [state for state in present if state in kept]
        total = sum(counts[state] for state in present)
    spare = width - len(present)
    shares = {state: spare * counts[state] / total for state in present}
    cells = {state: 1 + int(share) for state, share in shares.items()}
    by_rest = sorted(present, key=lambda state: int(shares[state]) - shares[state])
    for state in by_rest[: width - sum(cells.values())]:
        cells[state] += 1
    full, empty = (ASCII_CELL, ASCII_EMPTY_CELL) if ascii_only else (CELL, EMPTY_CELL)
    return [(s, (empty if s in _NOT_BEGUN else full) * cells[s]) for s in present]
