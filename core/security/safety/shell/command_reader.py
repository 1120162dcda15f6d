"""Reads one command of a shell: builtins, wrappers, shells within shells, and all other programs.

Knows the state of the shell, and no grammar: texts go back to whoever reads them.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from core.security.safety.finding import Finding
from core.security.safety.shell.dangerous_place import Places
from core.security.safety.shell.destructive_rule import Command, judge
from core.security.safety.shell.known_output import printed
from core.security.safety.shell.option_words import operands, skip_options
from core.security.safety.shell.shell_mark import UNKNOWN, cleaned, is_known, plain
from core.security.safety.shell.shell_state import ASSIGNMENT, ShellState
from core.security.safety.shell.wrapped_command import (
    SHELLS,
    STDIN_SHELLS,
    joined_text,
    option_texts,
    program_name,
    shell_start,
    wrapped,
)

MAX_DEPTH: Final = 30
"""How often a command may start another from its words: xargs, find."""

_DECLARING: Final = frozenset({"export", "declare", "local", "readonly", "typeset"})
_XARGS_VALUES: Final = ("-I", "-n", "-P", "-d", "-L", "-s", "-E", "-a", "--replace", "--max-args")


class TextReader(Protocol):
    """Whoever reads the texts that a command gives to a shell."""

    def read(self, text: str, stdin: str | None = None) -> str | None:
        """Read a text; return what it prints if that is known."""

    def call(self, name: str, words: list[str], stdin: str | None) -> str | None:
        """Read the body of a function with its parameters; return what it prints if known."""

    def found(self, finding: Finding | None) -> None:
        """Keep a finding."""


class CommandReader:
    """Reads commands that are given as words, with marks."""

    def __init__(self, shell: TextReader, state: ShellState, places: Places) -> None:
        self._shell = shell
        self._state = state
        self._places = places
        self._depth = 0

    def read(self, words: list[str], stdin: str | None) -> str | None:
        """Read one command, of which the first word is the program; return what it prints."""
        variables: dict[str, str | None] = {}
        first = program_name(words[0]) if words else ""
        if first in {"which", "command"} and (first == "which" or "-v" in words[1:2]):
            return plain(words[-1]) if is_known(words[-1]) else None
        if first in STDIN_SHELLS and stdin is not None:
            self._shell.read(stdin)
        while words and (inner := self._inner(words)) is not None:
            words = list(inner[0])
            variables |= inner[1]
        if not variables:
            return self._unwrapped(words, stdin)
        before = self._state.with_variables(variables)
        result = self._unwrapped(words, stdin)
        self._state.restore(before)
        return result

    def _inner(self, words: list[str]) -> tuple[Sequence[str], Mapping[str, str]] | None:
        """Return the command in a wrapper's words and what it sets; read its texts for a shell."""
        name = program_name(words[0])
        if name in self._state.functions or not is_known(words[0]):
            return None
        inner = wrapped(name, words[1:])
        if inner is not None:
            for text in option_texts(name, words[1:]):
                self._shell.read(text)
        return inner

    def _unwrapped(self, words: list[str], stdin: str | None) -> str | None:
        if not words or not is_known(words[0]) or self._depth >= MAX_DEPTH:
            return None
        name, rest = program_name(words[0]), words[1:]
        if name in self._state.functions:
            return self._shell.call(name, rest, stdin)
        if self._builtin(name, rest, stdin):
            return ""
        for text in option_texts(name, rest):
            self._shell.read(text)
        joined = joined_text(name, rest)
        if joined is not None:
            return self._shell.read(joined, stdin)
        if name in SHELLS:
            return self._started(rest, stdin)
        if name == "xargs":
            self._xargs(rest, stdin)
            return None
        if name == "find":
            self._find_commands(rest)
        script = self._state.file(words[0]) if "/" in plain(words[0]) else None
        if script is not None:
            self._nested(script, rest, stdin)
        self._shell.found(judge(Command(name, rest, self._state.folder, self._places)))
        if name == "pwd":
            return self._state.folder
        if name == "cat" and len(rest) == 1 and (content := self._state.file(rest[0])) is not None:
            return content
        if name == "tee" and stdin is not None:
            for word in operands(rest)[1]:
                self._state.keep_file(word, stdin)
        return printed(name, rest, stdin)

    def _builtin(self, name: str, words: list[str], stdin: str | None) -> bool:
        """Read a command that changes the shell itself; tell whether it was one."""
        if name in {"cd", "pushd"}:
            self._state.change_folder(next(iter(operands(words)[1]), None))
        elif name in _DECLARING:
            for word in words:
                match = ASSIGNMENT.fullmatch(plain(word))
                if match is not None:
                    self._state.assign(match[1], match[4])
        elif name == "set":
            if "--" in words:
                self._state.parameters = words[words.index("--") + 1 :]
        elif name == "shift":
            known = self._state.parameters
            count = int(plain(words[0])[:4]) if words and plain(words[0]).isdecimal() else 1
            self._state.parameters = None if known is None else known[count:]
        elif name in {"read", "mapfile", "readarray"}:
            names = [plain(word) for word in operands(words, ("-p", "-d", "-n", "-t", "-u"))[1]]
            lines = None if stdin is None else stdin.splitlines()
            for one in names or ["REPLY"]:
                self._state.assign_all(one, lines or [None])
        elif name == "unset":
            for word in operands(words)[1]:
                self._state.assign(plain(word), "")
        elif name == "trap":
            found_words = operands(words)[1]
            if found_words:
                self._shell.read(plain(found_words[0]))
        elif name in {"source", "."}:
            content = self._state.file(words[0]) if words else None
            if content is not None:
                self._shell.read(content, stdin)
        else:
            return False
        return True

    def _started(self, words: list[str], stdin: str | None) -> str | None:
        start = shell_start(words)
        if start.text is not None:
            return self._nested(start.text, start.arguments, stdin)
        if start.reads_stdin:
            return None if stdin is None else self._nested(stdin, start.arguments, None)
        content = None if start.file is None else self._state.file(start.file)
        return None if content is None else self._nested(content, start.arguments, stdin)

    def _nested(self, text: str, arguments: Sequence[str], stdin: str | None) -> str | None:
        """Read a text in a shell of its own: its variables and folder are forgotten after it."""
        before, folder = self._state.with_variables({}), self._state.folder
        parameters, self._state.parameters = self._state.parameters, list(arguments)
        choice = self._state.choice
        result = self._shell.read(text, stdin)
        self._state.choice = choice
        self._state.parameters, self._state.folder = parameters, folder
        self._state.restore(before)
        return result

    def _xargs(self, words: list[str], stdin: str | None) -> None:
        texts = [plain(word) for word in words]
        marker = None
        for index, text in enumerate(texts):
            if text == "-I" and index + 1 < len(texts):
                marker = texts[index + 1]
            elif text.startswith("-I") and len(text) > 2:
                marker = text[2:]
        command = words[skip_options(words, _XARGS_VALUES) :]
        given = [UNKNOWN] if stdin is None else [cleaned(one) for one in stdin.split()]
        self._depth += 1
        if marker is None:
            self.read([*command, *given], None)
        else:
            for one in given[:100]:
                self.read([word.replace(marker, one) for word in command], None)
        self._depth -= 1

    def _find_commands(self, words: list[str]) -> None:
        texts = [plain(word) for word in words]
        self._depth += 1
        for index, text in enumerate(texts):
            if text in {"-exec", "-execdir", "-ok", "-okdir"}:
                end = next(
                    (at for at in range(index + 1, len(texts)) if texts[at] in {";", "+"}),
                    len(texts),
                )
                run = [word.replace("{}", UNKNOWN) for word in words[index + 1 : end]]
                self.read(run, None)
        self._depth -= 1
