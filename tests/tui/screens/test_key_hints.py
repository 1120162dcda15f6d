"""Each key that the last line of the screen shows does something at that moment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeBackend, FakeWorld, busy_world, nightly, running, wait_for_text
from tui.screens.panes.refused_in_past import REFUSED_TEXT
from tui.widgets.base.key_bar import shown_keys

REFUSALS = ("there is no", "no step has", "nothing", REFUSED_TEXT, "no search yet", "has ended")
"""How notices begin, or what they have, that say that a key did nothing."""
Build = Callable[[], tuple[FakeWorld, str]]


def live() -> tuple[FakeWorld, str]:
    return busy_world()


def ended(state: ExecutionState, reason: Reason) -> Build:
    def build() -> tuple[FakeWorld, str]:
        world, run = busy_world()
        for task_id, task in world.runs[run].snapshot.tasks.items():
            if task.state in (TaskState.PENDING, TaskState.WAITING, TaskState.RUNNING):
                world.task(run, task_id, TaskState.CANCELLED, Reason.USER_CANCELLED)
        world.execution(run, state, reason)
        return world, run

    return build


def orphaned() -> tuple[FakeWorld, str]:
    world, run = busy_world()
    world.orphan(run)
    return world, run


STATES: dict[str, Build] = {
    "live": live,
    "failed": ended(ExecutionState.FAILED, Reason.STEP_FAILED),
    "orphaned": orphaned,
}
PANES = {
    "list": ("1",),
    "graph": ("2",),
    "tree": ("3",),
    "gantt": ("4",),
    "events": ("5",),
    "log": ("1", "l"),
    "searched log": ("1", "l", "slash", *"slot", "enter"),
    "step": ("1", "tab"),
    "past": ("1", "less_than_sign"),
}


def looks(app: App[None]) -> object:
    strips = app.screen._compositor.render_strips()[1:]  # the header has times
    drawn = tuple((s.text, s.style) for strip in strips for s in strip)
    return app.screen, app.focused, drawn, app.clipboard, len(app._notifications)


async def acts(pilot: Pilot[None], key: str, before: object) -> bool:
    await pilot.press(key)
    for _ in range(40):
        if looks(pilot.app) != before:
            return True
        await pilot.pause(0.02)
    return False


async def go_back(pilot: Pilot[None], base: object) -> None:
    for _ in range(6):
        if pilot.app.screen == base and not isinstance(pilot.app.focused, Input):
            break
        await pilot.press("escape")
        await pilot.pause(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("state", STATES)
async def test_every_key_that_is_shown_acts(state: str, pane: str, tmp_path: Path) -> None:
    world, run = STATES[state]()
    idle: list[str] = []
    async with running(
        FakeBackend(world, nightly(), folder=tmp_path), size=(200, 50), start=run
    ) as pilot:
        await wait_for_text(pilot, "promote-7", "Logs")
        base: Any = pilot.app.screen
        await pilot.press(*PANES[pane])
        await pilot.pause(0.1)
        for shown, label, action in shown_keys(pilot.app, base):
            key = action.removeprefix("app.simulate_key('").removesuffix("')")
            if label in ("back to home", "back"):
                continue
            before = looks(pilot.app)
            notices = len(pilot.app._notifications)
            did = await acts(pilot, key, before)
            refused = [
                note.message
                for note in list(pilot.app._notifications)[notices:]
                if any(one in note.message for one in REFUSALS)
            ]
            if not did or refused or base.deck.problem:
                idle.append(f"{shown} {label}: {refused or base.deck.problem or 'nothing happens'}")
            base.deck.show_problem("")
            await go_back(pilot, base)
            assert pilot.app.screen == base
            if label == "zoom":
                await pilot.press("z")
            if pane != "searched log":
                await pilot.press("full_stop", *PANES[pane])
    assert not idle, "; ".join(idle)
