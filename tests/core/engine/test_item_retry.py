"""Retrying items of fan-outs: within a live execution, and in one that is linked to it."""

from typing import Any

from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.planning.earlier_items import RetriedExecution, RetryScope
from core.ports.control import RequestKind
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan

BAD, OK = Act(exit_code=1), Act()


def fan(*values: Any, **fields: Any) -> MissionStep:
    return a_command("a", foreach=list(values), **fields)


def rig_of(acts: dict[str, Any], **config: Any) -> Rig:
    """Return a rig of a fan-out over x, y, z, with `hold` beside it and `b` behind it."""
    hold = a_command("hold")
    mission = a_plan(fan("x", "y", "z"), hold, a_command("b", "a"), fail_fast=False, **config)
    return Rig(mission, {"hold": Act(seconds=100), **acts})


def retry(task_id: str, **arguments: Any) -> Any:
    return lambda rig: rig.ask(RequestKind.RETRY, task_id, **arguments)


def states(rig: Rig) -> list[TaskState]:
    return [rig.state(f"a[{number}]") for number in range(3)]


def test_an_item_of_a_fan_out_that_has_ended_is_tried_again_alone() -> None:
    rig = rig_of({"a[1]": [BAD, OK], "a[2]": BAD})
    rig.run((5.0, retry("a[1]")))
    assert rig.started().count("a[0]") == rig.started().count("a[2]") == 1
    assert states(rig) == [TaskState.SUCCESS, TaskState.SUCCESS, TaskState.FAILED]
    assert rig.state("a") is TaskState.FAILED
    assert rig.snapshot.tasks["a[1]"].attempt == 2


def test_a_fan_out_that_failed_goes_on_with_its_failed_items() -> None:
    rig = rig_of({"a[1]": [BAD, OK], "a[2]": [BAD, OK]})
    ending = rig.run((5.0, retry("a", downstream=True)))
    assert ending.state is ExecutionState.SUCCESS
    assert sorted(rig.started()) == ["a[0]", "a[1]", "a[1]", "a[2]", "a[2]", "b", "hold"]
    assert len(rig.snapshot.tasks) == 6
    assert rig.snapshot.tasks["a"].message == "3 items"


def test_an_item_takes_what_is_behind_its_step_along() -> None:
    rig = rig_of({"a[1]": [BAD, OK]})
    ending = rig.run((5.0, retry("a[1]", downstream=True)))
    assert ending.state is ExecutionState.SUCCESS
    assert rig.started().count("b") == 1


def test_an_item_of_a_fan_out_under_way_is_waited_for() -> None:
    slow = {"a[0]": Act(seconds=20), "a[1]": [BAD, Act(seconds=40)], "a[2]": Act(seconds=20)}
    rig = rig_of(slow)
    ending = rig.run((5.0, retry("a[1]")))
    assert ending.state is ExecutionState.SUCCESS
    ended = rig.snapshot.tasks["a"].ended_at or 0
    assert ended >= (rig.snapshot.tasks["a[1]"].ended_at or ended + 1)


def test_a_cancel_before_a_retried_fan_out_goes_on_leaves_nothing_open() -> None:
    rig = rig_of({"a[1]": BAD})
    ending = rig.run(
        (5.0, lambda r: r.ask(RequestKind.PAUSE)),
        (6.0, retry("a[1]")),
        (7.0, lambda r: r.ask(RequestKind.CANCEL)),
    )
    assert ending.state is ExecutionState.CANCELLED
    assert {rig.state("a"), rig.state("a[1]")} <= {TaskState.CANCELLED, TaskState.SKIPPED}


def test_a_fan_out_is_not_counted_beside_its_failed_items() -> None:
    rig = Rig(a_plan(fan("x", "y", "z"), fail_fast=False), {"a[0]": BAD, "a[2]": BAD})
    assert rig.run().message == "`a[0]` x: exit 1 and 1 more"


# --- in a linked execution -----------------------------------------------------------------------


def linked(before: Snapshot, values: list[Any], scope: RetryScope, **acts: Any) -> Rig:
    rig = Rig(a_plan(fan(*values), fail_fast=False), acts)
    build = rig.build

    def with_earlier(journal: Any) -> Any:
        rig.snapshot.execution = replace(rig.snapshot.current, retry_scope=scope.to_json())
        rig.earlier = RetriedExecution(rig.snapshot, lambda: before)
        return build(journal)

    rig.build = with_earlier  # type: ignore[method-assign] # the rig makes its engine late
    return rig


def failed_before() -> Snapshot:
    rig = Rig(a_plan(fan("x", "y", "z"), fail_fast=False), {"a[1]": BAD})
    rig.run()
    return rig.snapshot


def test_a_linked_retry_finds_items_by_value_where_the_list_has_changed() -> None:
    rig = linked(failed_before(), ["new", "z", "y"], RetryScope())
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.started() == ["a[0]", "a[2]"]
    assert rig.reason("a[1]") is Reason.REUSED
    assert [rig.snapshot.tasks[f"a[{n}]"].attempt for n in range(3)] == [1, 0, 2]


def test_a_linked_retry_of_one_item_leaves_the_rest_alone() -> None:
    rig = linked(failed_before(), ["x", "y", "z"], RetryScope(items={"a": (0,)}))
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.started() == ["a[0]"]
    assert [rig.reason(f"a[{n}]") for n in range(3)] == [
        Reason.EXIT_ZERO, Reason.NOT_SELECTED, Reason.REUSED
    ]  # fmt: skip


def test_a_fan_out_whose_items_are_all_taken_over_ends_at_once() -> None:
    before = Rig(a_plan(fan("x", "y"), fail_fast=False))
    before.run()
    rig = linked(before.snapshot, ["y", "x"], RetryScope())
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.started() == []
    outputs = rig.snapshot.tasks["a"].outputs
    assert outputs is not None
    assert outputs["count"] == 2
