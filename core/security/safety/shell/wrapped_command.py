"""Commands that run another command: what of their words is the other one, or a text for a shell.

Knows the options that take a value of each wrapper, so that the command is found behind them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from core.security.safety.shell.option_words import skip_options
from core.security.safety.shell.shell_mark import plain

SHELLS: Final = frozenset({"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish"})


class Wrapper(Struct, frozen=True):
    """Where the command of a wrapper begins: behind its options and `skipped` operands."""

    with_value: tuple[str, ...] = ()
    skipped: int = 0
    sets_variables: bool = False


WRAPPERS: Final[Mapping[str, Wrapper]] = {
    "sudo": Wrapper(
        (*("-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D"),
         *("--chdir", "-r", "-t", "-T", "-U", "-R")),
        sets_variables=True,
    ),
    "doas": Wrapper(("-u", "-C")),
    "pkexec": Wrapper(("--user",)),
    "env": Wrapper(("-u", "--unset", "-C", "--chdir", "-S", "--split-string"), sets_variables=True),
    "timeout": Wrapper(("-k", "--kill-after", "-s", "--signal"), skipped=1),
    "gtimeout": Wrapper(("-k", "--kill-after", "-s", "--signal"), skipped=1),
    "nice": Wrapper(("-n", "--adjustment")),
    "ionice": Wrapper(("-c", "--class", "-n", "--classdata", "-p", "-u")),
    "chrt": Wrapper(("-T", "-P", "-D"), skipped=1),
    "taskset": Wrapper((), skipped=1),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "stdbuf": Wrapper(("-i", "--input", "-o", "--output", "-e", "--error")),
    "unbuffer": Wrapper(),
    "time": Wrapper(("-f", "--format", "-o", "--output")),
    "command": Wrapper(),
    "builtin": Wrapper(),
    "exec": Wrapper(("-a",)),
    "coproc": Wrapper(),
    "busybox": Wrapper(),
    "toybox": Wrapper(),
    "chroot": Wrapper(("--userspec", "--groups"), skipped=1),
    "unshare": Wrapper(("-S", "-G", "-R", "-w", "--setuid", "--setgid", "--root", "--wd")),
    "nsenter": Wrapper(("-t", "--target", "-S", "-G")),
    "systemd-run": Wrapper(("-p", "--property", "-u", "--unit", "-M", "-E", "--slice", "--uid")),
    "systemd-inhibit": Wrapper(),
    "strace": Wrapper(("-e", "-o", "-p", "-s", "-u", "-E")),
    "ltrace": Wrapper(("-e", "-o", "-p", "-s", "-u")),
    "caffeinate": Wrapper(("-t", "-w")),
    "faketime": Wrapper((), skipped=1),
    "eatmydata": Wrapper(),
    "fakeroot": Wrapper(("-i", "-s", "-l", "-b")),
    "xvfb-run": Wrapper(("-e", "-f", "-n", "-p", "-s", "-w")),
    "dbus-run-session": Wrapper(),
    "prlimit": Wrapper(("-p", "--pid")),
    "runcon": Wrapper(("-t", "-u", "-r", "-l")),
    "setpriv": Wrapper(("--reuid", "--regid", "--groups")),
    "flock": Wrapper(("-w", "--timeout", "-E"), skipped=1),
    "parallel": Wrapper(("-j", "--jobs", "-a", "-I")),
}  # fmt: skip
"""Programs and builtins whose words are a command, behind options."""

JOINED: Final[Mapping[str, Wrapper]] = {
    "eval": Wrapper(),
    "ssh": Wrapper(
        (*("-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o"),
         *("-p", "-Q", "-R", "-S", "-W", "-w", "-B")),
        skipped=1,
    ),
    "watch": Wrapper(("-n", "--interval", "-q")),
    "rsh": Wrapper(("-l",), skipped=1),
}  # fmt: skip
"""Commands that join their words with spaces and give them to a shell."""

TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "su": ("-c", "--command", "--session-command"),
    "runuser": ("-c", "--command", "--session-command"),
    "script": ("-c", "--command"),
    "flock": ("-c", "--command"),
    "env": ("-S", "--split-string"),
    "entr": (),
    "tmux": (),
}
"""Options whose value is a text for a shell."""

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


STDIN_SHELLS: Final = frozenset({"su", "runuser", "at", "batch", "ssh", "rsh", "sudo", "doas"})
"""Commands that give their standard input to a shell when they are given no command."""


def program_name(word: str) -> str:
    """Return the name of a program from the word that names it."""
    return plain(word).rpartition("/")[2]


def wrapped(name: str, words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str]] | None:
    """Return the command in the words of a wrapper and the variables set for it; None: no wrapper.

    The command may be empty.
    """
    wrapper = WRAPPERS.get(name)
    if wrapper is None:
        return None
    if name == "command" and any(plain(word) in {"-v", "-V"} for word in words[:1]):
        return (), {}
    rest = words[_begin(wrapper, words) :]
    if wrapper.sets_variables and rest and plain(rest[0]) == "-":
        rest = rest[1:]
    variables: dict[str, str] = {}
    while wrapper.sets_variables and rest and _ASSIGNMENT.match(plain(rest[0])):
        variable, _, value = plain(rest[0]).partition("=")
        variables[variable] = value
        rest = rest[1:]
    return rest, variables


def joined_text(name: str, words: Sequence[str]) -> str | None:
    """Return the words that a command joins for a shell; None where it is no such command."""
    wrapper = JOINED.get(name)
    if wrapper is None:
        return None
    return " ".join(plain(word) for word in words[_begin(wrapper, words) :])


def option_texts(name: str, words: Sequence[str]) -> list[str]:
    """Return the texts for a shell that are values of a command's options."""
    options = TEXTS.get(name, ())
    found: list[str] = []
    if not options:
        return found
    rest = iter(words)
    for word in rest:
        text = plain(word)
        for option in options:
            if text == option:
                value = plain(next(rest, ""))
                if name == "env":  # what follows goes to the command, too
                    value = " ".join((value, *map(plain, rest)))
                found.append(value)
            elif option.startswith("--") and text.startswith(f"{option}="):
                found.append(text.partition("=")[2])
            elif len(option) == 2 and text.startswith(option):
                found.append(text[2:])
            else:
                continue
            break
    return found


