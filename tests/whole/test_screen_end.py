"""How the screen ends: by its user, by a bug of ours, by force; and what cannot end it."""

import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key

from tests.support.cli import SCRIPT, environment
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until
from tui.terminal.terminal_input import TerminalInput, events_of

CTRL_C = "\x03"
BROKEN = """
import sys
import tui.app
from tui.cli.frame import run

def act(self):
    {act}

tui.app.MissionDeckApp.action_next_theme = act
sys.exit(run([]))
"""


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([b"caf\xe9 \xff ol\xc3\xa9"], "caf  olé"),
        ([b"ol\xc3", b"\xa9"], "olé"),
        ([b"a\x1b[M \x800b"], "ab"),
        ([b"a\x1b[M \x80", b"0b"], "ab"),
        ([b"a\x1b[M", b" !!\x1b[<0;3;4Mb"], "a\x1b[<0;3;4Mb"),
        ([b"\x1b[A\x1b[200~M\x1b[201~"], "\x1b[A\x1b[200~M\x1b[201~"),
    ],
)
def test_what_is_no_text_is_dropped_from_the_input(parts: list[bytes], text: str) -> None:
    decoder = TerminalInput()
    assert "".join(map(decoder.take, parts)) + decoder.take(b"", final=True) == text


def test_input_that_was_dropped_altogether_is_not_the_end_of_it() -> None:
    parser, decoder = XTermParser(), TerminalInput()
    assert list(events_of(parser, decoder.take(b"\xff"))) == []
    assert [
        event.key for event in events_of(parser, decoder.take(b"a")) if isinstance(event, Key)
    ] == ["a"]


class Opened:
    """Terminals that are closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder = folder / "home", folder
        self._all: list[Terminal] = []

    def __call__(self, *argv: str) -> Terminal:
        env = environment(self.home)
        terminal = Terminal(argv, env, self.folder, columns=100, rows=30)
        self._all.append(terminal)
        terminal.wait_for("Missions", "help")
        return terminal

    def broken(self, act: str) -> Terminal:
        """The screen with a bug behind the key `T`."""
        return self(sys.executable, "-c", BROKEN.format(act=act))

    def close(self) -> None:
        for terminal in self._all:
            terminal.kill()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    found = Opened(tmp_path)
    yield found
    found.close()


def is_cooked(terminal: Terminal) -> bool:
    """Tell whether the terminal echoes and makes signals of keys, as a shell expects."""
    flags = termios.tcgetattr(terminal.fd)[3]
    return bool(flags & termios.ECHO and flags & termios.ISIG and flags & termios.ICANON)


def test_bytes_that_are_no_text_do_not_end_the_screen_and_ctrl_c_twice_does(
    opened: Opened,
) -> None:
    terminal = opened(str(SCRIPT))
    for data in (b"\xff", b"\x1b[M \x800", b"caf\xe9", b"\xc3"):
        terminal.send_bytes(data)
    terminal.send("?")
    terminal.wait_for("search the keys")
    terminal.send(CTRL_C)  # also while a dialog is open and a field has the focus
    terminal.wait_for("press ctrl+c again to quit")
    terminal.send(CTRL_C + CTRL_C)  # two, should the first have been seen too long ago
    assert terminal.wait_for_end(is_cooked) == 130
    assert terminal.modes_left_on == set()
    assert not list(opened.home.glob("logs/bug-*"))


def test_a_bug_gives_the_terminal_back_and_names_its_report(opened: Opened) -> None:
    terminal = opened.broken("raise KeyError('no such thing')")
    terminal.send("T")
    assert terminal.wait_for_end(is_cooked) == 70
    assert "error[BUG]: KeyError: 'no such thing'" in terminal.text
    (report,) = (opened.home / "logs").glob("bug-*.txt")
    assert "no such thing" in report.read_text(encoding="utf-8")
    assert "locals" not in terminal.text, "a picture of our variables helps nobody at 3 a.m."
    assert terminal.modes_left_on == set()


def test_ctrl_c_twice_ends_a_screen_that_is_stuck(opened: Opened) -> None:
    terminal = opened.broken("open('stuck', 'w').close()\n    while True: pass")
    terminal.send("T")
    wait_until((opened.folder / "stuck").exists, "the screen is stuck")
    terminal.send(CTRL_C)
    terminal.send(CTRL_C)
    assert terminal.wait_for_end(is_cooked) == 70
    assert "error[BUG]: the screen did not answer" in terminal.text
    assert terminal.modes_left_on == set()
    (report,) = (opened.home / "logs").glob("bug-*.txt")
    assert ", in act" in report.read_text(encoding="utf-8")
