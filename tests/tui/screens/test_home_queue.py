"""What waits for its turn in a concurrency group: home says so, and who is before it."""

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.operations.queue import queue_places
from core.ports.claims import Claim, ClaimKind
from core.ports.execution_query import ExecutionQuery
from tests.support.tui import (
    FakeBackend,
    FakeReader,
    FakeWorld,
    mission_of,
    running,
    step,
    wait_for_text,
)
from tui.lines.home_row import queue_text, told, word_of
from tui.lines.preview_lines import preview_lines
from tui.lines.wall_lines import wall_lines
from tui.live.home.run_preview import read_preview
from tui.live.screen.notices import title_of
from tui.search.home_page import HomeQuery, HomeRow, execution_rows, read_home

DEPLOY = mission_of("deploy", step("build"))


def claim(run: str, label: str, *, granted: bool = False) -> Claim:
    at = 1 if granted else None
    return Claim(
        kind=ClaimKind.GROUP, name="prod", execution_id=run, label=label, tree=run, granted_at=at
    )


def queued() -> tuple[FakeWorld, list[str]]:
    """One run that runs, three that wait behind it, and one that somebody has paused."""
    world = FakeWorld()
    runs = [world.launch(DEPLOY) for _ in range(5)]
    world.claims = [
        claim(run, f"deploy#{number}", granted=number == 1)
        for number, run in enumerate(runs[:4], 1)
    ]
    for run in runs[1:4]:
        world.execution(run, ExecutionState.PAUSED, Reason.QUEUED)
    world.execution(runs[4], ExecutionState.PAUSED, Reason.USER_PAUSED)
    return world, runs


def rows_of(world: FakeWorld) -> dict[str, HomeRow]:
    page = read_home(FakeReader(world), HomeQuery())
    return {row.execution.execution_id: row for row in execution_rows(page.rows)}


def said(world: FakeWorld, run: str) -> str:
    return "".join(text for text, _style in told(rows_of(world)[run], "ada", world.clock.at))


def test_a_queued_run_says_who_is_before_it_and_is_not_called_paused() -> None:
    world, runs = queued()
    assert [word_of(rows_of(world)[run])[0] for run in runs] == [
        "running", "queued", "queued", "queued", "paused",
    ]  # fmt: skip
    assert said(world, runs[1]) == "deploy#1 of the group `prod` is before it"
    assert said(world, runs[3]) == "deploy#1 and 2 more of the group `prod` are before it"
    world.claims[2] = replace(world.claims[2], is_held=True)
    assert said(world, runs[2]) == "on hold in the group `prod`"
    assert said(world, runs[3]) == "deploy#1 and 1 more of the group `prod` are before it"
    world.claims[1:3] = []
    world.claims[0] = replace(world.claims[0], tree=runs[3])  # what it waits for is its parent
    assert said(world, runs[3]) == "next in the group `prod`"
    assert queue_text(None) == "waits for its turn in its concurrency group"
    world.runs[runs[3]].lease = None
    assert runs[3] not in queue_places(FakeReader(world), world.clock.at)


def test_preview_wall_and_title_tell_queued_from_paused() -> None:
    world, runs = queued()
    page = read_home(FakeReader(world), HomeQuery())
    assert (page.running, page.queued, page.paused) == (1, 3, 1)
    assert title_of(page) == "mission: 1 running, 3 queued"
    preview = read_preview(FakeReader(world), FakeBackend(world), runs[1], world.clock.at)
    lines = preview_lines(preview, width=90, height=20, actor="ada", now=world.clock.at)
    texts = ["".join(text for text, _style in line) for line in lines]
    assert "queued" in texts[0]
    assert "deploy#1 of the group `prod` is before it" in texts
    day = FakeReader(world).count_executions(ExecutionQuery(created_from=0))
    wall = wall_lines(page, page.rows, day, width=120, height=30, actor="ada", now=world.clock.at)
    told_there = "\n".join("".join(text for text, _style in line) for line in wall)
    assert "queued    deploy#2" in told_there
    assert "is before it" in told_there


async def test_home_counts_what_is_queued_and_the_run_is_called_so_when_it_is_open() -> None:
    world, runs = queued()
    async with running(FakeBackend(world, DEPLOY), size=(150, 30)) as pilot:
        await wait_for_text(pilot, "▶ 1 running  3 queued  ‖ 1 paused", "queued", "is before it")
        pilot.app.open_execution(runs[1])  # type: ignore[attr-defined] # ours
        await wait_for_text(pilot, "deploy#2", "‖ queued")
