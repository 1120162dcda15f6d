"""The rows of sub-missions that are open in the list of steps."""

from collections.abc import Sequence

from core.domain.mission import Mission
from tests.support.tui import FakeWorld, mission_of, step
from tui.live.board import Board
from tui.live.steps.bucket import Bucket
from tui.live.steps.inner_boards import boards_of
from tui.live.steps.inner_missions import InnerMission
from tui.live.steps.inner_rows import Inside, ListRow, inner_holder_of, with_inner
from tui.live.steps.step_path import joined
from tui.live.steps.step_rows import Fold, step_rows


def an_inner(mission: Mission, *, is_plan: bool = False) -> InnerMission:
    if is_plan:
        return InnerMission(mission, title="the plan")
    world = FakeWorld()
    run = world.runs[world.launch(mission)]
    return InnerMission(mission, run.execution(), run.snapshot.tasks, title="run")


def shown(rows: Sequence[ListRow]) -> list[str]:
    return [
        f"{row.path}/{row.row or ''}".replace("\x1f", "/") if isinstance(row, Inside) else str(row)
        for row in rows
    ]


def test_the_rows_of_open_sub_missions_stand_below_their_steps_each_with_its_title() -> None:
    world = FakeWorld()
    parent = mission_of("m", step("a"), step("sub", step_type="mission"), step("z"))
    run = world.runs[world.launch(parent)]
    board = Board(run.execution(), run.snapshot.tasks.values())
    opened = {
        "sub": an_inner(mission_of("inner", step("one"), step("deep", step_type="group"))),
        joined("sub", "deep"): an_inner(mission_of("deepest", step("x")), is_plan=True),
    }
    boards = boards_of(opened)
    rows = list(with_inner(step_rows(board, set(), None), opened, boards, set(), None))
    assert shown(rows) == [
        "a",
        "sub",
        "sub/",
        "sub/one",
        "sub/deep",
        "sub/deep/",
        "sub/deep/x",
        "z",
    ]


def test_many_steps_of_a_sub_mission_fold_and_open_on_their_own() -> None:
    many = mission_of("inner", step("first"), *(step(f"s{n}", "first") for n in range(300)))
    opened = {"sub": an_inner(many)}
    boards = boards_of(opened)
    fold = Inside("sub", Fold(Bucket.PENDING))
    rows = list(with_inner(["sub"], opened, boards, set(), None))
    assert rows == ["sub", Inside("sub"), fold]
    # what the cursor is on has a row though its fold is closed, and its fold is what holds it
    inside = Inside("sub", "s7")
    rows = list(with_inner(["sub"], opened, boards, set(), inside))
    assert rows == ["sub", Inside("sub"), fold, inside]
    assert inner_holder_of(boards, inside, set()) == fold
    assert len(list(with_inner(["sub"], opened, boards, {fold}, None))) == 304
    assert inner_holder_of(boards, Inside("sub"), set()) is None


def test_a_board_is_kept_while_its_execution_has_the_same_steps() -> None:
    one = {"sub": an_inner(mission_of("inner", step("one")))}
    boards = boards_of(one)
    assert boards_of(one, boards)["sub"] is boards["sub"]
    other = {"sub": an_inner(mission_of("inner", step("other")))}
    assert boards_of(other, boards)["sub"] is not boards["sub"]
