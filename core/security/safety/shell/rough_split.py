"""Splits shell text into commands and words by quotes and operators alone.

For text that the parser cannot read, though a shell may: rather too many commands than too few.
"""

import re
from typing import Final

_HERE: Final = re.compile(r"<<-?\s*['\"\\]?([A-Za-z0-9_.]+)[^\s;&|()<>]*")
_KEYWORDS: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "{", "}", "!", "time"}
)


def rough_commands(text: str) -> list[list[str]]:
    """Return the commands of a text, each as its words with quotes and expansions as written."""
    commands: list[list[str]] = [[]]
    word = ""
    ends: list[str] = []
    index = 0

    def end_word() -> None:
        nonlocal word
        if word and not (word in _KEYWORDS and not commands[-1]):
            commands[-1].append(word)
        word = ""

    def end_command() -> None:
        end_word()
        if commands[-1]:
            commands.append([])

    while index < len(text):
        character = text[index]
        if character == "\\":
            word += text[index : index + 2]
            index += 2
            continue
        if character in "'\"`":
            end = _closing_quote(text, index)
            word += text[index:end]
            index = end
            continue
        if character == "<" and (here := _HERE.match(text, index)):
            ends.append(here[1])
            index = here.end()
            continue
        if character == "#" and not word:
            index = _end_of_line(text, index)
            continue
        if text.startswith(("$(", "<(", ">("), index):
            end_command()
            index += 2
            continue
        if character in " \t":
            end_word()
        elif character in ";&|()\n":
            end_command()
            if character == "\n":
                index = _after_here_documents(text, index + 1, ends)
                ends.clear()
                continue
        else:
            word += character
        index += 1
    end_command()
    return [words for words in commands if words]


def _closing_quote(text: str, start: int) -> int:
    quote, index = text[start], start + 1
    while index < len(text):
        if text[index] == "\\" and quote != "'":
            index += 1
        elif text[index] == quote:
            return index + 1
        index += 1
    return len(text)


def _end_of_line(text: str, start: int) -> int:
    found = text.find("\n", start)
    return len(text) if found < 0 else found


def _after_here_documents(text: str, start: int, ends: list[str]) -> int:
    """Return the index behind the bodies of the here-documents that end with these words."""
    for word in ends:
        while start < len(text):
            end = _end_of_line(text, start)
            line = text[start:end].strip()
            start = end + 1
            if line == word:
                break
    return start
