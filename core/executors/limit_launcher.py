"""Puts its own process into limits and groups and executes the job's program, by `python -I -S`.

`posix_spawn` cannot set limits, and setting them in the runner would hold for its threads too.
Imports nothing of the project, so that it starts quickly.
"""

import json
import os
import resource
import signal
import sys

NOT_EXECUTABLE = 126
NOT_FOUND = 127


def main() -> None:
    """Take orders (JSON), the program's path and its arguments from the command line."""
    orders, path, *argv = sys.argv[1:]
    wanted = json.loads(orders)
    if wanted["group"] is not None:
        try:
            enter(wanted["group"])
        except OSError as error:
            fail(NOT_EXECUTABLE, f"cannot start {argv[0]}: no way into its cgroup", error)
    env = dict(os.environb)
    if not wanted["has_lc_ctype"]:
        env.pop(b"LC_CTYPE", None)  # Python itself sets it in the C locale (PEP 538)
    os.nice(wanted["nice"])
    for kind, soft, hard in wanted["limits"]:
        resource.setrlimit(kind, (soft, hard))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by every Python
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, argv, env)  # noqa: S606 - no shell is wanted
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        fail(code, f"cannot start {argv[0]}", error)


def enter(door: str) -> None:
    """Move this process into the control group whose `cgroup.procs` this is."""
    handle = os.open(door, os.O_WRONLY | os.O_CLOEXEC)
    os.write(handle, b"0")
    os.close(handle)


def fail(code: int, what: str, error: OSError) -> None:
    """Say what the system refused, and exit."""
    sys.stderr.write(f"{what}: {error.strerror}\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
