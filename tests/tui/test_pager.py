"""The pager of the operator: which one, at which line, on a log that is safe to show."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest

from core.ports.reader import LogQuery
from tests.support.tui import FakeReader, FakeWorld, mission_of, step
from tui.live.deck import Deck
from tui.terminal.pager import page_log, pager_command


class Told:
    """The parts of the application that a pager needs."""

    def __init__(self, world: FakeWorld) -> None:
        self.complaints: list[str] = []
        self.lookup = self
        self._world = world

    async def read(self, query: Callable[[FakeReader], Any]) -> Any:
        return query(FakeReader(self._world))

    def show_problem(self, text: str) -> None:
        self.complaints.append(text)


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"PAGER": "less -R", "EDITOR": "vi"}, ["less", "-R", "+7g"]),
        ({"EDITOR": "/usr/bin/vim"}, ["/usr/bin/vim", "+7"]),
        ({"VISUAL": "code --wait", "EDITOR": "vi"}, ["code", "--wait"]),
        ({"PAGER": "  ", "PATH": "/nowhere"}, None),
    ],
)
def test_the_pager_is_that_of_the_environment(
    environ: dict[str, str], command: list[str] | None
) -> None:
    assert pager_command(environ, 7) == command


async def test_the_log_is_handed_over_safe_to_show_and_removed_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("a")))
    world.begin(run, "a")
    world.say(run, "a", "\x1b]52;c;c3RvbGVu\x07plain", "\x1b[31mred\x1b[0m", "10%\r90%")
    query = LogQuery(execution_id=run, task_id="a", attempt=1)
    copy, name = tmp_path / "copy", tmp_path / "name"
    script = tmp_path / "page"
    script.write_text(f'#!/bin/sh\ncat "$1" > {copy}\necho "$1" > {name}\n', encoding="utf-8")
    script.chmod(0o755)
    told = Told(world)
    deck = cast("Deck", told)  # it asks no more of the application than this class has
    monkeypatch.setenv("PAGER", str(script))
    await page_log(deck, query, 1, nullcontext)
    assert copy.read_text(encoding="utf-8").splitlines() == ["plain", "red", "90%"]
    assert not Path(name.read_text().strip()).exists()
    for pager, complaint in (("/no/such/pager", "No such file"), ("x 'unclosed", "quotation")):
        monkeypatch.setenv("PAGER", pager)
        told.complaints.clear()
        await page_log(deck, query, 1, nullcontext)
        assert told.complaints[0].startswith("the log was not opened: ")
        assert complaint in told.complaints[0]
