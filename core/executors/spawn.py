"""Turning a job into a process in its own session, with pipes for its output.

The only place that starts processes: a supervisor process can take it over without the rest.
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

from core.domain.process_policy import NO_LIMITS, Leftovers
from core.executors import limit_launcher
from core.executors.lookup import (
    ImpossibleError,
    Lookup,
    UnstartableError,
    explain,
    nul_in,
    refusal,
)
from core.executors.process_limits import CONTROLLERS, resource_limits, unenforceable
from core.ports.executor import Job, JobFile

JOB_VARIABLE = "MISSION_JOB"
"""Names the attempt in a child's environment; by it a process that left its session is found."""

KEPT_VARIABLE = "MISSION_LEFTOVERS_KEPT"
"""Set for a job whose processes may outlive it on purpose (`leftovers: keep`)."""

RUNNER_VARIABLE = "MISSION_RUNNER"
"""Names the runner in its supervisor's environment."""

_RESET = tuple(
    signal.Signals[name]
    for name in (
        *("SIGHUP", "SIGINT", "SIGQUIT", "SIGPIPE", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCHLD"),
        *("SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGCONT", "SIGWINCH", "SIGXFSZ"),
    )
    if name in signal.Signals.__members__
)
"""What a child starts with: the system's ways, whatever this process ignores or handles."""

_LAUNCHER = Path(limit_launcher.__file__).read_text("utf-8")
"""Read when this module is loaded: another version of the file would take other orders."""

_RETRYABLE = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})


class ExhaustedError(UnstartableError):
    """Raised when the system has no descriptor, process or memory left; it may have later."""


class Spawned(Struct, frozen=True):
    """A running process and the reading ends of its pipes."""

    pid: int
    out: int
    err: int


class OpenedJob:
    """A job with its program found and its descriptors open, before there is a process.

    `path` is the job's program; `program` and `argv` are what is started so that the limits of the
    job hold for it. `ends` are the descriptors of the process: its stdin, stdout and stderr.
    """

    __slots__ = (
        "_door",
        "_fds",
        "_outputs",
        "argv",
        "ends",
        "env",
        "is_here",
        "job",
        "path",
        "program",
    )

    def __init__(
        self,
        job: Job,
        path: str,
        env: dict[str, str],
        is_here: bool,
        ends: tuple[int, int, int],
        outputs: tuple[int, int],
        fds: list[int],
        door: str | None,
    ) -> None:
        self.job = job
        self._door = door
        self.found_at(path)
        self.env = env
        self.is_here = is_here
        self.ends = ends
        self._outputs = outputs
        self._fds = fds

    def found_at(self, path: str) -> None:
        """Take the path of the program."""
        self.path = path
        self.program, self.argv = _within_limits(path, self.job, self._door)

    def started(self, pid: int) -> Spawned:
        """Hand the reading ends of the output over."""
        out, err = self._outputs
        self._fds.remove(out)
        self._fds.remove(err)
        return Spawned(pid, out, err)

    def close(self) -> None:
        """Close what was not handed over. Idempotent."""
        while self._fds:
            os.close(self._fds.pop())


class Spawner:
    """Starts jobs. `portable` avoids what only Linux has."""

    def __init__(self, *, portable: bool) -> None:
        self._portable = portable
        self._lookup = Lookup()
        self._null: int | None = None

    def spawn(self, job: Job) -> Spawned:
        """Start `job`; raise `UnstartableError`, an `ImpossibleError` if the cause lasts."""
        opened = self.open(job)
        try:
            start = _start_elsewhere if self._portable or not opened.is_here else _start_here
            try:
                pid = start(opened)
            except FileNotFoundError:
                if not self.find_again(opened):
                    raise
                pid = start(opened)
            return opened.started(pid)
        except OSError as error:
            raise self.failure(error, opened) from error
        except (ValueError, TypeError) as error:  # NUL, or what is no text, in argv or environment
            raise ImpossibleError(f"cannot start the process: {error}") from error
        finally:
            opened.close()

    def open(self, job: Job, door: str | None = None) -> "OpenedJob":
        """Find the program of `job` and open its descriptors; raises as `spawn`.

        `door` is the file by which the process enters a control group of its own.
        """
        if not job.argv:
            raise ImpossibleError("the command is empty")
        fds: list[int] = []
        try:
            is_here = _is_here(job.cwd)
            path = self._lookup.find(job.argv[0], job.env, job.cwd)
            if job.file is not None:
                _write(job.file)
            stdin = self._devnull()
            if job.stdin is not None:
                stdin = _file_of(job.stdin)
                fds.append(stdin)
            out, out_end = _pipe()
            fds += (out, out_end)
            err, err_end = _pipe()
            fds += (err, err_end)
            env = {**job.env, JOB_VARIABLE: job.key, "PWD": job.cwd}
            if job.leftovers is Leftovers.KEEP:
                env[KEPT_VARIABLE] = "1"
            else:
                env.pop(KEPT_VARIABLE, None)  # a mission may run within a step of another
            ends = stdin, out_end, err_end
            return OpenedJob(job, path, env, is_here, ends, (out, err), fds, door)
        except BaseException as error:
            for fd in fds:
                os.close(fd)
            if isinstance(error, OSError):
                raise self.failure(error, job) from error
            raise

    def find_again(self, opened: "OpenedJob") -> bool:
        """Look for a program anew that is gone from where it was; False when it was not cached."""
        job = opened.job
        if not self._lookup.forget(job.argv[0], job.env, job.cwd):
            return False
        opened.found_at(self._lookup.find(job.argv[0], job.env, job.cwd))
        return True

    def failure(self, error: OSError, failed: "Job | OpenedJob") -> UnstartableError:
        """Return the error to raise when the system refused to start a job."""
        job = failed if isinstance(failed, Job) else failed.job
        if error.errno in _RETRYABLE:
            return ExhaustedError(f"cannot start `{job.argv[0]}`: {error.strerror}")
        if error.errno == errno.EINVAL and (nul := nul_in(job)) is not None:
            return ImpossibleError(f"cannot start `{job.argv[0]}`: {nul}")
        if isinstance(failed, OpenedJob):
            return refusal(error, explain(error, job.argv[0], failed.path))
        return refusal(error, f"cannot start `{job.argv[0]}`: {error}")

    def close(self) -> None:
        """Free what is kept between jobs. Idempotent."""
        if self._null is not None:
            os.close(self._null)
            self._null = None

    def _devnull(self) -> int:
        if self._null is None:
            _keep_from_children()
            _wait_for_children()
            _ignore_alone()
            # Descriptors 0 to 2 must be taken, or a pipe could get one of them and be overwritten.
            while (fd := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) <= 2:
                pass
            self._null = fd
        return self._null


