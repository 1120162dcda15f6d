"""Counts by state: steps and items apart, in one order and in one form."""

from typing import Any

from core.domain.mission import Mission, MissionConfig, MissionStep
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from core.domain.tally import (
    ORDER,
    Tally,
    count_words,
    keeps_slot,
    slot_limit,
    tally_of,
    tally_of_execution,
    tally_words,
)
from tui.words.state_counts import count_signs


def a_task(
    task_id: str, state: TaskState, reason: Reason = Reason.CREATED, parent: str | None = None
) -> TaskRun:
    return TaskRun(
        execution_id="e",
        task_id=task_id,
        position=0,
        state=state,
        reason_code=reason,
        updated_at=1,
        parent_task_id=parent,
    )


def an_execution(**fields: Any) -> Execution:
    return Execution(
        execution_id="e",
        workflow_id="w",
        mission_name="m",
        mission_digest="d",
        state=ExecutionState.RUNNING,
        reason_code=Reason.STARTED,
        created_at=1,
        updated_at=1,
        actor="ada",
        **fields,
    )


TASKS = (
    a_task("a", TaskState.SUCCESS, Reason.EXIT_ZERO),
    a_task("b", TaskState.RUNNING, Reason.SLOT_ACQUIRED),
    a_task("fan", TaskState.RUNNING, Reason.EXPANDED),
    a_task("fan[0]", TaskState.FAILED, Reason.EXIT_NONZERO, "fan"),
    a_task("fan[1]", TaskState.RUNNING, Reason.SLOT_ACQUIRED, "fan"),
    a_task("gate", TaskState.WAITING, Reason.AWAITING_APPROVAL),
    a_task("later", TaskState.PENDING),
)


def test_steps_and_items_are_counted_apart_and_parents_and_gates_hold_no_slot() -> None:
    tally = tally_of(TASKS)
    assert tally.steps == {
        TaskState.SUCCESS: 1,
        TaskState.RUNNING: 2,
        TaskState.WAITING: 1,
        TaskState.PENDING: 1,
    }
    assert tally.items == {TaskState.FAILED: 1, TaskState.RUNNING: 1}
    assert tally.slots == 2
    assert tally.share_done == 2 / 7


def test_what_is_taken_out_is_counted_no_more() -> None:
    tally = tally_of(TASKS)
    for task in TASKS:
        tally.remove(task)
    assert (tally.total, tally.slots, tally.share_done) == (0, 0, 0.0)
    assert tally_words(tally) == ""


def test_an_executions_record_gives_the_same_counts_as_its_task_runs() -> None:
    every: dict[str, int] = {}
    items: dict[str, int] = {}
    for task in TASKS:
        every[task.state.value] = every.get(task.state.value, 0) + 1
        if task.parent_task_id is not None:
            items[task.state.value] = items.get(task.state.value, 0) + 1
    found = tally_of_execution(an_execution(counts=every, item_counts=items))
    counted = tally_of(TASKS)
    assert (found.steps, found.items) == (counted.steps, counted.items)


def test_counts_are_written_in_one_order_and_none_is_left_out() -> None:
    counts = {state: number for number, state in enumerate(reversed(ORDER), 1)}
    assert count_words(counts) == (
        "8 done, 7 running, 6 failed, 5 waiting, 4 queued, 3 pending, 2 skipped, 1 cancelled"
    )
    assert [text for _state, text in count_signs(counts)] == [
        "8✓", "7▶", "6✗", "5↻", "4◌", "3○", "2⊘", "1◼"
    ]  # fmt: skip
    assert [text for _state, text in count_signs(counts, ascii_only=True)][:3] == ["8+", "7>", "6x"]
    assert tally_words(Tally({TaskState.SUCCESS: 1}, {TaskState.FAILED: 1_200})) == (
        "1 done; items: 1,200 failed"
    )
    assert count_words({}) == ""


def test_the_limit_of_a_run_is_its_own_before_its_missions() -> None:
    step = MissionStep(id="a", name="a", step_type="noop")
    mission = Mission(
        version="1.0", name="m", steps=(step,), config=MissionConfig(parallel_limit=6)
    )
    assert slot_limit(an_execution(parallel_limit=2), mission) == 2
    assert slot_limit(an_execution(), mission) == 6
    assert slot_limit(an_execution(), None) is None


def test_approvals_and_services_do_not_keep_a_slot_for_as_long_as_they_run() -> None:
    command = MissionStep(id="a", name="a", step_type="command")
    approval = MissionStep(id="a", name="a", step_type="approval")
    service = MissionStep(id="a", name="a", step_type="command", service=True)
    assert [keeps_slot(one) for one in (None, command, approval, service)] == [
        True,
        True,
        False,
        False,
    ]
