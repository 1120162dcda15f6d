"""The board of an execution: order of attention, failures, neighbours, and the filter over it."""

import random

import pytest
from msgspec.structs import replace

from core.domain.mission import RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeWorld, busy_world, mission_of, nightly, step
from tui.lines.mission_source import step_range
from tui.live.board import Board
from tui.live.steps.bucket import Bucket, bucket_of
from tui.search.step_filter import parse_filter


def board_of(world: FakeWorld, run: str) -> Board:
    snapshot = world.runs[run].snapshot
    board = Board(snapshot.current, snapshot.tasks.values())
    board.learn(world.runs[run].mission)
    board.lease, board.lease_known = world.runs[run].lease, True
    return board


def test_failures_come_first_and_what_is_done_last() -> None:
    world, run = busy_world()
    board = board_of(world, run)
    order = [task for bucket in Bucket for task in board.members(bucket)]
    assert order[:2] == ["promote-7", "fetch-12"]
    assert order[2:11] == [*(f"load-{n}" for n in range(1, 9)), "publish"]
    assert sorted(order) == sorted(board.order)


def test_buckets_follow_every_change() -> None:
    world, run = busy_world()
    board = board_of(world, run)
    world.begin(run, "fetch-12")
    moved = board.apply({"fetch-12": world.runs[run].snapshot.tasks["fetch-12"]})
    assert moved
    assert board.members(Bucket.RETRYING) == []
    assert board.members(Bucket.RUNNING) == ["fetch-12"]
    assert board.tally.steps[TaskState.RUNNING] == board.tally.slots == 1
    assert not board.apply({"fetch-12": world.runs[run].snapshot.tasks["fetch-12"]})


def test_attention_goes_to_the_failure_that_came_first_and_was_not_tolerated() -> None:
    world = FakeWorld()
    mission = mission_of(
        "m", step("c"), step("b"), step("tolerated", continue_on_error=True), step("d")
    )
    run = world.launch(mission)
    world.run_step(run, "tolerated", exit_code=1)
    world.run_step(run, "b", exit_code=1)
    world.run_step(run, "c", exit_code=1)
    board = board_of(world, run)
    assert board.failures() == ["c", "b", "tolerated"], "the order of the list"
    assert board.attention() == "b"


def test_downstream_is_everything_behind_in_file_order() -> None:
    world, run = busy_world()
    board = board_of(world, run)
    assert board.downstream(["promote-7"]) == [*(f"load-{n}" for n in range(1, 9)), "publish"]
    assert board.downstream(["publish"]) == []


def test_a_fan_out_item_that_appears_later_joins_the_board() -> None:
    world, run = busy_world()
    board = board_of(world, run)
    item = TaskRun(
        execution_id=run,
        task_id="load-1[0]",
        position=99,
        state=TaskState.RUNNING,
        reason_code=Reason.SLOT_ACQUIRED,
        updated_at=1,
        parent_task_id="load-1",
    )
    assert board.apply({item.task_id: item})
    assert board.members(Bucket.RUNNING) == ["load-1[0]"]
    assert board.tally.items == {TaskState.RUNNING: 1}
    assert board.tally.share_done < 1


def test_an_execution_is_orphaned_when_its_lease_is_gone_or_over() -> None:
    world, run = busy_world()
    board = board_of(world, run)
    assert not board.is_orphaned(world.clock.now())
    assert board.is_orphaned(world.clock.now() + 2 * 3600 * 10**9)
    board.lease = None
    assert board.is_orphaned(world.clock.now())
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    board.execution = world.runs[run].snapshot.current
    assert not board.is_orphaned(world.clock.now())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state:failed", ["promote-7"]),
        ("state:failed,retrying", ["promote-7", "fetch-12"]),
        ("state:done join", ["join-1", "join-2"]),
        ("-state:done -state:pending", ["promote-7", "fetch-12"]),
        ("try>1", ["promote-7"]),
        ("dur>24s state:done", ["join-2"]),
        ("dur<=3.2s clean-a", ["clean-a"]),
        ("reason:backoff", ["fetch-12"]),
        ("type:nothing", []),
        ("part id:clean-a", ["clean-a"]),
        ("publish", ["publish"]),
    ],
)
def test_filters_select_by_state_duration_attempt_and_words(text: str, found: list[str]) -> None:
    world, run = busy_world()
    board = board_of(world, run)
    assert board.matching(parse_filter(text), world.clock.at) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state:bogus", "bogus is none of needs-you, failed, running, retrying"),
        ("-state:bogus publish", "bogus is none of"),
        ("dur>", "dur> needs a number, as in dur>30s"),
        ("dur>soon", "dur> needs a number"),
        ("size>3", "size> is not known here; known are dur> try>"),
        ("tag:db", "tag: is not known here; known are state: reason: type: id:"),
        ("state:", "state: needs a value"),
        ("reason:nonsense", "nonsense is in no reason code"),
    ],
)
def test_what_a_filter_does_not_understand_is_said_and_narrows_nothing(
    text: str, problem: str
) -> None:
    world, run = busy_world()
    board = board_of(world, run)
    condition = parse_filter(text)
    (said,) = condition.problems
    assert problem in said
    rest = [word for word in text.split() if word == "publish"]
    assert board.matching(condition, world.clock.at) == (
        rest or board.matching(parse_filter(""), 0)
    )


@pytest.mark.parametrize("text", ["12:30", "http://host/x", "é:1", "-", "!"])
def test_a_word_with_a_colon_that_is_no_field_is_looked_for(text: str) -> None:
    assert parse_filter(text).problems == ()


def test_the_retry_limit_is_the_steps_own_or_the_missions() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("a", retry=RetryPolicy(max_attempts=5)), step("b"))
    board = board_of(world, world.launch(mission))
    assert (board.max_attempts("a"), board.max_attempts("b")) == (5, 1)


def test_a_steps_lines_are_found_in_the_file() -> None:
    rows = [
        "name: x",
        "steps:",
        "  - id: a",
        "    step_type: noop",
        "",
        "  - step_type: command # id: fake",
        '    id: "b.1"  # the second',
        "    parameters:",
        "      args: [1]",
        "  - {id: c, step_type: noop}",
    ]
    assert step_range(rows, "a") == (2, 4)
    assert step_range(rows, "b.1") == (5, 9)
    assert step_range(rows, "c") == (9, 10)
    assert step_range(rows, "nope") == (-1, -1)
    assert nightly().name == "nightly-etl"


@pytest.mark.parametrize("at_once", [1, 7, 400])
def test_members_are_in_file_order_however_many_change_at_once(at_once: int) -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", *(step(f"s{n}") for n in range(600))))
    board = board_of(world, run)
    chance = random.Random(at_once)
    for _ in range(6):
        some = chance.sample(board.order, at_once)
        changed = {}
        for task_id in some:
            state = chance.choice([TaskState.RUNNING, TaskState.SUCCESS, TaskState.READY])
            changed[task_id] = replace(board.tasks[task_id], state=state)
        board.apply(changed)
        for bucket in Bucket:
            wanted = [name for name in board.order if bucket_of(board.tasks[name]) is bucket]
            assert list(board.members(bucket)) == wanted
            assert board.size_of(bucket) == len(wanted)
