"""A person at a terminal: presses keys, waits for what is to be seen, and counts the keys."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.cli import SCRIPT, Ran, environment, mission
from tests.support.terminal import Terminal

_BYTES: Mapping[str, str] = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "down": "\x1b[B",
    "ctrl+r": "\x12",
}


class Walk:
    """One way through the screen, opened at home on the missions of a folder."""

    def __init__(self, folder: Path, *, columns: int, rows: int) -> None:
        self.folder = folder
        self.keys = 0
        """How many keys were pressed, the letters of typed values aside."""
        self.pictures: dict[str, str] = {}
        """SVG pictures of what was seen, by name."""
        self._size = (columns, rows)
        self._terminal: Terminal | None = None
        folder.mkdir(exist_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a file of the folder."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, *words: str, actor: str = "cron") -> Ran:
        """Run a command beside the screen, on behalf of somebody."""
        return mission(
            self.folder / ".mission", *words, cwd=self.folder, env={"MISSION_ACTOR": actor}
        )

    def sit_down(self, *sights: str) -> None:
        """Open the screen and wait for what is to be seen there."""
        columns, rows = self._size
        env = environment(
            self.folder / ".mission",
            MISSION_ACTOR="ada",
            MISSION_MISSIONS=str(self.folder),
            COLORTERM="truecolor",
            EDITOR="vi",
        )
        self._terminal = Terminal([str(SCRIPT)], env, self.folder, columns=columns, rows=rows)
        self.see(*sights)

    @property
    def terminal(self) -> Terminal:
        """The terminal that the screen is on."""
        assert self._terminal is not None, "nobody has sat down yet"
        return self._terminal

    def see(self, *sights: str) -> None:
        """Wait until all of `sights` is on the screen."""
        self.terminal.wait_for(*sights)

    def press(self, key: str, *sights: str) -> None:
        """Press a key, and wait for what it leads to."""
        self.keys += 1
        self.terminal.send(_BYTES.get(key, key))
        self.see(*sights)

    def type_in(self, text: str, *sights: str) -> None:
        """Type a value into the field that has the focus."""
        self.terminal.send(text)
        self.see(*sights)

    def take_picture(self, name: str, *sights: str, is_moving: bool = False) -> None:
        """Keep a picture of `sights` and all around; at once if the screen `is_moving`."""
        self.terminal.settle(0.1 if is_moving else 0.4)
        missing = [one for one in sights if one not in self.terminal.text]
        assert not missing, f"{missing} not on\n{self.terminal.text}"
        self.pictures[name] = self.terminal.picture("Mission Deck")

    def leave(self) -> None:
        """End the screen, if it still runs."""
        if self._terminal is not None:
            self._terminal.kill()
