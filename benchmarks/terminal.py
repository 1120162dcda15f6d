"""Runs a screen on a pseudo-terminal: input, drawn output, and its CPU and memory use."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.measure import MeasureError, surroundings

KEPT_BYTES = 256 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A process on a terminal of its own; ends it on leaving the block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        columns: int = 120,
        rows: int = 40,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        wanted = {**surroundings(), **env}
        wanted.pop("NO_COLOR", None)  # as people have it
        self._shown = b""
        self._started = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=cwd, start_new_session=True,
            env={**wanted, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )  # fmt: skip
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        """Read what it draws, as a terminal does, and keep the last part."""
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody holds the other end any more
                return
            self._shown = (self._shown + data)[-KEPT_BYTES:]

    def wait_for(self, *texts: str, seconds: float = 30.0) -> float:
        """Return the seconds from the start until all of `texts` were drawn; `MeasureError`."""
        wanted = [text.encode() for text in texts]
        while not all(text in self._shown for text in wanted):
            if time.perf_counter() - self._started > seconds or self._process.poll() is not None:
                raise MeasureError(
                    f"the screen never showed {texts}: {bytes(self._shown)[-300:]!r}"
                )
            time.sleep(0.001)
        return time.perf_counter() - self._started

    @property
    def cpu(self) -> float:
        """Seconds of CPU it has used so far, without its children's."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Megabytes at its peak."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
