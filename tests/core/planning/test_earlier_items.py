"""What a retry takes over of fan-outs: items are told by their value."""

from typing import Any

from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.planning.earlier_items import ItemFate, RetriedExecution, RetryScope, match_items
from tests.support.story import Story


def items(step: str, *values: Any, states: str = "") -> list[TaskRun]:
    """Return items of a step; a letter of `states` for each: S(uccess), F(ailed), else PENDING."""
    kinds = {"S": TaskState.SUCCESS, "F": TaskState.FAILED}
    return [
        TaskRun(
            execution_id="e",
            task_id=f"{step}[{number}]",
            position=10 + number,
            state=kinds.get(states[number : number + 1], TaskState.PENDING),
            reason_code=Reason.DEPS_MET,
            updated_at=1,
            attempt=number + 1,
            parent_task_id=step,
            item=value,
        )
        for number, value in enumerate(values)
    ]


def matched(now: list[Any], then: list[Any]) -> dict[str, str]:
    found = match_items(items("a", *now), items("a", *then))
    return {new: old.task_id for new, old in found.items()}


def test_equal_values_match_wherever_they_stand() -> None:
    assert matched(["x", "y", "z"], ["x", "y", "z"]) == {f"a[{n}]": f"a[{n}]" for n in range(3)}
    assert matched(["z", "new", "x"], ["x", "y", "z"]) == {"a[0]": "a[2]", "a[2]": "a[0]"}
    assert matched([], ["x"]) == {}


def test_equal_values_are_given_away_once_the_same_number_first() -> None:
    assert matched(["x", "x"], ["x", "x"]) == {"a[0]": "a[0]", "a[1]": "a[1]"}
    assert matched(["y", "x", "x", "x"], ["x", "x"]) == {"a[1]": "a[1]", "a[2]": "a[0]"}


def test_values_are_equal_as_json() -> None:
    assert matched([{"b": 1, "a": [2]}], [{"a": [2], "b": 1}]) == {"a[0]": "a[0]"}
    for one, other in ((1, "1"), (1, True), (1, 1.0), (None, "null"), (3.1, "3.10"), ([], {})):
        assert matched([one], [other]) == {}, (one, other)


def an_earlier(now: list[TaskRun], then: list[TaskRun], scope: RetryScope) -> RetriedExecution:
    current = Story("a").create().snapshot
    current.execution = replace(current.current, retry_scope=scope.to_json())
    current.tasks.update({task.task_id: task for task in now})
    before = Snapshot(execution=current.execution, tasks={task.task_id: task for task in then})
    return RetriedExecution(current, lambda: before)


def fates(
    now: list[TaskRun],
    then: list[TaskRun],
    scope: RetryScope = RetryScope(),  # noqa: B008 - frozen
) -> list[ItemFate]:
    earlier = an_earlier(now, then, scope)
    return [earlier.fate_of(item)[0] for item in now]


def test_what_succeeded_is_reused_and_what_is_new_or_failed_runs() -> None:
    then = items("a", "x", "y", "z", states="SFS")
    assert fates(items("a", "z", "y", "n"), then) == [ItemFate.REUSE, ItemFate.RUN, ItemFate.RUN]


def test_chosen_items_run_and_of_the_others_only_successes_are_taken_over() -> None:
    then = items("a", "x", "y", "z", "u", states="SFFS")
    scope = RetryScope(items={"a": (1, 3)})
    expected = [ItemFate.REUSE, ItemFate.RUN, ItemFate.LEAVE_OUT, ItemFate.RUN, ItemFate.LEAVE_OUT]
    assert fates(items("a", "x", "y", "z", "u", "new"), then, scope) == expected


def test_of_a_fresh_step_nothing_is_taken_over() -> None:
    then = items("a", "x", states="S")
    scope = RetryScope(fresh=frozenset({"a"}))
    assert fates(items("a", "x"), then, scope) == [ItemFate.RUN]
    assert an_earlier(items("a", "x"), then, scope).counterpart(items("a", "x")[0]) is None


def test_attempts_go_on_after_those_of_the_item_with_the_same_value() -> None:
    now, then = items("a", "z", "n"), items("a", "x", "z", states="FF")
    earlier = an_earlier(now, then, RetryScope())
    assert [earlier.last_attempt(item) for item in now] == [2, 0]


def test_a_scope_comes_back_from_what_is_stored() -> None:
    assert RetryScope().to_json() is None
    scope = RetryScope(frozenset({"b", "a"}), {"c": (0, 2)})
    assert RetryScope.from_json(scope.to_json()) == scope
    assert RetryScope.from_json(None) == RetryScope()
