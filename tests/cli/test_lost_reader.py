"""A run whose output nobody takes: it ends with the mission's own outcome and the same records."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.read.reader import open_reader
from tests.support.cli import SCRIPT, environment
from tui.output import json_shapes

MISSION = """
version: "1.0"
name: onlooked
steps:
  - {id: look, step_type: command,
     parameters: {command: sh, args: ["-c", "touch begun; sleep 1.2"]}}
  - {id: fall, step_type: command, depends_on: [look], continue_on_error: true,
     retry: {max_attempts: 2, initial_interval: 1ms, jitter: 0},
     parameters: {command: sh, args: ["-c", "echo the real reason >&2; exit 3"]}}
  - {id: end, step_type: command, depends_on: [fall],
     parameters: {command: sh, args: ["-c", "exit 4"]}}
handlers:
  on_failure: [{id: clean, step_type: command, parameters: {command: touch, args: [cleaned]}}]
"""
IN_A_TERMINAL = (
    "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
)
COMMAND = [str(SCRIPT), "run", "m.yaml"]


class Reader:
    """A run and the way its reader goes away, once the first step has begun."""

    def __init__(self, folder: Path, way: str, *arguments: str) -> None:
        folder.mkdir()
        (folder / "m.yaml").write_text(MISSION, encoding="utf-8")
        self.folder, self.way = folder, way
        self.process, self.lose = getattr(self, way)([*COMMAND, *arguments])

    def start(self, command: list[str], **streams: Any) -> "subprocess.Popen[bytes]":
        """Start the command with its stderr thrown away, unless `streams` says otherwise."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment(self.folder / "home"),
            **{"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams},
        )

    def kept(self, command: list[str]) -> Any:
        """Nothing is lost: what the others are compared with."""
        return self.start(command, stdout=subprocess.DEVNULL), lambda: None

    def pipe_closed(self, command: list[str]) -> Any:
        """`| head -1`."""
        reading, writing = os.pipe()
        process = self.start(command, stdout=writing, stderr=writing)
        os.close(writing)
        return process, lambda: os.close(reading)

    def pipe_full(self, command: list[str]) -> Any:
        """A reader that is there and never reads."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, bytes(4096)):
                pass
        os.set_blocking(writing, True)
        process = self.start(command, stdout=writing, stderr=writing)
        os.close(writing)
        self.unread = reading
        return process, lambda: None

    def terminal_closed(self, command: list[str]) -> Any:
        """The window is closed, or ssh drops."""
        master, slave = os.openpty()
        inside = [sys.executable, "-c", IN_A_TERMINAL, str(slave), *command]
        process = self.start(inside, pass_fds=[slave], stdout=None, stderr=None)
        os.close(slave)
        return process, lambda: os.close(master)

    def disk_full(self, command: list[str]) -> Any:
        """`>/dev/full 2>&1`."""
        with Path("/dev/full").open("wb") as full:
            return self.start(command, stdout=full, stderr=full), lambda: None

    def streams_closed(self, command: list[str]) -> Any:
        """`<&- >&- 2>&-`."""
        return self.start(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]), lambda: None

    def hang_up(self, command: list[str]) -> Any:
        """SIGHUP."""
        process = self.start(command, stdout=subprocess.DEVNULL)
        return process, lambda: process.send_signal(signal.SIGHUP)

    def has_begun(self) -> bool:
        return (self.folder / "begun").exists()

    def records(self) -> list[tuple[Any, ...]]:
        """The events, without instants and ids."""
        reader = open_reader(self.folder / "home" / "missions.db")
        try:
            told = [json_shapes.event(event) for event in reader.audit_events()]
        finally:
            reader.close()
        names = ("type", "task_id", "attempt", "from_state", "state", "reason_code", "exit_code")
        return [tuple(event.get(name) for name in names) for event in told]


WAYS = ("pipe_closed", "pipe_full", "terminal_closed", "disk_full", "streams_closed", "hang_up")
RUNS = [("kept",), *((way,) for way in WAYS), ("pipe_full", "--json"), ("disk_full", "--json")]


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Reader]]:
    """All runs at once: each takes its time, none takes much of the processor."""
    started = [Reader(tmp_path / f"{n}", *arguments) for n, arguments in enumerate(RUNS)]
    yield started
    for one in started:
        one.process.kill()
        one.process.wait()


def test_losing_the_reader_changes_neither_outcome_nor_records(runs: list[Reader]) -> None:
    end = time.monotonic() + 40
    waiting = list(runs)
    while waiting and time.monotonic() < end:
        for one in [one for one in waiting if one.has_begun()]:
            one.lose()
            waiting.remove(one)
        time.sleep(0.02)
    codes = [(one.way, one.process.wait(40)) for one in runs]
    assert codes == [(way, 1) for way, *_ in RUNS]
    kept, *others = runs
    expected = kept.records()
    assert ("attempt.ended", "clean", 1, "RUNNING", "SUCCESS", "EXIT_ZERO", 0) in expected
    for one in others:
        assert one.records() == expected, one.way
        assert (one.folder / "cleaned").exists()


GATED = """
version: "1.0"
name: gated
steps:
  - {id: gate, step_type: approval, parameters: {prompt: "Go on?"}}
  - {id: nap, step_type: command, depends_on: [gate], parameters: {command: sleep, args: ["30"]}}
"""
CLOSED, FULL = "<&- >&- 2>&-", "</dev/null >/dev/full 2>&1"
DONE = (
    ("run --detach gated.yaml", CLOSED),
    ("pause @last", FULL),
    ("resume @last", CLOSED),
    ("approve @last gate", FULL),
    ("cancel @last --wait", FULL),
    ("retry @last --json", FULL),
    ("cancel @last --wait --json", CLOSED),
    ("rerun @last", FULL),
    ("reject @last", CLOSED),
)


def test_what_was_done_is_exit_0_though_nobody_could_be_told(tmp_path: Path) -> None:
    (tmp_path / "gated.yaml").write_text(GATED, encoding="utf-8")
    home = tmp_path / "home"
    for arguments, streams in DONE:
        done = subprocess.run(
            ["sh", "-c", f"exec '{SCRIPT}' {arguments} {streams}"],
            cwd=tmp_path,
            env=environment(home),
            check=False,
        )
        assert done.returncode == 0, arguments
    reader = open_reader(home / "missions.db")
    try:
        found = reader.executions()
        assert [one.state.value for one in reversed(found)][:2] == ["CANCELLED", "CANCELLED"]
        assert found[0].rerun_of == found[1].execution_id
        assert found[1].retry_of == found[2].execution_id
    finally:
        reader.close()


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-"])
def test_words_that_cannot_be_said_change_no_exit_code(streams: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("version: '1.0'\nname: m\nsteps: []\n", encoding="utf-8")
    told = [("ls", 0), ("validate m.yaml", 3), ("run m.yaml", 3), ("run - <&-", 2), ("show x", 4)]
    for arguments, code in told:
        command = f"exec '{SCRIPT}' {arguments} >/dev/null {streams}"
        env = environment(tmp_path / "home")
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, check=False)
        assert done.returncode == code, arguments
