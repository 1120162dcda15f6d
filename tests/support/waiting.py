"""Wait for what another process does, by looking: patient enough for a machine under load."""

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.02


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Return as soon as `holds()` is true; fail with `what` when it never gets true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(_PAUSE_SECONDS)


def wait_until_open(pid: int, path: Path) -> None:
    """Wait until a process has a file open, as /proc tells."""
    wait_until(lambda: path.resolve() in _open_files(pid), f"process {pid} opens {path}")


def kill_and_wait(pid: int) -> None:
    """Kill a process, which need not be a child, and return once it is dead."""
    process = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        assert select.select([process], [], [], PATIENCE_SECONDS)[0], f"{pid} survives SIGKILL"
    finally:
        os.close(process)


def _open_files(pid: int) -> set[Path]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(link.readlink())
        except FileNotFoundError:  # closed since it was listed
            continue
    return found
