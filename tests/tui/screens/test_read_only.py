"""A read-only screen starts, changes and writes nothing, by whatever way it is asked to."""

from pathlib import Path
from unittest.mock import patch

import pytest

from core.errors import ConflictError
from core.ports.control import RequestKind
from tests.support.tui import (
    FakeBackend,
    busy_world,
    nightly,
    screen_text,
    wait_for_text,
    wait_until,
)
from tui.app import MissionDeckApp
from tui.keys.acting_keys import ACTING, READING, action_name
from tui.keys.key_bindings import KEYS
from tui.live.screen.read_only_backend import READ_ONLY, ReadOnlyBackend

GIVEN = {"page_log": 2, "open_shell": 2, "save_text": 3}
"""How many arguments the ways out of the screen take, where it is not one."""


async def test_every_way_to_act_is_refused_with_the_reason(tmp_path: Path) -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly(), folder=tmp_path)
    app = MissionDeckApp(backend, clock=world.clock, read_only=True)
    async with app.run_test(size=(130, 34), notifications=True) as pilot:
        await wait_for_text(pilot, "nightly-etl", " read-only ")
        shown = screen_text(app)
        assert "cancel run" not in shown
        assert "new run" not in shown
        await pilot.press("colon")
        await wait_for_text(pilot, "Search for commands", "filter  (/)")
        assert "cancel run" not in screen_text(app)
        await pilot.press("escape")
        await wait_for_text(pilot, " read-only ")
        for key in ("X", "p", "R", "F", "n", "i", "o", "a", "ctrl+s"):
            app.show_problem("")
            await pilot.press(key)
            await wait_for_text(pilot, READ_ONLY)
        app.show_problem("")
        app.open_launch("/missions/nightly-etl.yaml")  # as the palette does
        await wait_for_text(pilot, READ_ONLY)
        await pilot.press("2", "enter")
        await wait_for_text(pilot, "1 List", " read-only ")
        for key in ("x", "X", "K", "r", "R", "p", "n", "o", "S", "a"):
            app.show_problem("")
            await pilot.press(key)
            await wait_for_text(pilot, READ_ONLY)
        for name in ("page_log", "open_shell", "save_log", "save_text", "edit"):
            app.show_problem("")
            given = [None] * GIVEN.get(name, 1)
            getattr(app, name)(*given)  # what the palette, a dialog or a new key may lead to
            await wait_for_text(pilot, READ_ONLY)
        with patch.object(app, "show_problem") as refused:
            await app.run_action("screen.cancel_run")
        refused.assert_called_once_with(READ_ONLY)
        await wait_until(pilot, lambda: app.screen.focused is not None)
    assert backend.asked == []
    assert backend.calls == []
    assert backend.noticed == 0
    assert backend.memory.seen == {}
    assert [*tmp_path.iterdir()] == []
    assert world.runs[run].lease is not None


def test_a_forgotten_key_is_refused_by_the_backend() -> None:
    world, run = busy_world()
    backend = ReadOnlyBackend(FakeBackend(world, nightly()))
    for act in (
        lambda: backend.request(run, RequestKind.CANCEL),
        lambda: backend.launch("/missions/nightly-etl.yaml", {}),
        lambda: backend.resume(run),
        lambda: backend.retry(run, "promote-7", downstream=False, reason=""),
        lambda: backend.retry_failed(run, reason=""),
        lambda: backend.rerun(run),
        lambda: backend.new_mission("pipeline", "mine"),
        lambda: backend.export_evidence(run),
    ):
        with pytest.raises(ConflictError, match="read-only"):
            act()
    backend.memory.keep_size("missions", 3)
    assert backend.memory.sizes() == {}
    assert backend.preview("/missions/nightly-etl.yaml").mission == nightly()


def test_every_key_that_the_help_lists_under_acting_is_refused_or_known_to_read() -> None:
    acting = {action_name(key.action) for keys in KEYS.values() for key in keys
              if key.group == "Acting"}  # fmt: skip
    assert acting <= ACTING | READING
    assert not ACTING & READING
    assert {"cancel_run", "approve", "retry", "edit", "save", "export"} <= ACTING
