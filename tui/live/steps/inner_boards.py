"""Boards of the sub-missions that are open in place, kept up to date. Plain data, no I/O."""

from collections.abc import Mapping

from core.domain.mission import EMPTY
from core.domain.records import Execution
from tui.live.board import Board
from tui.live.steps.inner_missions import InnerMission


def boards_of(
    opened: Mapping[str, InnerMission], known: Mapping[str, Board] = EMPTY
) -> dict[str, Board]:
    """Return a board of each open sub-mission that has an execution, by path.

    A known board of the same execution takes what is newer; it is replaced when steps are gone.
    """
    return {
        path: _board_of(inner, inner.execution, known.get(path))
        for path, inner in opened.items()
        if inner.execution is not None
    }


def _board_of(inner: InnerMission, execution: Execution, known: Board | None) -> Board:
    board = known
    if (
        board is None
        or board.execution.execution_id != execution.execution_id
        or not board.tasks.keys() <= inner.tasks.keys()
    ):
        board = Board(execution, inner.tasks.values())
    else:
        board.execution = execution
        tasks = board.tasks
        changed = {one: task for one, task in inner.tasks.items() if tasks.get(one) is not task}
        if changed:
            board.apply(changed)
    if inner.mission is not None and board.mission is not inner.mission:
        board.learn(inner.mission)
    return board
