"""What home lists: sub-missions under their parent, asked of the database, with ages that tick."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from textual.pilot import Pilot

from core.domain.mission import Mission, MissionSource
from core.domain.reasons import Reason
from core.domain.states import Coverage, ExecutionState, TaskState
from core.ports.execution_query import ExecutionField, FieldCondition, LabelCondition
from core.ports.reader import Reader
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    type_in,
    wait_for_text,
    wait_until,
)
from tui.live.backend import MissionFile
from tui.search.home_filter import filter_missions, parse_execution_filter
from tui.widgets.steps.execution_list import ExecutionList


def family(children: int, *, failed: int = 0) -> tuple[FakeWorld, Mission, str]:
    """A world with a run that has so many sub-missions, the first of them failed."""
    world = FakeWorld()
    parent, child = mission_of("release-all", step("each")), mission_of("release-one", step("ship"))
    run = world.launch(parent)
    for number in range(children):
        one = world.launch(child, parent_execution_id=run)
        bad = number < failed
        world.run_step(one, "ship", exit_code=int(bad))
        state = ExecutionState.FAILED if bad else ExecutionState.SUCCESS
        world.execution(one, state, Reason.STEP_FAILED if bad else Reason.ALL_STEPS_DONE)
    world.run_step(run, "each")
    world.execution(run, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    return world, parent, run


def end(world: FakeWorld, run: str) -> None:
    world.execution(run, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)


def rows(pilot: Pilot[Any]) -> list[str]:
    """The executions that are on the screen, a line each."""
    listed = pilot.app.screen.query_one(ExecutionList)
    left, right = listed.region.x, listed.region.right
    lines = screen_text(pilot.app).split("\n")[listed.region.y : listed.region.bottom]
    return [text for line in lines if (text := line[left:right].strip(" ▌"))]


async def test_sub_missions_stand_under_their_parent() -> None:
    world, parent, _run = family(270, failed=3)
    other = world.launch(mission_of("other", step("a")))
    end(world, other)
    async with running(FakeBackend(world, parent), size=(160, 40)) as pilot:
        await wait_for_text(pilot, "Executions 2", "release-all#1 ▸270 3✗")
        assert "release-one" not in "\n".join(rows(pilot))
        await pilot.press("2", "j", "right")
        await wait_for_text(pilot, "release-all#1 ▾270", "release-one#1", "release-one#2")
        assert [row.split()[1] for row in rows(pilot)[1:4]] == [
            "other#1",
            "release-all#1",
            "release-one#1",
        ]
        await pilot.press("j", "j", "left")
        await wait_until(pilot, lambda: "release-one" not in "\n".join(rows(pilot)))


async def test_a_filter_finds_sub_missions_and_says_whose_they_are() -> None:
    world, parent, _run = family(270, failed=3)
    async with running(FakeBackend(world, parent), size=(160, 40)) as pilot:
        await wait_for_text(pilot, "release-all#1")
        await pilot.press("2", "slash")
        await type_in(pilot, "failed")
        await wait_for_text(pilot, "3 of 271", "release-one#3 of release-all#1")
        assert len(rows(pilot)) == 4
        await pilot.press("escape")
        await wait_for_text(pilot, "release-all#1 ▸270 3✗")


async def test_the_title_says_how_many_of_all_are_listed_and_the_rest_comes_at_the_end() -> None:
    world = FakeWorld()
    mission = mission_of("nightly", step("a"))
    for number in range(287):
        end(world, world.launch(mission, actor="grace" if number == 0 else "ada"))
    async with running(FakeBackend(world, mission), size=(160, 40)) as pilot:
        await wait_for_text(pilot, "200 of 287", "nightly#287")
        await pilot.press("2", "G")
        await wait_for_text(pilot, "Executions 287")
        await pilot.press("G")
        await wait_for_text(pilot, "nightly#1", "grace")
        await pilot.press("slash")
        await type_in(pilot, "by:grace")
        await wait_for_text(pilot, "1 of 287")
        await pilot.press("enter", "escape", "s")
        await wait_for_text(pilot, "by mission")


async def test_ages_tick_and_count_from_the_end() -> None:
    world = FakeWorld()
    mission = mission_of("nightly", step("a"))
    run = world.launch(mission)
    world.clock.forward(300)
    end(world, run)
    async with running(FakeBackend(world, mission), size=(160, 40)) as pilot:
        world.clock.forward(34)
        await wait_until(pilot, lambda: screen_text(pilot.app).count("34s ago") == 3)
        world.clock.forward(6)
        await wait_until(pilot, lambda: screen_text(pilot.app).count("40s ago") == 3)
        await pilot.press("colon", *"nightly#1")
        await wait_for_text(pilot, "open nightly#1  done, 40s ago")


async def test_the_palette_shows_states_as_they_are() -> None:
    world = FakeWorld()
    mission = mission_of("nightly", step("a"))
    run = world.launch(mission)
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "nightly", "1○")
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "✗ failed")
        await pilot.press("colon", *"open nightly")
        await wait_for_text(pilot, "open nightly#1  failed")


class SlowBackend(FakeBackend):
    """A backend that takes its time until it is let go."""

    def __init__(self, world: FakeWorld, *missions: Mission) -> None:
        super().__init__(world, *missions)
        self.go = threading.Event()
        self.read: list[str] = []

    def read_mission(self, source: MissionSource) -> Mission:
        self.read.append("preview")
        return super().read_mission(source)

    def open_reader(self) -> Reader:
        self.go.wait(10)
        return super().open_reader()

    def discover_missions(self) -> Sequence[MissionFile]:
        self.read.append("missions")
        return super().discover_missions()


async def test_nothing_untrue_is_said_before_anything_is_known_and_missions_come_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.app.FIRST_ROWS_SECONDS", 60.0)
    world = FakeWorld()
    mission = mission_of("nightly", step("a"))
    world.launch(mission)
    backend = SlowBackend(world, mission)
    try:
        async with running(backend, is_loaded=False) as pilot:
            await wait_for_text(pilot, "loading …", "Looking for missions", "Opening the database")
            text = screen_text(pilot.app)
            assert "nothing running" not in text
            assert "Missions 0" not in text
            assert "Executions 0" not in text
            backend.go.set()
            await wait_for_text(pilot, "▶ 1 running", "Missions 1", "Executions 1")
            assert backend.read.index("preview") < backend.read.index("missions")
            assert backend.read.count("missions") == 1
    finally:
        backend.go.set()


async def test_a_run_of_a_part_is_called_so_and_is_no_last_outcome() -> None:
    world = FakeWorld()
    mission = mission_of("nightly", step("a"), step("b"))
    failed = world.launch(mission)
    world.execution(failed, ExecutionState.FAILED, Reason.STEP_FAILED)
    part = world.launch(mission, retry_of=failed)
    world.task(part, "b", TaskState.SKIPPED, Reason.NOT_SELECTED)
    end(world, part)
    if world.runs[part].snapshot.current.coverage is not Coverage.SUBSET:
        pytest.skip("this world does not say what a run covers")
    async with running(FakeBackend(world, mission), size=(160, 40)) as pilot:
        await wait_for_text(pilot, "nightly#2", "subset")
        missions = screen_text(pilot.app).split("Executions")[0]
        assert "✓" not in missions


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("state:bogus", "bogus is none of pending, running, paused, done, failed, cancelled"),
        ("dur>", "dur> needs a number"),
        (
            "colour:red",
            "known here; known are state: name: mission: since: who: by: param: label: is:",
        ),
        ("is:green", "green is none of full, subset"),
        ("label:=data", "label: '' is not the name of a label, which begins with a letter"),
        ("state:done state:failed", "no run is in two states at once"),
        ("state == 'failed'", "== is no term; a field and its value are joined by a colon"),
        ("state != failed", "!= is no term"),
        ("state=failed", "state= is not known here; write state:"),
        ("Batch=7", "batch= is not known here; of a label, write label:Batch=7"),
    ],
)
def test_what_the_filter_of_executions_does_not_understand_is_said(text: str, problem: str) -> None:
    (said,) = parse_execution_filter(text, 0).problems
    assert problem in said


def test_missions_are_filtered_by_words_and_validity() -> None:
    good = MissionFile(path="/m/a.yaml", name="etl", steps=1, valid=True)
    bad = MissionFile(path="/m/b.yaml", name="etl two", steps=1, valid=False)
    assert filter_missions([good, bad], "etl is:valid") == ([good], ())
    assert filter_missions([good, bad], "etl -two") == ([good], ())
    assert filter_missions([good, bad], "is:nice") == (
        [good, bad],
        ("nice is none of valid, invalid",),
    )


async def test_a_filter_that_is_not_understood_is_said_and_the_help_gives_the_syntax() -> None:
    world, parent, run = family(1)
    async with running(FakeBackend(world, parent), size=(160, 50)) as pilot:
        await wait_for_text(pilot, "release-all#1")
        await pilot.press("2", "slash")
        await wait_for_text(pilot, "state:failed,running", "name:etl")
        await type_in(pilot, "state:bogus")
        await wait_for_text(pilot, "? bogus is none of pending, running", "release-all#1")
        await pilot.press("enter")
        await wait_for_text(pilot, "/state:bogus  ? bogus is none of")
        await pilot.press("question_mark")
        await type_in(pilot, "filter")
        await wait_for_text(pilot, "Filter of executions (/)", "who:ada", "Filter of missions (/)")
        await pilot.press("escape")
        pilot.app.open_execution(run)  # type: ignore[attr-defined] # ours
        await wait_for_text(pilot, "each", "List")
        await pilot.press("slash")
        await type_in(pilot, "state:bogus")
        await wait_for_text(pilot, "? bogus is none of needs-you, failed")
        await pilot.press("enter", "question_mark")
        await type_in(pilot, "filter")
        await wait_for_text(pilot, "Filter of steps (/)", "try>1")


def test_the_filter_of_executions_asks_the_database_for_every_field() -> None:
    now = 10**18
    found = parse_execution_filter(
        "name:etl !name:OLD who:ada -by:bob param:tag=v2 !param:loud since:2h !since:1h"
        ' label:Team="Data team" label:nightly !label:tier=gold name:"two words" say"',
        now,
    )
    assert found.problems == ()
    assert found.is_timed
    query = found.query
    assert query.fields == (
        FieldCondition(ExecutionField.MISSION, "etl"),
        FieldCondition(ExecutionField.MISSION, "old", wanted=False),
        FieldCondition(ExecutionField.ACTOR, "ada"),
        FieldCondition(ExecutionField.ACTOR, "bob", wanted=False),
        FieldCondition(ExecutionField.PARAM, "tag=v2"),
        FieldCondition(ExecutionField.PARAM, "loud", wanted=False),
        FieldCondition(ExecutionField.MISSION, "two words"),
    )
    assert query.labels == (
        LabelCondition("Team", "Data team"),
        LabelCondition("nightly"),
        LabelCondition("tier", "gold", wanted=False),
    )
    assert query.words == ('say"',)
    assert query.created_from == now - 7200 * 10**9
    assert query.created_until == now - 3600 * 10**9
    assert query.include_children
    (queued,) = parse_execution_filter("!state:queued", now).query.fields
    assert queued == FieldCondition(ExecutionField.REASON, "queued", wanted=False)
    (problem,) = parse_execution_filter("since:soon", now).problems
    assert problem.startswith("since: 'soon' is neither a span")
    at = parse_execution_filter("since:2025-01-20T12:00:00Z", now).query.created_from
    assert at == 1_737_374_400 * 10**9
