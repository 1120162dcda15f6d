"""Writes bug reports: traceback and environment in a text file, without the user's values."""

import os
import platform
import traceback
from collections.abc import Sequence

from core.value.timestamp import file_stamp
from tui.cli.invocation import Invocation
from tui.host.version import VERSION


def write_bug_report(
    error: BaseException, invocation: Invocation, arguments: Sequence[str]
) -> str | None:
    """Write the report to the log folder (mode 0600) and return its path.

    Returns None when it cannot be written; the report is then printed on stderr.
    """
    text = "\n".join(
        (
            f"mission {VERSION}, Python {platform.python_version()}, {platform.platform()}",
            f"command: {' '.join(masked(arguments))}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )
    text = invocation.masker.mask_text(text)
    try:
        folder = invocation.paths.logs
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"bug-{file_stamp()}-{os.getpid()}.txt"
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except Exception:  # noqa: BLE001 - a failing report must not hide the original error
        invocation.console.say(text)
        return None
    return str(folder / name)


def masked(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the value of every `name=value` masked: it may be a secret."""
    shown: list[str] = []
    for argument in arguments:
        name, equals, _value = argument.partition("=")
        shown.append(f"{name}=***" if equals else argument)
    return shown
