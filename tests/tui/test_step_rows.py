"""The rows of the list of steps: by urgency, a fan-out in one, the same errors in one, folds."""

import random
from collections import Counter

from msgspec.structs import replace

from core.domain.events import StepExpanded
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import TaskState
from tests.support.tui import FakeWorld, mission_of, step
from tui.live.board import Board
from tui.live.steps.bucket import Bucket
from tui.live.steps.fan_out import without_item
from tui.live.steps.step_rows import MAX_UNFOLDED, Alike, Fold, Row, holder_of, step_rows
from tui.live.steps.usual_time import overdue_text


def fanned(*others: MissionStep, items: int = 40) -> tuple[FakeWorld, str]:
    """A run whose step `fan` has fanned out over hosts, and other steps."""
    world = FakeWorld()
    run = world.launch(mission_of("m", step("fan", foreach="x"), *others))
    world.task(run, "fan", TaskState.READY, Reason.DEPS_MET)
    hosts = tuple(f"host-{number:02}" for number in range(items))
    world.commit(StepExpanded(at=world.clock.now(), execution_id=run, task_id="fan", items=hosts))
    return world, run


def board_of(world: FakeWorld, run: str) -> Board:
    snapshot = world.runs[run].snapshot
    board = Board(snapshot.current, snapshot.tasks.values())
    board.learn(world.runs[run].mission)
    return board


def fail(world: FakeWorld, run: str, task_id: str, line: str) -> None:
    error = TaskError(message="exit code 3", kind="ExitCode", stack_trace=line, exit_code=3)
    world.run_step(run, task_id, exit_code=3, error=error)


def test_a_fan_out_is_one_row_with_its_failed_items_below_the_same_errors_in_one() -> None:
    world, run = fanned(step("after", "fan"))
    for number in range(8):
        fail(world, run, f"fan[{number}]", f"ConnectionError: host-{number:02} after {number}.5 s")
    fail(world, run, "fan[9]", "ValueError: no such column")
    world.begin(run, "fan[10]")
    board = board_of(world, run)
    key = "exit 3: ConnectionError: … after … s"
    alike = Alike("fan", key)
    assert step_rows(board, set(), None) == ["fan", alike, "fan[9]", "after"]
    same = [f"fan[{number}]" for number in range(8)]
    assert step_rows(board, {alike}, None) == ["fan", alike, *same, "fan[9]", "after"]
    group = board.fan_outs["fan"].same_failures(key)
    assert group is not None
    assert (group.text, len(group.task_ids)) == (key, 8)
    assert list(board.failures()) == [*same, "fan[9]"], "in the order of the list"
    assert step_rows(board, set(), "fan[3]") == ["fan", alike, "fan[3]", "fan[9]", "after"]
    assert step_rows(board, set(), "fan[10]") == ["fan", alike, "fan[9]", "fan[10]", "after"]
    pending = Fold(Bucket.PENDING, "fan")
    opened = step_rows(board, {"fan"}, "fan[39]")
    assert opened == ["fan", alike, "fan[9]", "fan[10]", pending, "fan[39]", "after"]
    assert holder_of(board, "fan[3]", set()) == alike
    assert holder_of(board, "fan[9]", set()) == "fan"
    assert holder_of(board, "fan[39]", {"fan"}) == pending
    assert holder_of(board, "after", set()) is None


def test_a_failed_item_that_is_tried_again_and_succeeds_leaves_nothing_behind() -> None:
    world, run = fanned()
    for number in range(4):
        fail(world, run, f"fan[{number}]", "ConnectionError: refused")
    board = board_of(world, run)
    for number in range(4):
        task = replace(board.tasks[f"fan[{number}]"], state=TaskState.SUCCESS)
        board.apply({task.task_id: task})
    assert board.failures() == []
    assert step_rows(board, set(), None) == ["fan"]
    assert board.fan_outs["fan"].counts[TaskState.SUCCESS] == 4
    assert board.row_bucket("fan") is Bucket.RUNNING