class ShellStart(Struct, frozen=True):
    """How a shell is started: with a text (`-c`), a file, or to read its standard input."""

    text: str | None = None
    file: str | None = None
    arguments: tuple[str, ...] = ()
    reads_stdin: bool = False


def shell_start(words: Sequence[str]) -> ShellStart:
    """Return what a shell with these words reads."""
    has_text = False
    index = 0
    while index < len(words):
        text = plain(words[index])
        if text == "--":
            index += 1
            break
        if not text.startswith(("-", "+")) or text == "-":
            break
        if text.startswith("--"):
            index += 2 if text in {"--rcfile", "--init-file"} else 1
            continue
        has_text = has_text or "c" in text[1:]
        if "s" in text[1:]:
            return ShellStart(reads_stdin=True, arguments=tuple(words[index + 1 :]))
        index += 2 if text[1:].endswith(("o", "O")) else 1
    rest = tuple(words[index:])
    if has_text:
        text = plain(rest[0]) if rest else ""
        return ShellStart(text=text, arguments=rest[2:])
    if not rest or plain(rest[0]) in {"-", "/dev/stdin", "/proc/self/fd/0", "/dev/fd/0"}:
        return ShellStart(reads_stdin=True, arguments=rest[1:])
    return ShellStart(file=rest[0], arguments=rest[1:])


def _begin(wrapper: Wrapper, words: Sequence[str]) -> int:
    index = skip_options(words, wrapper.with_value)
    for _ in range(wrapper.skipped):
        index += 1
        index += skip_options(words[index:], wrapper.with_value)
    return index
