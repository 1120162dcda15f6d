"""What the graph draws of a board: items on their step, and sub-missions between their steps."""

from core.domain.mission import Handlers, Mission
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from tests.support.tui import FakeWorld, mission_of, step
from tui.live.board import Board
from tui.live.steps.inner_missions import InnerMission
from tui.live.steps.step_path import joined
from tui.widgets.graph.board_model import board_model
from tui.widgets.graph.graph_model import GraphModel


def a_board(mission: Mission, *items: TaskRun) -> Board:
    world = FakeWorld()
    run = world.runs[world.launch(mission)]
    board = Board(run.execution(), [*run.snapshot.tasks.values(), *items])
    board.learn(mission)
    return board


def a_task(task_id: str, parent: str | None = None) -> TaskRun:
    return TaskRun(
        execution_id="e",
        task_id=task_id,
        position=100,
        state=TaskState.PENDING,
        reason_code=Reason.CREATED,
        updated_at=1,
        parent_task_id=parent,
        item="x" if parent else None,
    )


def edges(model: GraphModel) -> set[tuple[str, str]]:
    return {
        (model.ids[parent].replace("\x1f", "/"), model.ids[node].replace("\x1f", "/"))
        for node, row in enumerate(model.dag.upstream)
        for parent in row
    }


def test_items_hang_on_their_step_and_dependents_do_not_hang_on_items() -> None:
    board = a_board(
        mission_of("m", step("a"), step("each", "a", foreach=["x"]), step("z", "each")),
        a_task("each[0]", "each"),
    )
    model = board_model(board, board.order, board.tasks)
    assert edges(model) == {("a", "each"), ("each", "each[0]"), ("each", "z")}


def test_the_steps_of_an_open_sub_mission_stand_between_its_step_and_what_depends_on_it() -> None:
    inner = mission_of(
        "inner",
        step("first"),
        step("each", "first", foreach=["x"]),
        step("deep", "first", step_type="group"),
        handlers=Handlers(always=(step("undo", step_type="log"),)),
    )
    deepest = mission_of("deepest", step("one"))
    board = a_board(mission_of("m", step("sub", step_type="mission"), step("z", "sub")))
    opened = {
        "sub": InnerMission(
            inner,
            tasks={
                **{one: a_task(one) for one in ("first", "each", "deep", "undo")},
                "each[0]": a_task("each[0]", "each"),
            },
            title="inner#1",
        ),
        joined("sub", "deep"): InnerMission(deepest, title="a plan"),
    }
    model = board_model(board, board.order, board.tasks, opened)
    assert edges(model) == {
        ("sub", "sub/first"),
        ("sub/first", "sub/each"),
        ("sub/each", "sub/each[0]"),
        ("sub/first", "sub/deep"),
        ("sub/deep", "sub/deep/one"),
        ("sub/each", "z"),
        ("sub/deep/one", "z"),
        ("sub/each", "sub/undo"),
        ("sub/deep/one", "sub/undo"),
    }
    assert model.cluster_parents == [-1, 0]
    assert model.cluster_titles == ["inner#1", "a plan"]
    named = dict(zip(model.ids, model.names, strict=True))
    assert named["sub"] == "sub ▾"
    assert named[joined("sub", "deep")] == "deep ▾"
