"""The preview below the list of home: what is under the cursor, in the room there is."""

import dataclasses

from msgspec.structs import replace

from core.domain.events import CancelRequested, ExecutionStateChanged
from core.domain.mission import Param
from core.domain.reasons import Reason
from core.domain.records import LogStream, TaskError
from core.domain.states import ExecutionState
from tests.support.tui import (
    FakeBackend,
    FakeReader,
    FakeWorld,
    busy_world,
    mission_of,
    nightly,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)
from tui.lines.home_row import told
from tui.lines.preview_lines import preview_lines, strip
from tui.live.home.run_preview import RunPreview, read_preview
from tui.search.home_page import HomeRow

SENTENCE = "`promote-7`: exit 75: replication slot busy"


def failed_world() -> tuple[FakeWorld, str]:
    """The nightly run of the busy world, failed."""
    world, run = busy_world()
    world.commit(
        ExecutionStateChanged(
            at=world.clock.now(),
            execution_id=run,
            from_state=ExecutionState.RUNNING,
            to_state=ExecutionState.FAILED,
            reason_code=Reason.STEP_FAILED,
            message=SENTENCE,
        )
    )
    return world, run


def texts(preview: RunPreview, world: FakeWorld, height: int = 30) -> list[str]:
    lines = preview_lines(preview, width=90, height=height, actor="ada", now=world.clock.at)
    return ["".join(text for text, _style in line).rstrip() for line in lines]


def preview_of(world: FakeWorld, run: str) -> RunPreview:
    return read_preview(FakeReader(world), FakeBackend(world), run, world.clock.at)


async def test_a_failed_run_is_told_in_the_room_there_is_and_the_preview_follows_the_cursor() -> (
    None
):
    world, _run = failed_world()
    async with running(FakeBackend(world, nightly()), size=(120, 40)) as pilot:
        await wait_for_text(
            pilot, "NEEDS YOU 1", SENTENCE, "promote-7, attempt 3: exit 75", "slot busy", "steps"
        )

        def blank_rows(left: int) -> int:
            rows = screen_text(pilot.app).split("\n")
            return sum(not row[left:].strip() for row in rows)

        await wait_until(pilot, lambda: blank_rows(0) <= 8)  # a fifth of the rows
        await wait_until(pilot, lambda: blank_rows(46) <= 8)  # of the pane alone, too
        await pilot.press("j")
        await wait_for_text(pilot, "nightly-etl#6  ✓ done")
        run = world.launch(nightly())
        world.begin(run, "extract-a")
        world.say(run, "extract-a", "row 1", "row 2")
        await wait_for_text(pilot, "nightly-etl#6  ✓ done", "RUNNING 1")
        await pilot.press("k")
        await wait_for_text(pilot, "nightly-etl#8  ▶ running", "running now", "row 2")
        world.say(run, "extract-a", "row 3")
        await wait_for_text(pilot, "row 3")


async def test_even_a_single_failed_step_leaves_no_more_than_a_fifth_of_the_rows_blank() -> None:
    world = FakeWorld()
    mission = mission_of("tiny", step("only", step_type="command", parameters={"command": "df"}))
    run = world.launch(mission, source_path="/missions/tiny.yaml", title="Tiny")
    world.run_step(run, "only", "one", "two", "three", "Error: disk full", exit_code=2)
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    async with running(FakeBackend(world, mission), size=(120, 40)) as pilot:
        await wait_for_text(pilot, "record", "what can be done", "d      needs me no more")
        text = screen_text(pilot.app)
        assert "cancel run" not in text  # it has ended
        assert sum(not row[46:].strip() for row in text.split("\n")) <= 8
        await pilot.resize_terminal(80, 24)
        await wait_for_text(pilot, "all of its output", "Error: disk full", "record")
        rows = screen_text(pilot.app).split("\n")
        assert sum(not row.strip() for row in rows) <= 4


def test_the_failure_of_a_sub_mission_is_found_in_the_sub_mission() -> None:
    world = FakeWorld()
    parent = world.launch(mission_of("all", step("each", step_type="mission")))
    world.begin(parent, "each")
    child = world.launch(
        mission_of("one", step("ship")), parent_execution_id=parent, parent_task_id="each"
    )
    world.run_step(child, "ship", "no route to host", exit_code=4)
    world.execution(child, ExecutionState.FAILED, Reason.STEP_FAILED)
    error = TaskError(message="`ship`: exit 4", kind="SubMissionFailed")
    world.end(parent, "each", error=error)
    world.execution(parent, ExecutionState.FAILED, Reason.STEP_FAILED)
    preview = preview_of(world, parent)
    assert preview.failed is not None
    assert preview.failed.path == ("each",)
    found = texts(preview, world)
    assert any("each › ship: " in line for line in found)
    assert "no route to host" in found


def test_the_preview_says_what_was_given_and_when_it_last_worked() -> None:
    world = FakeWorld()
    params = (Param(name="tag", default="v1"), Param(name="loud", default="yes"))
    mission = mission_of("release", step("ship"), params=params)
    good = world.launch(mission, params={"tag": "v1", "loud": "yes"})
    world.run_step(good, "ship")
    world.execution(good, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    bad = world.launch(mission, params={"tag": "v2", "loud": "yes"})
    world.begin(bad, "ship")
    world.say(bad, "ship", *(f"line {number}" for number in range(100)), stream=LogStream.STDERR)
    world.end(bad, "ship", exit_code=1)
    world.execution(bad, ExecutionState.FAILED, Reason.STEP_FAILED)
    preview = preview_of(world, bad)
    named = replace(preview.execution, title="Friday", labels={"team": "data", "to": "a b"})
    found = texts(dataclasses.replace(preview, execution=named), world, height=20)
    assert "given  tag=v2" in found
    assert "title  Friday" in found
    assert 'labels team=data to="a b"' in found
    assert any("last done" in line and "release#1" in line for line in found)
    assert len(found) == 20
    assert any("ship: last" in line for line in found)
    assert "line 99" in found
    good_lines = texts(preview_of(world, good), world)
    assert not any("given" in line or "last done" in line for line in good_lines)


def test_every_state_has_a_cell_in_the_strip_of_a_large_run() -> None:
    world, run = busy_world()
    execution = world.runs[run].execution()
    many = {"SUCCESS": 9_990, "FAILED": 1, "PENDING": 9}
    cells = [text for text, _style in strip(execution, 10)]
    assert len(cells) == 4
    cells = [text for text, _style in strip(replace(execution, counts=many, item_counts={}), 10)]
    assert [text[0] for text in cells] == ["✓", "✗", "○"]


def test_a_run_that_is_being_cancelled_says_so_until_it_has_ended() -> None:
    world = FakeWorld()
    run = world.launch(nightly())

    def texts_now() -> tuple[str, str]:
        row = told(HomeRow(preview_of(world, run).execution), "ada", world.clock.at)
        return "".join(text for text, _style in row), texts(preview_of(world, run), world)[0]

    assert not any("cancelling" in text for text in texts_now())
    world.commit(CancelRequested(at=world.clock.now(), execution_id=run, actor="ada"))
    assert all("cancelling" in text for text in texts_now())
    world.execution(run, ExecutionState.CANCELLED, Reason.USER_CANCELLED)
    assert not any("cancelling" in text for text in texts_now())
