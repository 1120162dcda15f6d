"""Home by keyboard: missions, executions, filter, launch form."""

from pathlib import Path

import pytest

from core.domain.mission import Mission, Param, ParamType
from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.errors import UnavailableError
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    busy_world,
    mission_of,
    nightly,
    running,
    screen_text,
    step,
    type_in,
    wait_for_text,
    wait_until,
)
from tui.app import MissionDeckApp
from tui.live.backend import Finding, MissionFile
from tui.screens.home.home_screen import HomeScreen


def release() -> Mission:
    params = (
        Param(
            name="target",
            type=ParamType.CHOICE,
            choices=("staging", "production"),
            default="staging",
        ),
        Param(name="count", type=ParamType.INTEGER, required=True),
        Param(name="tag", type=ParamType.STRING, pattern="^v[0-9]+$", default="v1"),
        Param(name="loud", type=ParamType.BOOLEAN, default=True),
        Param(name="token", type=ParamType.STRING, secret=True),
    )
    return mission_of("release", step("build"), step("ship", "build"), params=params)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (240, 60)])
async def test_home_shows_what_runs_at_every_size(size: tuple[int, int]) -> None:
    world, _run = busy_world()
    async with running(FakeBackend(world, nightly()), size=size) as pilot:
        await wait_for_text(pilot, "nightly-etl", "running", "done")
        assert ("60%" in screen_text(pilot.app)) == (size[0] >= 80)


async def test_executions_stay_live() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(160, 40)) as pilot:
        await wait_for_text(pilot, "▶ 1 running")
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "nothing running", "failed")
        world.launch(nightly(), actor="grace")
        await wait_for_text(pilot, "▶ 1 running", "grace")


async def test_nothing_at_all_says_what_to_press() -> None:
    async with running(FakeBackend(FakeWorld()), size=(80, 24)) as pilot:
        await wait_for_text(pilot, "No mission files in ./missions", "i makes one", "F5")
        await pilot.press("2")
        await wait_for_text(pilot, "Nothing has run yet", "Press 1 for the missions")


async def test_an_invalid_mission_shows_its_findings_and_cannot_be_launched() -> None:
    backend = FakeBackend(FakeWorld())
    finding = Finding(
        severity="error", code="UNKNOWN_DEPENDENCY", message="`b` is no step", line=7, column=12
    )
    backend.files.append(
        MissionFile(
            path="/missions/bad.yaml", name="bad", steps=2, valid=False, findings=(finding,)
        )
    )
    async with running(backend) as pilot:
        await wait_for_text(
            pilot, "✗ bad", "invalid 1", "7:12 UNKNOWN_DEPENDENCY", "`b` is no step"
        )
        await pilot.press("enter")
        await wait_for_text(pilot, "does not validate", "`b` is no step")
        await pilot.press("ctrl+r", "escape")
        await wait_for_text(pilot, "Missions")
        assert backend.calls == []


async def test_history_is_told_by_last_outcome_and_sparkline() -> None:
    world, _run = busy_world()
    async with running(FakeBackend(world, nightly())) as pilot:
        await wait_for_text(pilot, "▄▅▆", "last 6: 6 done", "9m20s")


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_a_mission_with_params_is_launched_by_keyboard_alone(size: tuple[int, int]) -> None:
    world = FakeWorld()
    backend = FakeBackend(world, release())
    async with running(backend, size=size) as pilot:
        await wait_for_text(pilot, "release")
        await pilot.press("n")
        await wait_for_text(pilot, "target", "count *", "build", "command", "after build")
        await pilot.press("ctrl+r")
        await wait_for_text(pilot, "1 field to correct", "is required")
        await type_in(pilot, "many")  # the cursor is in the field that is wrong
        await wait_for_text(pilot, "'many' is not an integer")
        await pilot.press("backspace", "backspace", "backspace", "backspace")
        await type_in(pilot, "42")
        await pilot.press("tab", "backspace", "backspace")
        await type_in(pilot, "x")
        await wait_for_text(pilot, "does not match")
        await pilot.press("backspace")
        await type_in(pilot, "v2")
        await wait_until(pilot, lambda: "to correct" not in screen_text(pilot.app))
        await pilot.press("ctrl+r")
        await wait_for_text(pilot, "release", "▶ running", "build")
        path, params = backend.calls[-1][1]
        assert path == "/missions/release.yaml"
        assert params == {"target": "staging", "count": 42, "tag": "v2", "loud": True}


