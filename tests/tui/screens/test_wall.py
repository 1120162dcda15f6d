"""The wall view: large numbers, what needs somebody, and nothing that has to be pressed."""

import pytest

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.ports.execution_query import ExecutionQuery
from tests.support.tui import (
    FakeBackend,
    FakeReader,
    FakeWorld,
    busy_world,
    nightly,
    running,
    screen_text,
    wait_for_text,
    wait_until,
)
from tui.lines.wall_lines import cut_line, wall_lines
from tui.screens.home.home_screen import HomeScreen
from tui.search.home_page import HomeQuery, read_home


async def test_the_wall_refreshes_by_itself_and_any_way_back_leads_home() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(120, 34)) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("W")
        await wait_for_text(pilot, "waiting for you", "RUNNING 1", "60%", "███", "esc back")
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "NEEDS YOU 1", "failed    nightly-etl#7")
        assert "RUNNING" not in screen_text(pilot.app)
        await pilot.press("W")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await wait_for_text(pilot, "NEEDS YOU 1", "Missions 1")


@pytest.mark.parametrize(("width", "height"), [(38, 10), (76, 20), (196, 46)])
def test_the_wall_fits_every_window(width: int, height: int) -> None:
    world, _run = busy_world()
    reader = FakeReader(world)
    page = read_home(reader, HomeQuery())
    day = reader.count_executions(ExecutionQuery(created_from=0))
    lines = wall_lines(
        page, page.rows, day, width=width, height=height, actor="ada", now=world.clock.at
    )
    texts = ["".join(text for text, _style in line) for line in lines]
    assert len(lines) <= height
    assert all(len(text) <= width for text in texts)
    assert any("RUNNING 1" in text for text in texts)
    assert ("6 done (24 h)" in "\n".join(texts)) == (height == 10 and width > 60)
    empty = read_home(FakeReader(FakeWorld()), HomeQuery())
    told = wall_lines(empty, (), {}, width=width, height=height, actor="ada", now=0)
    assert told[-1][0][0] == "Nothing needs anybody, and nothing runs."


def test_a_line_is_cut_and_not_folded() -> None:
    assert cut_line([("abc", "x"), ("defg", "y"), ("h", "z")], 5) == [("abc", "x"), ("d…", "y")]