def test_the_most_urgent_comes_first_and_many_that_ask_for_nothing_are_folded() -> None:
    world = FakeWorld()
    steps = [step(name) for name in ("run", "again", "bad")]
    more = [step(f"s{number}") for number in range(2 * MAX_UNFOLDED + 2)]
    run = world.launch(mission_of("m", *steps, step("gate", step_type="approval"), *more))
    world.begin(run, "run")
    world.begin(run, "again")
    world.end(run, "again", exit_code=1, retry_in=60)
    world.run_step(run, "bad", exit_code=1)
    world.begin(run, "gate")
    world.task(run, "gate", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    for number in range(MAX_UNFOLDED):
        world.run_step(run, f"s{number}")
    few = [f"s{number}" for number in range(MAX_UNFOLDED)]
    top = ["gate", "bad", "run", "again", Fold(Bucket.PENDING)]
    assert step_rows(board_of(world, run), set(), None) == [*top, *few]
    world.run_step(run, f"s{MAX_UNFOLDED}")
    done = Fold(Bucket.DONE)
    assert step_rows(board_of(world, run), set(), "s3") == [*top, done, "s3"]


def test_a_fan_out_of_which_an_item_waits_for_a_person_comes_first() -> None:
    world, run = fanned(step("bad"))
    world.run_step(run, "bad", exit_code=1)
    world.begin(run, "fan[7]")
    world.task(run, "fan[7]", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    assert step_rows(board_of(world, run), set(), None) == ["fan", "fan[7]", "bad"]


def test_rows_stay_those_of_a_new_board_whatever_changes() -> None:
    world, run = fanned(*(step(f"s{number}") for number in range(30)), items=60)
    board, chance = board_of(world, run), random.Random(7)
    states = [TaskState.RUNNING, TaskState.SUCCESS, TaskState.FAILED, TaskState.PENDING]
    opened: set[Row] = {"fan", Fold(Bucket.DONE, "fan"), Fold(Bucket.PENDING)}
    for at_once in (1, 5, 80, 3):
        some = chance.sample(board.order, at_once)
        board.apply(
            {
                task_id: replace(
                    board.tasks[task_id],
                    state=chance.choice(states),
                    message=chance.choice(["refused", "no route", None]),
                )
                for task_id in some
            }
        )
        new = Board(board.execution, board.tasks.values())
        assert step_rows(board, opened, "fan[5]") == step_rows(new, opened, "fan[5]")
        assert Counter(board.fan_outs["fan"].counts) == Counter(new.fan_outs["fan"].counts)


def test_only_what_the_item_brings_into_an_error_is_left_out_of_it() -> None:
    assert (
        without_item("exit 3: HTTP 503 of db-1 in 2.5 s", "db-1") == "exit 3: HTTP 503 of … in … s"
    )
    assert without_item("py=3.11: no wheel", {"py": "3.11", "n": 1}) == "py=…: no wheel"
    assert without_item("db-10 refused", "db-1") == "db-10 refused", "another name"
    assert without_item("took 2.5 s, not 5", 5) == "took … s, not …"
    assert without_item("a_b b/b: b", "b/b") == "a_b …: b"
    assert without_item("pid 48213 at 0x7fa0 died", None) == "pid … at … died"


def test_a_running_step_tells_once_it_takes_longer_than_usual() -> None:
    world, run = fanned(step("build"))
    world.begin(run, "build")
    for number in range(5):
        world.begin(run, f"fan[{number}]")
        world.clock.forward(10)
        world.end(run, f"fan[{number}]")
    world.begin(run, "fan[9]")
    board = board_of(world, run)
    now = world.clock.at
    assert overdue_text(board, board.tasks["build"], now) == "", "it never ended before"
    board.usual_seconds = {"build": 20.0}
    assert overdue_text(board, board.tasks["build"], now) == "usually 20s, now 50s"
    board.usual_word = "last time"
    assert overdue_text(board, board.tasks["build"], now) == "last time 20s, now 50s"
    item = board.tasks["fan[9]"]
    assert overdue_text(board, item, now + 11 * 10**9) == ""
    assert overdue_text(board, item, now + 30 * 10**9) == "others 10s, now 30s"
    board.usual_seconds = {"build": 0.25}
    assert overdue_text(board, board.tasks["build"], now) == "last time 250ms, now 50s"
