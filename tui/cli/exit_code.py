"""Every exit code of the command, in a word for `--help` and in a sentence for the docs."""

from collections.abc import Mapping
from types import MappingProxyType

EXIT_UNAVAILABLE = 9
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143

EXIT_CODES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        0: ("done", "Done as asked; of a run: it succeeded."),
        1: ("failed", "The execution failed."),
        2: ("usage", "The command line is wrong: an option, an argument or a parameter."),
        3: ("mission invalid", "The mission file is not valid; nothing was started."),
        4: ("not found", "No execution, step or file has that name, or several have."),
        5: (
            "cancelled",
            "The execution was cancelled, stopped by a policy, or failed by a person's no alone.",
        ),
        6: (
            "goes on",
            "The waiting or watching ended before the execution did; it goes on, or is paused.",
        ),
        7: ("conflict", "The state of an execution forbids it: it has ended, or somebody runs it."),
        8: ("audit does not verify", "The records are not what was signed."),
        EXIT_UNAVAILABLE: (
            "unavailable",
            "The database, a key or a runner cannot be used, or stdout cannot be written.",
        ),
        70: ("a bug", "A bug of ours; a report is in the log folder."),
        129: ("SIGHUP", "The terminal went away under a command that only looks. A run goes on."),
        EXIT_INTERRUPTED: ("SIGINT", "Ctrl-C ended the command; of a run: it was cancelled by it."),
        EXIT_BROKEN_PIPE: (
            "reader gone",
            "The reader went away (`| head`) from a command that only looks. A run goes on.",
        ),
        EXIT_TERMINATED: (
            "SIGTERM",
            "SIGTERM ended the command; of a run: it was cancelled by it.",
        ),
    }
)


def in_words() -> str:
    """Return all of them in one sentence."""
    return ", ".join(f"{code} {word}" for code, (word, _) in EXIT_CODES.items())
