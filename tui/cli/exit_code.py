"""All exit codes of the command, with a short name for `--help` and a sentence for the docs."""

from collections.abc import Mapping
from types import MappingProxyType

EXIT_UNAVAILABLE = 9
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143

EXIT_CODES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        0: ("success", "The command succeeded; for a run: the execution succeeded."),
        1: ("failed", "The execution failed."),
        2: ("usage", "The command line is wrong: an option, an argument or a parameter."),
        3: ("mission invalid", "The mission file is not valid; nothing was started."),
        4: (
            "not found",
            "No execution, step, file or secret has that name, or the name is ambiguous.",
        ),
        5: (
            "cancelled",
            "It was cancelled, stopped by a policy, or failed only because of a rejected approval.",
        ),
        6: (
            "still running",
            "Waiting or watching ended before the execution did; it is still running or paused.",
        ),
        7: (
            "conflict",
            "The state of the execution forbids it: it has ended, or another runner owns it.",
        ),
        8: ("audit does not verify", "The audit log or the records do not match what was signed."),
        EXIT_UNAVAILABLE: (
            "unavailable",
            "The database, a key or a runner cannot be used, or stdout cannot be written.",
        ),
        70: ("internal error", "A bug in Mission Deck; a report is in the log folder."),
        129: (
            "SIGHUP",
            "The terminal was closed during a command that only reads. A run continues.",
        ),
        EXIT_INTERRUPTED: (
            "SIGINT",
            "Ctrl-C ended the command; a run in the foreground was cancelled.",
        ),
        EXIT_BROKEN_PIPE: (
            "broken pipe",
            "stdout was closed (`| head`) during a command that only reads. A run continues.",
        ),
        EXIT_TERMINATED: (
            "SIGTERM",
            "SIGTERM ended the command; a run in the foreground was cancelled.",
        ),
    }
)


def in_words() -> str:
    """Return all exit codes with their short names as one phrase."""
    return ", ".join(f"{code} {word}" for code, (word, _) in EXIT_CODES.items())
