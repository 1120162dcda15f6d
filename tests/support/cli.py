"""Runs the command: as a console script like users do, or within this process."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.warm_start import LOCALE, WarmStart, starts_alike

SCRIPT = Path(sys.executable).with_name("mission")
WARM = WarmStart()
COLD = "MISSION_SEARCH" in os.environ or "coverage" in sys.modules
"""Whether each command gets an interpreter of its own, as in the long suite."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command: exit code, stdout and stderr as text."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def ndjson(self) -> list[Any]:
        """The JSON documents on stdout, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user whose MISSION_HOME is `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MISSION_")}
    return {**kept, "MISSION_HOME": str(home), **LOCALE, **more}


def mission(
    home: Path,
    *arguments: str,
    cwd: Path | None = None,
    input: str | bytes | None = None,  # noqa: A002 - the word of subprocess.run
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    prefix: Sequence[str] = (),
) -> Ran:
    """Run the console script in a process of its own, off a terminal.

    `prefix` is a command that starts it, with its options.
    """
    command = [*prefix, str(SCRIPT), *arguments]
    variables = environment(home, **(env or {}))
    given = input.encode() if isinstance(input, str) else input
    if prefix or COLD or not starts_alike(variables):
        done = subprocess.run(
            command,
            capture_output=True,
            cwd=cwd,
            input=given,
            env=variables,
            timeout=timeout,
            stdin=subprocess.DEVNULL if given is None else None,
            check=False,
        )
    else:
        done = WARM.run(command, cwd, variables, given or b"", timeout)
    return Ran(
        done.returncode,
        done.stdout.decode(errors="surrogateescape"),
        done.stderr.decode(errors="surrogateescape"),
    )


def start(home: Path, *arguments: str, **more: Any) -> "subprocess.Popen[bytes]":
    """Start the console script and leave it running, its output on pipes."""
    return subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
        **more,
    )


def on_a_terminal(
    home: Path, *arguments: str, columns: int = 100, question: bytes = b"", answer: bytes = b""
) -> Ran:
    """Run the console script on a terminal of its own; `out` is what it drew.

    Once `question` has been drawn, `answer` is typed.
    """
    main, side = pty.openpty()
    child = subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=side,
        stdout=side,
        stderr=side,
        env=environment(home, TERM="xterm", COLUMNS=str(columns), LINES="24"),
    )
    os.close(side)
    drawn = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                data = os.read(main, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            drawn += data
        if answer and question in drawn:
            os.write(main, answer)
            answer = b""
    os.close(main)
    return Ran(child.wait(10), drawn.decode(), "")


class Inside:
    """Runs the command line within this process, for tests that need no separate process."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self._capfd = capfd
        for name in [name for name in os.environ if name.startswith("MISSION_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("MISSION_HOME", str(home))

    def taken(self) -> str:
        """Return and forget what was written to stdout since the last call."""
        return self._capfd.readouterr().out

    def __call__(self, *arguments: str) -> Ran:
        """Run one command line."""
        from tui.cli.frame import run

        self._capfd.readouterr()
        code = run(arguments)
        out, err = self._capfd.readouterr()
        return Ran(code, out, err)
