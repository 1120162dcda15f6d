"""Splits the words of a command into options and operands, as getopt(3) does."""

from collections.abc import Iterable, Sequence
from typing import Final

from core.security.safety.shell.shell_mark import plain

END: Final = "--"


def operands(words: Sequence[str], with_value: Iterable[str] = ()) -> tuple[list[str], list[str]]:
    """Return the options, each with its dashes, and the operands, wherever they stand.

    Short options in one word come apart. `with_value` are options whose value follows: it is left
    out. After `--` all is operand.
    """
    taking = frozenset(with_value)
    options: list[str] = []
    found: list[str] = []
    rest = iter(words)
    for word in rest:
        text = plain(word)
        if text == END:
            found += rest
        elif text.startswith("--"):
            name, equals, _ = text.partition("=")
            options.append(name)
            if name in taking and not equals:
                next(rest, None)
        elif text.startswith("-") and len(text) > 1:
            for index, letter in enumerate(text[1:], 1):
                options.append(f"-{letter}")
                if f"-{letter}" in taking:
                    if index == len(text) - 1:
                        next(rest, None)
                    break
        else:
            found.append(word)
    return options, found


def skip_options(words: Sequence[str], with_value: Iterable[str] = ()) -> int:
    """Return the index of the first word that is neither an option nor the value of one."""
    taking = frozenset(with_value)
    index = 0
    while index < len(words):
        text = plain(words[index])
        if text == END:
            return index + 1
        if not text.startswith("-") or text == "-":
            return index
        index += 1
        if text in taking or (not text.startswith("--") and f"-{text[-1]}" in taking):
            index += 1
    return index


def has_long(options: Iterable[str], name: str, least: int) -> bool:
    """Tell whether a long option is given, perhaps cut to at least `least` letters of its name."""
    return any(
        one.startswith("--") and len(one) >= least + 2 and name.startswith(one[2:])
        for one in options
    )
