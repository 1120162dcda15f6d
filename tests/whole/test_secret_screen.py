"""The screen over a real database: text, pictures and clipboard have no secret in them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.cli import environment, mission
from tests.support.missions import mission_yaml
from tests.support.stored_bytes import stored_bytes
from tests.support.tui import screen_text, type_in, wait_for_text, wait_until
from tests.whole.test_secrets_never_leak import ALL_OF_THEM, CANARY, leaks, script, store
from tui.app import MissionDeckApp
from tui.host.places import find_paths
from tui.host.settings import load_settings
from tui.host.site import LocalSite
from tui.host.site_backend import SiteBackend

FAILS = f"{ALL_OF_THEM}\nos.write(2, raw + b'\\n')\nraise SystemExit(3)\n"


def app_over(home: Path, start: str | None = None) -> MissionDeckApp:
    """Return the screen of a user with this home."""
    environ = environment(home)
    paths = find_paths(environ)
    settings = load_settings(environ=environ, cwd=home.parent, user_file=paths.config, flags={})
    site = LocalSite(paths=paths, environ=environ)
    return MissionDeckApp(SiteBackend(site, settings, home.parent), start=start)


def seen(pilot: Pilot[Any]) -> bytes:
    """Return what is on the screen now, as text and as a picture, and in the clipboard."""
    app = pilot.app
    return f"{screen_text(app)}\n{app.export_screenshot()}\n{app.clipboard}".encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store(tmp_path / "home")
    return tmp_path / "home"


async def test_no_view_no_picture_and_no_copy_has_a_secret(home: Path) -> None:
    file = home.parent / "mission.yaml"
    steps = (script("text", ALL_OF_THEM), script("bad", FAILS, depends_on=["text"]))
    file.write_text(mission_yaml(*steps, secrets=["CANARY"]), "utf-8")
    assert mission(home, "run", str(file)).code == 1
    execution_id = mission(home, "show", "@last", "--json").json["execution_id"]
    app = app_over(home, execution_id)
    copied = []
    async with app.run_test(size=(160, 50)) as pilot:
        await wait_for_text(pilot, "bad", "failed")
        for key in ("1", "2", "3", "4", "5", "e", "w", "escape", "L", "y", "Y", "l", "y"):
            await pilot.press(key)
            await pilot.pause(0.3)
            assert leaks(seen(pilot)) == [], key
            copied.append(app.clipboard)
        await pilot.press("1", "e", "enter")
        await wait_for_text(pilot, "Overview", "Attempts")
        for _ in range(8):
            await pilot.press("y")
            await pilot.pause(0.2)
            copied.append(app.clipboard)
            assert leaks(seen(pilot)) == []
            await pilot.press("right")
            await pilot.pause(0.3)
        await pilot.press("S")
        await pilot.pause(0.3)
        app.action_picture()
        await wait_until(pilot, lambda: any(home.parent.glob("mission-deck*.svg")))
    assert "***" in "".join(copied)
    for path in home.parent.rglob("*"):
        if path.is_file() and path.suffix in (".svg", ".log", ".json"):
            assert leaks(path.read_bytes()) == [], path


async def test_the_launch_form_hides_a_secret_input_and_the_runner_has_it(home: Path) -> None:
    step = script("use", 'import os\nprint("<" + os.environ["token"] + ">")', secrets=["token"])
    file = home.parent / "mission.yaml"
    params = {"token": {"secret": True, "required": True}}
    file.write_text(mission_yaml(step, params=params, secrets=[]), "utf-8")
    app = app_over(home)
    async with app.run_test(size=(160, 50)) as pilot:
        await wait_for_text(pilot, "a mission")
        app.open_launch(str(file), {})
        await wait_for_text(pilot, "token *  (string, secret)")
        await pilot.press(*"short")
        await wait_for_text(pilot, "fewer than 8")
        field = app.screen.query_one(Input)
        field.value = ""
        await type_in(pilot, CANARY)
        await wait_until(pilot, lambda: field.value == CANARY)
        assert leaks(seen(pilot)) == []
        await pilot.press("home", "shift+end", "ctrl+c")
        await pilot.pause(0.2)
        await pilot.press("shift+end", "ctrl+x")
        await pilot.pause(0.2)
        assert leaks(seen(pilot)) == [], "neither is it copied"
        field.value = CANARY
        await pilot.press("tab", "enter")
        for _ in range(150):
            if mission(home, "ls", "--json").out.strip() not in ("", "[]"):
                break
            await asyncio.sleep(0.1)
    assert mission(home, "watch", "--plain", "@last").code == 0
    assert mission(home, "logs", "@last", "use").out == "<***>\n"
    for path, data in stored_bytes(home).items():
        assert leaks(data) == [], path
