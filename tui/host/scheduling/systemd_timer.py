"""Timers of the user's systemd: their unit files, and what `systemctl --user` says of them.

The formats are those of systemd.service(5), systemd.timer(5) and systemd.syntax(7).
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which

from core.errors import NotFoundError, UnavailableError, UsageError
from tui.host.scheduling.scheduled_run import Schedule, ScheduledRun, require_one_line

PREFIX = "missiondeck-"
_COMMAND_SECONDS = 20.0


def unit_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's own units.

    Raises `UnavailableError` for a user without a home folder.
    """
    own = environ.get("XDG_CONFIG_HOME")
    try:
        config = Path(own) if own else Path(environ.get("HOME", "~")).expanduser() / ".config"
    except RuntimeError as error:
        raise UnavailableError(
            f"user {os.getuid()} has no home folder, where systemd has the timers of users",
            hint="set HOME, or XDG_CONFIG_HOME, to a folder of your own",
        ) from error
    return config / "systemd" / "user"


def unit_texts(run: ScheduledRun) -> dict[str, str]:
    """Return the two unit files of a run by their names."""
    title = require_one_line(f"Mission {run.name}", "the name").replace("%", "%%")
    exec_start = " ".join(_word(word, dollars=True) for word in run.command)
    variables = "".join(
        f"Environment={_word(f'{name}={value}')}\n" for name, value in run.environ.items()
    )
    folder = require_one_line(run.folder, "the folder").replace("%", "%%")
    when = require_one_line(run.when, "the time").replace("%", "%%")
    service = (
        f"[Unit]\nDescription={title}\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={folder}\n{variables}"
        f"ExecStart={exec_start}\n"
    )
    timer = (
        f"[Unit]\nDescription={title}\n\n"
        f"[Timer]\nOnCalendar={when}\nPersistent=true\n\n"
        f"[Install]\nWantedBy=timers.target\n"
    )
    return {f"{PREFIX}{run.name}.service": service, f"{PREFIX}{run.name}.timer": timer}


def check_calendar(when: str, environ: Mapping[str, str]) -> None:
    """Raise `UsageError` for what systemd does not take for a time; nothing without systemd."""
    require_one_line(when, "the time")
    done = _run(("systemd-analyze", "calendar", "--", when), environ)
    if done is not None and done.returncode:
        raise UsageError(
            f"`{when}` is no time of a calendar: {done.stderr.strip() or done.stdout.strip()}",
            hint="such as `daily`, `Mon..Fri 03:00` or `*-*-01 06:00`; see systemd.time(7)",
        )


def install(run: ScheduledRun, environ: Mapping[str, str]) -> list[str]:
    """Write the units and start the timer; return the commands that are left to the user.

    Raises `UnavailableError` when the files cannot be written.
    """
    folder = unit_folder(environ)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in unit_texts(run).items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be written: {error.strerror}") from error
    unit = f"{PREFIX}{run.name}.timer"
    return _systemctl((("daemon-reload",), ("enable", "--now", unit)), environ)


def remove(name: str, environ: Mapping[str, str]) -> list[str]:
    """Stop the timer and remove its units; return the commands that are left to the user.

    Raises `NotFoundError` when there is none of this name.
    """
    folder = unit_folder(environ)
    files = [folder / f"{PREFIX}{name}{ending}" for ending in (".timer", ".service")]
    if not any(file.exists() for file in files):
        raise NotFoundError(f"no timer of the name {name} is installed")
    left = _systemctl((("disable", "--now", files[0].name),), environ)
    for file in files:
        file.unlink(missing_ok=True)
    return [*left, *_systemctl((("daemon-reload",),), environ)]


def installed(environ: Mapping[str, str]) -> list[Schedule]:
    """Return the timers that are installed, by name."""
    return [_schedule(file, environ) for file in sorted(_timers(unit_folder(environ)))]


def _timers(folder: Path) -> list[Path]:
    try:
        return list(folder.glob(f"{PREFIX}*.timer"))
    except OSError:
        return []


def _schedule(file: Path, environ: Mapping[str, str]) -> Schedule:
    shown = ("--user", "show", "-p", "ActiveState", "-p", "NextElapseUSecRealtime", file.name)
    done = _run(("systemctl", *shown), environ)
    facts: dict[str, str] = {}
    if done is not None and done.returncode == 0:
        facts = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return Schedule(
        name=file.stem.removeprefix(PREFIX),
        by="systemd",
        when=_value_of(file, "OnCalendar"),
        command=_value_of(file.with_suffix(".service"), "ExecStart"),
        upcoming=facts.get("NextElapseUSecRealtime") or None,
        is_active=facts["ActiveState"] == "active" if "ActiveState" in facts else None,
    )


def _value_of(file: Path, key: str) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [line.split("=", 1)[1] for line in lines if line.startswith(f"{key}=")]
    return found[0].replace("%%", "%") if found else ""


def _word(word: str, *, dollars: bool = False) -> str:
    """Quote one word of a command line, or of `Environment`, which does not expand `$`."""
    text = require_one_line(word, "the command").replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("%", "%%")
    if dollars:
        text = text.replace("$", "$$")
    return f'"{text}"'


def _systemctl(calls: Sequence[tuple[str, ...]], environ: Mapping[str, str]) -> list[str]:
    """Call `systemctl --user` once for each; return the commands that could not be carried out."""
    left: list[str] = []
    for call in calls:
        done = None if left else _run(("systemctl", "--user", *call), environ)
        if done is None or done.returncode:
            left.append(f"systemctl --user {' '.join(call)}")
    return left


def _run(
    command: Sequence[str], environ: Mapping[str, str]
) -> "subprocess.CompletedProcess[str] | None":
    """Run a program of systemd's; None where it is not there or does not answer."""
    program = which(command[0], path=environ.get("PATH"))
    if program is None:
        return None
    try:
        return subprocess.run(
            [program, *command[1:]],
            env=dict(environ),
            check=False,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
