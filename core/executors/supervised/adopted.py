"""What the runner does with processes that only a killed supervisor knew.

The runner is a child subreaper, too (prctl(2)): when its supervisor dies, the jobs and whatever
they left become children of the runner, which ends them.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from core.executors.spawn import JOB_VARIABLE, KEPT_VARIABLE
from core.executors.tree import ProcessInfo, environment_value, read_process

KILL_SECONDS = 5.0
_PAUSE_SECONDS = 0.01
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Adopt orphaned descendants from now on; does nothing where the system cannot."""
    import ctypes  # takes milliseconds, and only Linux needs it

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_adopted(since: int, spared: frozenset[int], running: Collection[str]) -> int:
    """KILL and wait for adopted children until none is left; return how many could not be ended.

    Adopted are children of other sessions that began after `since` (clock ticks since boot), and
    all below them. `spared` are pids to leave alone; so is what other jobs than the `running` ones
    (their keys) left on purpose. Blocks for `KILL_SECONDS` at most.
    """
    end = time.monotonic() + KILL_SECONDS
    while True:
        adopted = [
            child
            for child in _children()
            if _is_adopted(child, since, spared) and not _is_kept(child.pid, running)
        ]
        if not adopted or time.monotonic() >= end:
            return len(adopted)
        for process in adopted:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)
        for process in adopted:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def _is_adopted(process: ProcessInfo, since: int, spared: frozenset[int]) -> bool:
    return process.start >= since and process.pid not in spared and process.session != os.getsid(0)


def _is_kept(pid: int, running: Collection[str]) -> bool:
    key = environment_value(pid, JOB_VARIABLE)
    if key is None or environment_value(pid, KEPT_VARIABLE) is None:
        return False
    return key.decode("utf-8", "surrogateescape") not in running


def _children() -> list[ProcessInfo]:
    found = []
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for pid in listed.read_text("ascii").split():
                process = read_process(int(pid))
                if process is not None:
                    found.append(process)
    return found
