"""Lines in the user's crontab, in the format of crontab(5), known by a comment behind them."""

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from shutil import which

from core.errors import NotFoundError, UnavailableError, UsageError
from tui.host.scheduling.scheduled_run import Schedule, ScheduledRun, require_one_line

MARK = "# missiondeck:"
_SECONDS = 20.0
_ALIASES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: Sequence[tuple[str, int, int, Sequence[str]]] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/([0-9]{1,4}))?", re.ASCII)


def check_cron(when: str) -> None:
    """Raise `UsageError`, which names the field, for what is no time of a crontab."""
    if when in _ALIASES:
        return
    fields = require_one_line(when, "the time").split(" ")
    if len(fields) != len(_FIELDS):
        raise UsageError(
            f"`{when}` has {len(fields)} fields, not five",
            hint='"MINUTE HOUR DAY MONTH WEEKDAY", such as "0 3 * * 1-5", or '
            + ", ".join(_ALIASES),
        )
    for text, (what, low, high, names) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, names) for part in text.split(",")):
            raise UsageError(f"`{text}` is no {what} of a crontab ({low} to {high})")


def cron_line(run: ScheduledRun) -> str:
    """Return the line of a run. `%` means a new line in a crontab, unless it is escaped."""
    variables = [f"{name}={shlex.quote(value)}" for name, value in run.environ.items()]
    words = " ".join([*variables, shlex.join(run.command)])
    command = f"cd {shlex.quote(run.folder)} && {words}"
    text = require_one_line(command, "the command").replace("%", "\\%")
    return f"{run.when} {text} {MARK}{run.name}"


def install(run: ScheduledRun, environ: Mapping[str, str]) -> None:
    """Put the line into the user's crontab, in place of one of the same name.

    Raises `UnavailableError` where the crontab cannot be read or written.
    """
    kept = [line for line in _read(environ) if not _is_of(line, run.name)]
    _write([*kept, cron_line(run)], environ)


def remove(name: str, environ: Mapping[str, str]) -> None:
    """Remove the line of a run; `NotFoundError` when there is none."""
    lines = _read(environ)
    kept = [line for line in lines if not _is_of(line, name)]
    if len(kept) == len(lines):
        raise NotFoundError(f"no line of the name {name} is in the crontab")
    _write(kept, environ)


def installed(environ: Mapping[str, str]) -> list[Schedule]:
    """Return the runs in the user's crontab; none where there is no cron."""
    if which("crontab", path=environ.get("PATH")) is None:
        return []
    found = [_schedule(line) for line in _read(environ) if MARK in line]
    return sorted(found, key=lambda one: one.name)


def _schedule(line: str) -> Schedule:
    text, _, name = line.rpartition(MARK)
    fields = 1 if text.startswith("@") else len(_FIELDS)
    parts = text.strip().split(" ", fields)
    return Schedule(
        name=name.strip(),
        by="cron",
        when=" ".join(parts[:fields]),
        command=parts[-1].replace("\\%", "%"),
    )


def _is_of(line: str, name: str) -> bool:
    return line.rstrip().endswith(f"{MARK}{name}")


def _is_part(part: str, low: int, high: int, names: Sequence[str]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    if match[2] is not None and ((match[1] != "*" and "-" not in match[1]) or int(match[2]) == 0):
        return False
    if match[1] == "*":
        return True
    numbers = [_number(word, low, names) for word in match[1].split("-")]
    return all(one is not None and low <= one <= high for one in numbers) and (
        len(numbers) == 1 or (numbers[0] or 0) <= (numbers[1] or 0)
    )


def _number(word: str, low: int, names: Sequence[str]) -> int | None:
    if word.isdigit():
        return int(word)
    return names.index(word.lower()) + low if word.lower() in names else None


def _read(environ: Mapping[str, str]) -> list[str]:
    done = _crontab(("-l",), None, environ)
    if done.returncode and "no crontab" not in done.stderr:
        raise UnavailableError(f"the crontab cannot be read: {done.stderr.strip()}")
    return [] if done.returncode else done.stdout.splitlines()


def _write(lines: Sequence[str], environ: Mapping[str, str]) -> None:
    done = _crontab(("-",), "".join(f"{line}\n" for line in lines), environ)
    if done.returncode:
        raise UnavailableError(f"the crontab cannot be written: {done.stderr.strip()}")


def _crontab(
    arguments: Sequence[str], text: str | None, environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    program = which("crontab", path=environ.get("PATH"))
    if program is None:
        raise UnavailableError(
            "there is no `crontab` here", hint="`--print` prints the line; `--on` uses systemd"
        )
    try:
        return subprocess.run(
            [program, *arguments],
            input=text,
            env={**environ, "LC_ALL": "C"},
            check=False,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"crontab does not answer: {error}") from error
