"""How it looks everywhere: without colour, in every theme, at every size and between sizes."""

import random

import pytest
from textual.pilot import Pilot

from core.domain.reasons import Reason
from core.domain.states import TaskState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    busy_world,
    mission_of,
    nightly,
    running,
    screen_text,
    step,
    wait_for_text,
    wide_mission,
)
from tui.look.theme import THEME_CYCLE
from tui.words.state_glyphs import APPEARANCES, appearance_of


def every_state() -> tuple[FakeWorld, str]:
    world = FakeWorld()
    names = [state.value.lower() for state in TaskState]
    run = world.launch(mission_of("states", *(step(f"is-{name}") for name in names)))
    world.task(run, "is-ready", TaskState.READY, Reason.DEPS_MET)
    world.begin(run, "is-running")
    world.begin(run, "is-waiting")
    world.end(run, "is-waiting", exit_code=1, retry_in=300)
    world.run_step(run, "is-success")
    world.run_step(run, "is-failed", exit_code=1)
    world.task(run, "is-skipped", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
    world.task(run, "is-cancelled", TaskState.CANCELLED, Reason.USER_CANCELLED)
    return world, run


def row_of(pilot: Pilot[None], step_id: str) -> str:
    return next(line for line in screen_text(pilot.app).splitlines() if step_id in line)


@pytest.mark.parametrize("colour", ["no colour", "colour"])
async def test_every_state_is_told_by_sign_and_word_alone(
    colour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if colour == "no colour":
        monkeypatch.setenv("NO_COLOR", "1")
    world, run = every_state()
    backend = FakeBackend(world, world.runs[run].mission)
    async with running(backend, size=(80, 24), start=run) as pilot:
        await wait_for_text(pilot, *(f"is-{state.value.lower()}" for state in TaskState))
        rows = {state: row_of(pilot, f"is-{state.value.lower()}") for state in TaskState}
        for state, row in rows.items():
            assert appearance_of(state).sign in row
            assert appearance_of(state).word in row or "retry in 5m" in row


def test_signs_and_words_are_all_different() -> None:
    assert len({appearance.sign for appearance in APPEARANCES.values()}) == len(APPEARANCES)
    assert len({appearance.word for appearance in APPEARANCES.values()}) == len(APPEARANCES)


@pytest.mark.slow
async def test_every_theme_draws_every_screen() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        for name in (*THEME_CYCLE[1:], THEME_CYCLE[0]):
            await pilot.press("T")
            while pilot.app.theme != name:
                await pilot.pause()
            await wait_for_text(pilot, "promote-7", "failed")
            await pilot.press("X", "escape")


@pytest.mark.slow
async def test_without_utf8_every_screen_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISSION_ASCII", "1")
    world, run = busy_world()
    world.begin(run, "fetch-12")
    world.say(run, "fetch-12", "grüße 世界 ▌")
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, ">x promote-7", "enter inspect")
        for key in ("2", "3", "4", "5", "1", "enter", "escape", "R", "escape", "?", "escape", "L"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert screen_text(pilot.app).isascii()
        await wait_for_text(pilot, "gru?e ???? >")


@pytest.mark.slow
async def test_a_storm_of_resizes_leaves_everything_in_place() -> None:
    world, run = busy_world()
    chance = random.Random(7)
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        for number in range(30):
            await pilot.resize_terminal(chance.randint(10, 220), chance.randint(3, 70))
            if number % 3 == 0:
                await pilot.press(chance.choice("12345lz"))
        await pilot.resize_terminal(120, 40)
        await pilot.press("1")
        await wait_for_text(pilot, "promote-7", "failed", "1 List")


@pytest.mark.parametrize(
    ("size", "there", "gone"),
    [
        ((39, 7), ["promote-7", "failed"], ["1 List", "Logs", "help"]),
        ((39, 11), ["promote-7", "failed", "? help"], ["1 List", "Logs"]),
        ((50, 12), ["promote-7", "failed", "1 List", "⏎ inspect", "? help"], ["Logs"]),
        ((59, 24), ["promote-7", "Logs", "? help"], ["Times"]),
        ((80, 24), ["promote-7", "Logs", "? help"], ["Times"]),
        ((120, 40), ["promote-7", "Logs", "? help", "Times"], []),
        ((240, 60), ["promote-7", "Logs", "? help", "Times", "back to home"], []),
    ],
)
async def test_what_there_is_room_for_is_shown(
    size: tuple[int, int], there: list[str], gone: list[str]
) -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=size, start=run) as pilot:
        await wait_for_text(pilot, *there)
        text = screen_text(pilot.app)
        assert not [word for word in gone if word in text]
        assert len(text.splitlines()) <= size[1]


@pytest.mark.slow
async def test_ten_thousand_steps_are_walked_through_without_drawing_them_all() -> None:
    world = FakeWorld()
    mission = wide_mission("big", 10_000)
    run = world.launch(mission)
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "s0", "10000○", "10,000 steps pending")
        await pilot.press("g", "space")  # they are folded into one row
        await wait_for_text(pilot, "s1 ", "s2 ")
        await pilot.press("G")
        await wait_for_text(pilot, "s9999")
        await pilot.press("pageup", "g", "j")
        await wait_for_text(pilot, "▌○ s0")
        await pilot.press("/", *"id:s4321", "enter")
        await wait_for_text(pilot, "s4321", "1 match")
