"""The identity of a process, safe against reuse of its pid, and whether it is still alive.

Linux tells a process apart by pid, start time (field 22 of `/proc/PID/stat`, proc(5)) and boot id.
The boot id is followed by a slash and the pid namespace: containers of one machine share the boot
but not the pids. Elsewhere `start_time` is 0 and only the absence of a process is certain.
"""

import os
from functools import cache
from pathlib import Path

from core.errors import NotFoundError
from core.ports.control import RunnerIdentity

_PROC = Path("/proc")


def identity(pid: int | None = None) -> RunnerIdentity:
    """Return the identity of a running process, by default this one; `NotFoundError` for none."""
    number = os.getpid() if pid is None else pid
    start_time = _start_time(number)
    if start_time is None and (_has_proc() or not _exists(number)):
        raise NotFoundError(f"no process {number} is running")
    return RunnerIdentity(
        pid=number, start_time=start_time or 0, boot_id=_boot_id(), host=os.uname().nodename
    )


def is_alive(runner: RunnerIdentity) -> bool | None:
    """Tell whether `runner` still runs; None if that cannot be determined from here.

    False after a reboot of this host, or when its pid is gone or another process has it.
    """
    if runner.host != os.uname().nodename:
        return None
    boot, _, namespace = runner.boot_id.partition("/")
    own_boot, _, own_namespace = _boot_id().partition("/")
    if boot != own_boot:
        return False
    if namespace != own_namespace:
        return None
    if _has_proc():
        return _start_time(runner.pid) == runner.start_time
    return None if _exists(runner.pid) else False


def _start_time(pid: int) -> int | None:
    """Return clock ticks since boot at which `pid` started; None for no process or a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # the name, in parentheses, may hold anything: count fields from its last parenthesis
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@cache
def _has_proc() -> bool:
    return (_PROC / "self/stat").exists()


@cache
def _boot_id() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return f"{boot}/{namespace}"