async def test_a_launch_that_is_refused_is_said_and_the_form_stays() -> None:
    backend = FakeBackend(FakeWorld(), nightly())
    backend.refuse = "another run of this mission is going on"
    async with running(backend) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("n")
        await wait_for_text(pilot, "takes no parameters")
        await pilot.press("enter")
        await wait_for_text(pilot, "not launched: another run of this mission is going on")
        backend.refuse = ""
        await pilot.press("ctrl+r")
        await wait_for_text(pilot, "▶ running", "extract-a")


async def test_every_letter_typed_into_the_filter_triggers_nothing() -> None:
    world, _run = busy_world()
    backend = FakeBackend(world, nightly())
    letters = "qQnNvVxXpPaAwWyYzZlLfFrReEoOTgGjkhc1234567890[]:?/-"
    async with running(backend, size=(80, 24)) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("/")
        await type_in(pilot, letters)
        await pilot.pause(0.2)
        assert isinstance(pilot.app.screen, HomeScreen)
        assert backend.asked == []
        assert backend.calls == []
        await wait_for_text(pilot, "No execution matches this filter")
        await pilot.press("escape")
        await wait_for_text(pilot, "nightly-etl")


async def test_home_offers_what_fits_the_execution_and_resumes_one_that_lost_its_runner() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "X cancel run", "p pause")
        assert "run again" not in screen_text(pilot.app)
        await pilot.press("j")
        await wait_for_text(pilot, "R run again")
        assert "X cancel run" not in screen_text(pilot.app)
        await pilot.press("k")
        world.orphan(run)
        await pilot.press("p")
        await wait_for_text(pilot, "Resume run", "is gone")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: ("resume", run) in backend.calls)


async def test_new_mission_files_are_found_on_demand() -> None:
    backend = FakeBackend(FakeWorld(), nightly())
    async with running(backend) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        backend.known["/missions/release.yaml"] = release()
        await pilot.press("f5")
        await wait_for_text(pilot, "release")


async def test_the_filter_of_executions_knows_states_and_words() -> None:
    world, _run = busy_world()
    async with running(FakeBackend(world, nightly())) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("/")
        await type_in(pilot, "state:done")
        await pilot.press("enter")
        await wait_for_text(pilot, "6 of 7")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "6 of 7" not in screen_text(pilot.app))


async def test_quitting_leaves_runs_going() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("q")
        await pilot.pause(0.1)
    assert world.runs[run].snapshot.current.state is ExecutionState.RUNNING
    assert backend.asked == []
    assert backend.calls == []


async def test_a_lost_database_is_a_banner_that_goes_again() -> None:
    world, _run = busy_world()
    async with running(FakeBackend(world, nightly())) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        world.broken = "disk I/O error"
        world.version += 1
        await wait_for_text(pilot, "cannot read: disk I/O error")
        world.broken = ""
        await wait_until(pilot, lambda: "cannot read" not in screen_text(pilot.app))


async def test_a_picture_is_saved_as_svg(tmp_path: Path) -> None:
    world, _run = busy_world()
    async with running(FakeBackend(world, nightly(), folder=tmp_path)) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: (tmp_path / "mission-deck.svg").exists())
        assert "nightly-etl" in (tmp_path / "mission-deck.svg").read_text()


async def test_a_backend_that_cannot_be_made_ends_the_screen_with_its_error() -> None:
    def make() -> FakeBackend:
        raise UnavailableError("the key file is not ours")

    app = MissionDeckApp(make)
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.failure is not None)
    assert isinstance(app.failure, UnavailableError)
    assert app.return_code == UnavailableError.exit_code