def _keep_from_children() -> None:
    """Mark what we inherited ourselves: `posix_spawn` would pass it on to every job."""
    if os.path.isdir("/dev/fd"):  # noqa: PTH112 - a plain question
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names are what is wanted
            if name.isdigit() and int(name) > 2:
                with contextlib.suppress(OSError):  # the folder's own is closed by now
                    os.set_inheritable(int(name), False)


def _wait_for_children() -> None:
    """Undo an inherited wish to ignore ended children: their exit codes would be lost."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # only the main thread may
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _ignore_alone() -> None:
    """Ignore by a handler what we were started to ignore: children would inherit SIG_IGN."""
    for number in _RESET:
        if number not in _PYTHON_IGNORES and signal.getsignal(number) is signal.SIG_IGN:
            with contextlib.suppress(ValueError):  # only the main thread may
                signal.signal(number, _pass_by)


def _pass_by(_number: int, _frame: object) -> None:
    """Do nothing."""


_PYTHON_IGNORES = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
"""What every Python ignores, and `subprocess` gives back to its children."""


def _is_here(cwd: str) -> bool:
    """Tell whether `cwd` is our own working directory; raise when it is none at all."""
    try:
        if cwd == os.getcwd():  # noqa: PTH109 - hot path
            return True
        return os.path.samestat(os.stat(cwd + "/."), os.stat("."))  # noqa: PTH116 - hot path
    except NotADirectoryError:
        raise ImpossibleError(f"the working directory {cwd} is not a directory") from None
    except FileNotFoundError:
        raise ImpossibleError(f"the working directory {cwd} does not exist") from None
    except ValueError:
        raise ImpossibleError("the working directory contains a NUL character") from None
    except PermissionError:
        raise ImpossibleError(f"the working directory {cwd} may not be entered") from None


def _pipe() -> tuple[int, int]:
    # The reading end may block: it is read only when the kernel says that there is something.
    return os.pipe()


def _file_of(data: bytes) -> int:
    """Return a descriptor that reads `data`: a child that does not read it blocks nobody."""
    if sys.platform == "linux":
        fd = os.memfd_create("stdin")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError:
        os.close(fd)
        raise
    return fd


def _within_limits(path: str, job: Job, door: str | None) -> tuple[str, tuple[str, ...]]:
    """Return what to start so that the limits of `job` hold for the program at `path`.

    Limits for all processes together are those of the group behind `door`.
    """
    if job.limits == NO_LIMITS and door is None:
        return path, job.argv
    reason = unenforceable(job.limits, has_group=door is not None)
    if reason is None and door is None and CONTROLLERS.keys() & set(job.limits.names):
        reason = "only a supervised runner puts jobs into groups"
    if reason is not None:
        raise ImpossibleError(f"cannot start `{job.argv[0]}` within its limits: {reason}")
    orders = {
        "limits": resource_limits(job.limits),
        "nice": job.limits.nice or 0,
        "group": door,
        "has_lc_ctype": "LC_CTYPE" in job.env,
    }
    launcher = ("python", "-I", "-S", "-c", _LAUNCHER, json.dumps(orders), path)
    return sys.executable, (*launcher, *job.argv)


def _write(file: JobFile) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with os.fdopen(os.open(file.path, flags, 0o600), "wb") as opened:
        opened.write(file.content)


def _start_here(opened: OpenedJob) -> int:
    return os.posix_spawn(
        opened.program,
        opened.argv,
        opened.env,
        file_actions=[(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(opened.ends)],
        setsid=True,
        setsigmask=(),
        setsigdef=_RESET,
    )


def _start_elsewhere(opened: OpenedJob) -> int:
    stdin, stdout, stderr = opened.ends
    process = subprocess.Popen(
        opened.argv,
        executable=opened.program,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=opened.job.cwd,
        env=opened.env,
        start_new_session=True,
    )
    process.returncode = 0  # it is waited for by its pid; without this Popen would do so too
    return process.pid
