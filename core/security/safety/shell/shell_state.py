"""What a shell knows while it reads a text: variables, parameters, functions, folder and files.

A variable may have several values where a condition decides between them.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from core.security.safety.shell.dangerous_place import absolute
from core.security.safety.shell.shell_mark import HOME, OWN_NAME, SPLIT, is_known, plain

if TYPE_CHECKING:
    from tree_sitter import Node

ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?(\+?)=(.*)", re.DOTALL)
"""An assignment: name, subscript, `+`, value."""

MAX_VALUES: Final = 64
"""The most values of one variable that are tried."""

MAX_CHARACTERS: Final = 65_536
"""A longer value is taken for unknown: values that double would never end."""

Lookup = Callable[[str], str | None]
"""Returns the value of a variable of the environment, None when it is not known."""


class ShellState:
    """The state of one shell; `lookup` answers for variables that the text has not set."""

    def __init__(self, lookup: Lookup, folder: str | None) -> None:
        self.lookup = lookup
        self.folder = folder
        self.functions: dict[str, Node] = {}
        self.files: dict[str, str] = {}
        self.parameters: Sequence[str] | None = None
        self.choice = 0
        """Which of its values a variable has at the moment."""
        self.conditions = 0
        """How many conditions decide whether the text that is read now runs."""
        self._variables: dict[str, tuple[str | None, ...]] = {}

    def value(self, name: str) -> str | None:
        """Return the value of a variable or parameter, None when it is not known."""
        if name == "0":
            return OWN_NAME
        if name in {"@", "*"}:
            return None if self.parameters is None else SPLIT.join(self.parameters)
        if name.isdecimal():
            known = self.parameters
            index = int(name[:4]) - 1
            return known[index] if known is not None and index < len(known) else None
        values = self._variables.get(name)
        if values is not None:
            return values[self.choice % len(values)]
        if name == "PWD":
            return self.folder
        if name == "IFS":
            return " "
        found = self.lookup(name)
        return HOME if found is None and name == "HOME" else found

    def assign(self, name: str, value: str | None) -> None:
        """Give a variable a value, or one more where a condition decides."""
        self.assign_all(name, (value,))

    def assign_all(self, name: str, values: Sequence[str | None]) -> None:
        """Give a variable one of several values."""
        before = self._variables.get(name, ()) if self.conditions else ()
        if self.conditions and not before:
            before = (self.lookup(name),)
        known = (None if one is None or len(one) > MAX_CHARACTERS else one for one in values)
        self._variables[name] = tuple(dict.fromkeys((*before, *known)))[:MAX_VALUES] or (None,)

    def choices(self, text: str) -> int:
        """Return how many ways there are to expand a text."""
        found = [
            len(values)
            for name, values in self._variables.items()
            if len(values) > 1 and name in text
        ]
        return max(found, default=1)

    def with_variables(self, variables: dict[str, str | None]) -> dict[str, tuple[str | None, ...]]:
        """Set variables for one command; return what to give `restore` after it."""
        before = self._variables
        self._variables = before | {name: (value,) for name, value in variables.items()}
        return before

    def restore(self, before: dict[str, tuple[str | None, ...]]) -> None:
        """Take back what `with_variables` has set, and all that was assigned since."""
        self._variables = before

    def change_folder(self, word: str | None) -> None:
        """Go to the folder that a word names, home without one; to one nobody knows if need be."""
        target = self.value("HOME") if word is None else word
        if target is None or not is_known(target) or target == "-":
            self.folder = None
            return
        path = absolute(target, self.folder)
        self.folder = None if path is None else path

    def file(self, word: str) -> str | None:
        """Return what the text has written to the file that a word names, None when unknown."""
        path = absolute(word, self.folder or "")
        return None if path is None else self.files.get(plain(path))

    def keep_file(self, word: str, content: str) -> None:
        """Remember what the text writes to a file."""
        path = absolute(word, self.folder or "")
        if path is not None and is_known(path):
            self.files[plain(path)] = content
