"""Where a command is: the search of `execvp`, with messages that help."""

import errno
import os
import stat
from collections.abc import Mapping

from core.ports.executor import Job


class UnstartableError(Exception):
    """Raised within an executor when a job cannot become a process; says why, for the operator."""


class ImpossibleError(UnstartableError):
    """Raised when the cause is one that lasts: the job can never start as it is."""


LASTING = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ENOEXEC,
        errno.E2BIG,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
    }
)
"""Errors of the system that another try meets again."""


def refusal(error: OSError, message: str) -> UnstartableError:
    """Return the error to raise for one of the system: an `ImpossibleError` where it lasts."""
    return (ImpossibleError if error.errno in LASTING else UnstartableError)(message)


class Lookup:
    """Finds executables and remembers where they were; `forget` is for one that is gone."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}
        self._checked: set[str] = set()

    def find(self, command: str, env: Mapping[str, str], cwd: str) -> str:
        """Return the absolute path of `command`; raise `ImpossibleError` when there is none.

        A command with a slash is a path, relative to `cwd`; any other is looked for on the job's
        own PATH.
        """
        if not command:
            raise ImpossibleError("the command is empty")
        if "\0" in command:
            raise ImpossibleError("the command contains a NUL character")
        if "/" in command:
            place = os.path.join(cwd, command)  # noqa: PTH118 - hot path
            if place not in self._checked:
                _checked(place, command)
                self._checked.add(place)
            return place
        path = env.get("PATH", os.defpath)
        found = self._found.get((command, path))
        if found is None:
            found = _search(command, path, cwd)
            if all(folder.startswith("/") for folder in path.split(":")):
                self._found[command, path] = found
        return found

    def forget(self, command: str, env: Mapping[str, str], cwd: str) -> bool:
        """Drop what is remembered of `command`; tell whether there was anything."""
        if "/" in command:
            place = os.path.join(cwd, command)  # noqa: PTH118 - as it was found
            known = place in self._checked
            self._checked.discard(place)
            return known
        return self._found.pop((command, env.get("PATH", os.defpath)), None) is not None


def explain(error: OSError, command: str, path: str) -> str:
    """Say why the system refused to start `path`."""
    if error.errno == errno.ENOENT and os.path.exists(path):  # noqa: PTH110 - a plain question
        return f"cannot start `{command}`: the interpreter named in its `#!` line does not exist"
    if error.errno == errno.ENOENT:
        return f"command not found: `{command}`"
    if error.errno == errno.ENOEXEC:
        return (
            f"cannot start `{command}`: it is not a program "
            "(a script needs a `#!` line to say what runs it)"
        )
    if error.errno == errno.E2BIG:
        return f"cannot start `{command}`: arguments and environment are too long for the system"
    return f"cannot start `{command}`: {error.strerror or error}"


def _search(command: str, path: str, cwd: str) -> str:
    denied = ""
    for folder in path.split(":"):
        candidate = os.path.join(cwd, folder, command)  # noqa: PTH118 - hot path
        try:
            return _checked(candidate, command)
        except UnstartableError:
            if os.path.isfile(candidate):  # noqa: PTH113 - hot path
                denied = candidate
    if denied:
        raise ImpossibleError(f"permission denied: `{denied}` is not executable (chmod +x)")
    hint = ""
    if os.path.isfile(os.path.join(cwd, command)):  # noqa: PTH113, PTH118 - hot path
        hint = f"; there is a file of that name in the working directory: write `./{command}`"
    elif " " in command.strip():
        hint = (
            "; `command` is one program: write its arguments in `args`, "
            "or use a `script` step for a shell"
        )
    raise ImpossibleError(f"command not found: `{command}`{hint}")


def _checked(path: str, command: str) -> str:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - hot path
    except (FileNotFoundError, NotADirectoryError):
        raise ImpossibleError(f"command not found: `{command}` (looked at {path})") from None
    except ValueError as error:
        raise ImpossibleError(f"cannot start `{command}`: {error}") from error
    except OSError as error:
        raise refusal(error, f"cannot start `{command}`: {error}") from error
    if stat.S_ISDIR(mode):
        raise ImpossibleError(f"cannot start `{command}`: it is a directory")
    if not os.access(path, os.X_OK):
        raise ImpossibleError(f"permission denied: `{path}` is not executable (chmod +x)")
    return path


def nul_in(job: Job) -> str | None:
    """Return in words where a job has a NUL character, which no process can be given."""
    for name, value in job.env.items():
        if "\0" in str(value):
            return f"the variable `{name}` has a NUL character"
    number = next((number for number, word in enumerate(job.argv) if "\0" in word), None)
    return None if number is None else f"argument {number} has a NUL character"
