"""Home answers what needs somebody: groups in one list, each row with its sentence."""

from collections.abc import Callable

from core.domain.events import ExecutionStateChanged
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState, TaskState
from core.ports.execution_query import ExecutionOrder, ExecutionQuery
from tests.support.tui import (
    FakeBackend,
    FakeReader,
    FakeWorld,
    mission_of,
    running,
    step,
    wait_for_text,
    wait_until,
)
from tests.tui.screens.test_audit import broken
from tui.live.deck import deck_of
from tui.live.home.screen_memory import ATTENTION_NS
from tui.search.home_page import GroupHead, HomePage, HomeQuery, Need, execution_rows, read_home

DEPLOY = mission_of("deploy", step("build"), step("promote", "build", step_type="approval"))
NIGHTLY = mission_of("nightly", step("extract"))


def fail(world: FakeWorld, run: str, sentence: str) -> None:
    world.run_step(run, "extract", exit_code=3)
    end(world, run, ExecutionState.FAILED, Reason.STEP_FAILED, sentence)


def end(
    world: FakeWorld, run: str, state: ExecutionState, reason: Reason, message: str = ""
) -> None:
    world.commit(
        ExecutionStateChanged(
            at=world.clock.now(),
            execution_id=run,
            from_state=world.runs[run].snapshot.current.state,
            to_state=state,
            reason_code=reason,
            message=message or None,
        )
    )


def ask(world: FakeWorld, approvers: tuple[str, ...] = ()) -> str:
    """Start a run that waits for an approval."""
    run = world.launch(DEPLOY)
    world.run_step(run, "build")
    world.begin(run, "promote", approvers=approvers)
    world.task(run, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL, "Promote?")
    return run


def troubled() -> tuple[FakeWorld, dict[str, str]]:
    """A world with one run for each reason to need somebody, one that runs, one that is done."""
    world = FakeWorld()
    runs = {"done": world.launch(NIGHTLY)}
    world.run_step(runs["done"], "extract")
    end(world, runs["done"], ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    runs["failed"] = world.launch(NIGHTLY)
    fail(world, runs["failed"], "`extract`: exit 3: disk full")
    runs["lost"] = world.launch(NIGHTLY)
    end(world, runs["lost"], ExecutionState.PAUSED, Reason.RUNNER_LOST, "its runner is gone")
    runs["asks"] = ask(world, ("grace", "ada"))
    runs["runs"] = world.launch(NIGHTLY)
    return world, runs


def page_of(world: FakeWorld, **more: object) -> HomePage:
    return read_home(FakeReader(world), HomeQuery(**more))  # type: ignore[arg-type] # by name


def listed(page: HomePage, of: Callable[[Execution], object]) -> list[object]:
    return [row.group.value if isinstance(row, GroupHead) else of(row.execution)  # type: ignore[union-attr] # no chain problem
            for row in page.rows]  # fmt: skip


async def test_what_needs_somebody_comes_first_and_says_why() -> None:
    world, runs = troubled()
    backend = FakeBackend(world, NIGHTLY, DEPLOY)
    async with running(backend, size=(130, 34)) as pilot:
        await wait_for_text(
            pilot,
            "! 3 need you",
            "NEEDS YOU 3",
            "approval  promote: you may answer, waits 0s",
            "lost      its runner is gone",
            "failed    `extract`: exit 3: disk full  STEP_FAILED",
            "RUNNING 1",
            "ENDED 1",
        )
        await pilot.press("j", "j", "enter")  # the failure is looked at
        await wait_for_text(pilot, "nightly#2", "1 List")
        await wait_until(pilot, lambda: runs["failed"] in backend.memory.seen)
        await pilot.press("q")
        await wait_for_text(pilot, "NEEDS YOU 2", "ENDED 2")
        deck_of(pilot.app).note_checked(broken(world))
        await wait_for_text(pilot, "NEEDS YOU 3", "✗ the audit log does not verify")
        await pilot.press("g", "enter")
        await wait_for_text(pilot, "MODIFIED at 17", "previous", "verify everything")
        await pilot.press("escape")
        await wait_for_text(pilot, "NEEDS YOU 3")


def test_groups_hold_in_every_order_and_under_every_filter() -> None:
    world, runs = troubled()
    names = {run: name for name, run in runs.items()}

    def name(execution: Execution) -> str:
        return names[execution.execution_id]

    page = page_of(world)
    expected = ["needs you", "asks", "lost", "failed", "running", "runs", "ended", "done"]
    assert listed(page, name) == expected
    assert (page.listed, page.matched, page.total, page.needs) == (5, 5, 5, 3)
    by_name = page_of(world, executions=ExecutionQuery(order=ExecutionOrder.MISSION, reverse=True))
    assert listed(by_name, name)[:4] == ["needs you", "lost", "failed", "asks"]
    failed = ExecutionQuery(states=frozenset({ExecutionState.FAILED}))
    assert listed(page_of(world, executions=failed), name) == ["needs you", "failed"]
    few = page_of(world, executions=ExecutionQuery(limit=1))
    assert listed(few, name) == expected
    needs = [row.need for row in execution_rows(page.rows)]
    assert needs == [Need.APPROVAL, Need.LOST, Need.FAILURE, None, None]


def test_a_failure_needs_nobody_once_it_is_looked_at_acted_on_or_old() -> None:
    world, runs = troubled()
    failed = runs["failed"]
    assert page_of(world, looked_at=frozenset({failed})).needs == 2
    late = world.clock.at + ATTENTION_NS
    assert page_of(world, failed_since=late - ATTENTION_NS).needs == 2
    retry = world.launch(NIGHTLY, retry_of=failed)
    page = page_of(world)
    assert page.needs == 2
    assert [row.execution.execution_id for row in execution_rows(page.rows)][-2:] == [
        failed,
        runs["done"],
    ]
    fail(world, retry, "`extract`: exit 3: disk full")
    assert page_of(world).needs == 3


def test_a_question_in_a_sub_mission_is_listed_with_the_name_of_its_parent() -> None:
    world = FakeWorld()
    parent = world.launch(mission_of("train", step("wagon")))
    child = world.launch(DEPLOY, parent_execution_id=parent)
    world.run_step(child, "build")
    world.begin(child, "promote")
    world.task(child, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    page = page_of(world)
    first, second = execution_rows(page.rows)
    assert (first.execution.execution_id, first.parent, first.depth) == (child, "train#1", 0)
    assert second.execution.execution_id == parent
    assert second.children == {ExecutionState.RUNNING: 1}
    assert (page.listed, page.matched) == (1, 1)
