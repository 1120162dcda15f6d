"""Judges one command, its program and its words: what of it destroys a system, and by which rule.

Knows programs by the last part of their path, and no shell: words come expanded, with their marks.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from core.security.safety.finding import Finding
from core.security.safety.shell.dangerous_place import (
    Places,
    absolute,
    block_device,
    dangerous_folder,
)
from core.security.safety.shell.option_words import has_long, operands
from core.security.safety.shell.shell_mark import is_known, plain

SYSRQ: Final = "/proc/sysrq-trigger"

_MAKERS: Final = re.compile(r"mkfs(\..+)?|mke2fs|mkdosfs|mkntfs|mkreiserfs|mkswap|newfs(_.+)?")
_PARTITIONERS: Final = frozenset({"fdisk", "sfdisk", "cfdisk", "gdisk", "sgdisk", "parted"})
_MAYBE_READ_ONLY: Final = frozenset({"-l", "--list", "-s", "--show-size", "-p", "--print", "-V"})
_STOP_VERBS: Final = frozenset(
    {
        *("poweroff", "reboot", "halt", "kexec", "soft-reboot", "exit", "suspend", "hibernate"),
        *("hybrid-sleep", "suspend-then-hibernate", "emergency", "rescue"),
    }
)
_STOP_TARGETS: Final = frozenset(
    {"poweroff", "reboot", "halt", "kexec", "shutdown", "rescue", "emergency", "runlevel0"}
    | {"runlevel6", "soft-reboot", "final", "umount"}
)


class Command(Struct, frozen=True):
    """One command: the name of its program, its words with marks, and the folder it starts in.

    `folder` is None when nobody knows it.
    """

    name: str
    words: Sequence[str]
    folder: str | None
    places: Places

    def operand_paths(self, with_value: Iterable[str] = ()) -> list[str]:
        """Return the operands that name block devices, as paths."""
        _, found = operands(self.words, with_value)
        paths = (block_device(word, self.folder) for word in found)
        return [path for path in paths if path is not None]


def judge(command: Command) -> Finding | None:
    """Return what is refused of a command; None for one that is harmless or not known."""
    name = command.name
    rule = _RULES.get(name)
    if rule is None and _MAKERS.fullmatch(name):
        rule = _make_filesystem
    return None if rule is None else rule(command)


def judge_write(word: str, folder: str | None) -> Finding | None:
    """Return what is refused of writing to the path that a word names."""
    path = block_device(word, folder)
    if path is not None:
        return _raw_write(path, "what is written goes")
    if absolute(word, folder) == SYSRQ:
        return _shutdown(f"a command to the kernel through {SYSRQ}")
    return None


def _raw_write(path: str, what: str) -> Finding:
    return Finding("safety.block-device", f"{what} to the block device {path}, past its files")


def _shutdown(what: str) -> Finding:
    return Finding("safety.shutdown", f"{what} would stop or restart the machine")


def _rm(command: Command) -> Finding | None:
    options, found = operands(command.words)
    is_recursive = bool({"-r", "-R"} & set(options)) or has_long(options, "recursive", 1)
    if not is_recursive and command.name == "rm":
        return None
    return _deletes(command, found, "rm -r")


def _deletes(command: Command, words: Iterable[str], how: str) -> Finding | None:
    for word in words:
        what = dangerous_folder(word, command.folder, command.places)
        if what is not None:
            return Finding("safety.rm-root", f"`{how}` would delete {what}")
    return None


def _find(command: Command) -> Finding | None:
    """Judge `find PLACE... -delete` and `-exec rm`, unless tests choose what is deleted."""
    words = [plain(word) for word in command.words]
    starts: list[str] = []
    index = 0
    while index < len(words) and words[index] in {"-H", "-L", "-P"}:
        index += 1
    while index < len(words) and not words[index].startswith(("-", "(", "!")):
        starts.append(command.words[index])
        index += 1
    tests = words[index:]
    for place, word in enumerate(tests):
        deletes = word == "-delete"
        if word in {"-exec", "-execdir", "-ok", "-okdir"} and place + 1 < len(tests):
            deletes = tests[place + 1].rpartition("/")[2] in {"rm", "shred", "unlink", "rmdir"}
        if deletes:
            if _CHOOSING & set(tests[:place]):
                return None
            return _deletes(command, starts, "find -delete")
        if word in _CHOOSING:
            return None
    return None


_CHOOSING: Final = frozenset(
    {
        *("-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex", "-lname"),
        *("-newer", "-mtime", "-mmin", "-atime", "-amin", "-ctime", "-cmin", "-size", "-empty"),
        *("-user", "-group", "-uid", "-gid", "-perm", "-inum", "-samefile", "-nouser", "-nogroup"),
        *("-newermt", "-links", "-false", "-prune", "-quit"),
    }
)
"""Tests of find(1) that choose by more than type and depth."""


def _owner(command: Command) -> Finding | None:
    options, found = operands(command.words, ("--reference", "--from"))
    if not ("-R" in options or has_long(options, "recursive", 3)):
        return None
    if "--reference" not in options:
        found = found[1:]
    for word in found:
        what = dangerous_folder(word, command.folder, command.places)
        if what is not None and (what == "/" or what.startswith("the system")):
            text = f"`{command.name} -R` would change all of {what}"
            return Finding("safety.owner-root", text)
    return None


def _make_filesystem(command: Command) -> Finding | None:
    options, found = operands(command.words, ("-t", "-L", "-U", "-b", "-i", "-N", "-E", "-O", "-m"))
    if not found or "--help" in options or ("-n" in options and command.name == "mke2fs"):
        return None
    for word in found:
        path = absolute(word, command.folder)
        if not is_known(word) or (path is not None and path.startswith("/dev/")):
            shown = plain(word) if is_known(word) else "a device that is not known yet"
            text = f"`{command.name}` would delete what {shown} holds"
            return Finding("safety.make-filesystem", text)
    return None


def _dd(command: Command) -> Finding | None:
    for word in command.words:
        if plain(word).startswith("of="):
            return judge_write(word[3:], command.folder)
    return None


def _copies(command: Command) -> Finding | None:
    """Judge cp, mv and install, whose last operand is written."""
    _, found = operands(command.words, ("-t", "--target-directory", "-S", "-m", "-o", "-g"))
    return judge_write(found[-1], command.folder) if len(found) > 1 else None


def _writes(command: Command) -> Finding | None:
    """Judge a program that writes to each of its operands."""
    _, found = operands(command.words)
    for word in found:
        written = judge_write(word, command.folder)
        if written is not None:
            return written
    return None


def _on_device(*needed: str) -> Callable[[Command], Finding | None]:
    """Return a rule for a program that changes a device with one of these options (or always)."""

    def rule(command: Command) -> Finding | None:
        options, _ = operands(command.words)
        texts = {plain(word).partition("=")[0] for word in command.words}
        if needed and not (set(needed) & ({*options} | texts)):
            return None
        paths = command.operand_paths()
        return _raw_write(paths[0], f"`{command.name}` writes") if paths else None

    return rule


def _partition(command: Command) -> Finding | None:
    options, _ = operands(command.words)
    texts = {plain(word) for word in command.words}
    if _MAYBE_READ_ONLY & {*options} or {"print", "unit"} & texts:
        return None
    paths = command.operand_paths()
    return _raw_write(paths[0], f"`{command.name}` writes") if paths else None


def _stops(command: Command) -> Finding | None:
    options, _ = operands(command.words)
    texts = {plain(word) for word in command.words}
    if command.name == "shutdown" and {"-c", "-k"} & {*options}:
        return None
    if {"--help", "--version", "-w", "--wtmp-only", "--show"} & ({*options} | texts):
        return None
    return _shutdown(f"`{command.name}`")


def _init(command: Command) -> Finding | None:
    _, found = operands(command.words, ("-t",))
    levels = {plain(word) for word in found[:1]}
    if levels & {"0", "6", "1", "s", "S"}:
        return _shutdown(f"`{command.name} {levels.pop()}`")
    return None


def _systemctl(command: Command) -> Finding | None:
    taking = ("-H", "--host", "-M", "--machine", "-t", "--type", "-p", "--property", "-n", "-o")
    options, found = operands(command.words, taking)
    words = [plain(word) for word in found]
    if not words or "--help" in options:
        return None
    verb, rest = words[0], {word.removesuffix(".target") for word in words[1:]}
    if verb in _STOP_VERBS and not rest - {"now"}:
        return _shutdown(f"`{command.name} {verb}`")
    if verb in {"isolate", "start", "restart"} and rest & _STOP_TARGETS:
        return _shutdown(f"`{command.name} {verb}`")
    return None


def _kexec(command: Command) -> Finding | None:
    options, _ = operands(command.words)
    return _shutdown("`kexec`") if {"-e", "--exec", "-f", "--force"} & {*options} else None


def _cryptsetup(command: Command) -> Finding | None:
    _, found = operands(command.words)
    verb = plain(found[0]) if found else ""
    if verb not in {"luksFormat", "erase", "luksErase", "format"}:
        return None
    paths = command.operand_paths()
    return _raw_write(paths[0], f"`cryptsetup {verb}` writes") if paths else None


_RULES: Final[dict[str, Callable[[Command], Finding | None]]] = {
    "rm": _rm,
    "find": _find,
    "chmod": _owner,
    "chown": _owner,
    "chgrp": _owner,
    "dd": _dd,
    "cp": _copies,
    "mv": _copies,
    "install": _copies,
    "tee": _writes,
    "sponge": _writes,
    "truncate": _writes,
    "ddrescue": _writes,
    "shred": _on_device(),
    "wipefs": _on_device("-a", "--all", "-o", "--offset"),
    "blkdiscard": _on_device(),
    "badblocks": _on_device("-w", "-n"),
    "hdparm": _on_device("--security-erase", "--trim-sector-ranges", "--write-sector"),
    "nvme": _on_device("format", "sanitize", "write-zeroes", "write"),
    "pvcreate": _on_device(),
    "zpool": _on_device("create", "labelclear"),
    "mdadm": _on_device("-C", "--create", "--zero-superblock"),
    "cryptsetup": _cryptsetup,
    **dict.fromkeys(_PARTITIONERS, _partition),
    **dict.fromkeys(("shutdown", "reboot", "halt", "poweroff"), _stops),
    "init": _init,
    "telinit": _init,
    "systemctl": _systemctl,
    "loginctl": _systemctl,
    "kexec": _kexec,
}
"""The rule for each program; `mkfs` has many names (`_MAKERS`)."""
