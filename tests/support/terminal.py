"""Runs a program on a pseudo-terminal, and emulates the terminal with `pyte` to read its screen."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

from tests.support.terminal_picture import picture_of

_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the session's own, so that a new size reaches the program as SIGWINCH."""

_MODE = re.compile(rb"\x1b\[\?(\d+)([hl])")
PATIENCE_SECONDS = 60.0
"""Seconds a screen may take to show what is waited for, on a machine that does other things."""


class Terminal:
    """A program on a terminal of its own."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, *, columns: int, rows: int
    ) -> None:
        self._fd, slave = pty.openpty()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = bytearray()
        self.resize(columns, rows)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**env, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """What the screen shows, without the blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def picture(self, title: str) -> str:
        """Return what the screen shows as SVG."""
        return picture_of(self._screen, title)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size; the program is told by SIGWINCH."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)

    @property
    def fd(self) -> int:
        """The terminal's own end."""
        return self._fd

    @property
    def modes_left_on(self) -> set[int]:
        """The private modes that were turned on and never off: mouse, paste, other screen, ..."""
        left: set[int] = set()
        for mode, switch in _MODE.findall(bytes(self._drawn)):
            (left.add if switch == b"h" else left.discard)(int(mode))
        return left - {7, 25}  # lines wrap and the cursor is seen, as ever

    def send(self, keys: str) -> None:
        """Type."""
        self.send_bytes(keys.encode())

    def send_bytes(self, data: bytes) -> None:
        """Send what no keyboard would."""
        os.write(self._fd, data)

    def wait_for(self, *wanted: str) -> None:
        """Read what the program draws until all of `wanted` is on the screen."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(text in self.text for text in wanted):
            left = end - time.monotonic()
            assert left > 0, f"never saw {wanted} in\n{self.text}"
            assert self._read(min(left, 0.1)), f"it ended before {wanted}:\n{self.text}"

    def settle(self, quiet_seconds: float = 0.3) -> None:
        """Read until the program has written nothing for a moment: a picture may come in parts."""
        end = time.monotonic() + PATIENCE_SECONDS
        drawn = -1
        while drawn != len(self._drawn) and time.monotonic() < end:
            drawn = len(self._drawn)
            self._read(quiet_seconds)

    def wait_for_end(self, holds: Callable[["Terminal"], bool] | None = None) -> int:
        """Read until the program ends and return its exit code; `holds` must be true then."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read(0.1):
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
        if self._process.returncode is None:
            self._process.wait(PATIENCE_SECONDS)
            held = holds is None or holds(self)
            os.close(self._fd)
            assert held, f"{holds} does not hold at its end"
        return self._process.returncode

    def kill(self) -> None:
        """End the program at once, if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
            self.wait_for_end()

    def _read(self, seconds: float) -> bool:
        """Show what arrives within `seconds`; False when the program has closed its terminal."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other end is gone
            return False
        self._stream.feed(data)
        self._drawn += data
        return bool(data)
