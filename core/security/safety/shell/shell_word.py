"""Expands the words of a shell command as Bash does, as far as their values are known.

Sources: the Bash manual, sections 3.1.2 (quoting), 3.5 (expansions). Runs nothing: the text of a
command substitution goes to the caller, who may know what it prints.
"""

import re
from collections.abc import Callable
from typing import Final, Protocol

from core.security.safety.shell.shell_mark import EMPTY, HOME, SPLIT, UNKNOWN, plain, quoted

MAX_WORDS: Final = 64
"""The most words that braces in one word make."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_TILDE: Final = re.compile(r"~[A-Za-z0-9_.+-]*(?=/|:|$)")
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b",
    "E": "\x1b", "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ESCAPE: Final = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|0?([0-7]{1,3})|c(.)|(.))",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(
    r"(!?)([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*?$!#-])(\[[^\]]*\])?(.*)", re.DOTALL
)


class Values(Protocol):
    """What a shell knows while it expands a word."""

    def value(self, name: str) -> str | None:
        """Return the value of a variable or parameter, None when it is not known."""

    def assign(self, name: str, value: str | None) -> None:
        """Give a variable a value."""

    def output(self, text: str) -> str | None:
        """Read the text of a command substitution; return what it prints if that is known."""

    def process(self, text: str) -> str:
        """Read the text of a process substitution; return the path that stands for it."""


def unescaped(text: str) -> str:
    r"""Return `text` with the escapes of `$'...'`, `echo -e` and `printf` replaced."""

    def character(match: re.Match[str]) -> str:
        for group, base in ((1, 16), (2, 16), (3, 16), (4, 8)):
            if match[group]:
                code = int(match[group], base)
                return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "?"
        if match[5]:
            return chr(ord(match[5]) & 0x1F)
        return _ESCAPES.get(match[6], match[0])

    return _ESCAPE.sub(character, text)


def expand(raw: str, values: Values) -> list[str]:
    """Return the words that one word of a command becomes, with marks."""
    found: list[str] = []
    for part in _braces(_Expander(raw, values).unquoted()):
        words = [word for word in part.split(SPLIT) if word]
        found += [word.replace(EMPTY, "") for word in words]
    return found


def expand_text(raw: str, values: Values) -> str:
    """Return a word as one text, as in an assignment: it is not split and has no wildcards."""
    return plain(_Expander(raw, values).unquoted())


def expand_here(raw: str, values: Values) -> str:
    """Return the body of a here-document, which expands as within double quotes."""
    return plain(_Expander(raw, values).double_quoted(""))


def closing(text: str, start: int, opening: str, end: str) -> int:
    """Return the index after the `end` that closes what was opened before `start`; or the end."""
    depth, index = 1, start
    while index < len(text):
        character = text[index]
        if character == "\\":
            index += 1
        elif character == "'":
            index = _after(text, index + 1, "'") - 1
        elif character == '"':
            index = _after_double(text, index + 1) - 1
        elif character == end:
            depth -= 1
            if not depth:
                return index + 1
        elif character == opening:
            depth += 1
        index += 1
    return len(text) + 1


def _after(text: str, start: int, end: str) -> int:
    found = text.find(end, start)
    return len(text) if found < 0 else found + 1


def _after_double(text: str, start: int) -> int:
    index = start
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == '"':
            return index + 1
        elif text.startswith("$(", index):
            index = closing(text, index + 2, "(", ")") - 1
        index += 1
    return len(text)


class _Expander:
    """One pass over the text of a word."""

    def __init__(self, text: str, values: Values) -> None:
        self._text = text
        self._values = values
        self._index = 0

    def unquoted(self) -> str:
        """Expand the rest outside of quotes."""
        found: list[str] = []
        text = self._text
        while self._index < len(text):
            character = text[self._index]
            if character == "\\":
                found.append(self._escaped())
            elif character == "'":
                found.append(self._single_quoted())
            elif text.startswith("$'", self._index):
                found.append(self._ansi_quoted())
            elif character == '"' or text.startswith('$"', self._index):
                self._index += 1 if character == '"' else 2
                found.append(EMPTY + self.double_quoted('"'))
            elif character in "$`":
                found.append(self._dollar(is_quoted=False))
            elif text.startswith(("<(", ">("), self._index):
                end = closing(text, self._index + 2, "(", ")")
                found.append(self._values.process(text[self._index + 2 : end - 1]))
                self._index = end
            elif character == "~" and (not found or found[-1] in {":", "="}):
                found.append(self._tilde())
            else:
                found.append(character)
                self._index += 1
        return "".join(found)

    def double_quoted(self, end: str) -> str:
        """Expand up to the closing quote, or to the end of a here-document."""
        found: list[str] = []
        text = self._text
        while self._index < len(text):
            character = text[self._index]
            if end and character == end:
                self._index += 1
                break
            if character == "\\" and self._index + 1 < len(text):
                following = text[self._index + 1]
                self._index += 2
                if following != "\n":
                    found.append(quoted(following if following in '$`"\\' else "\\" + following))
            elif character in "$`":
                found.append(self._dollar(is_quoted=True))
            else:
                found.append(quoted(character))
                self._index += 1
        return "".join(found)

    def _escaped(self) -> str:
        following = self._text[self._index + 1 : self._index + 2]
        self._index += 2
        return "" if following == "\n" else quoted(following)

    def _single_quoted(self) -> str:
        end = _after(self._text, self._index + 1, "'")
        content = self._text[self._index + 1 : end].removesuffix("'")
        self._index = end
        return EMPTY + quoted(content)

    def _ansi_quoted(self) -> str:
        index = self._index + 2
        while index < len(self._text) and self._text[index] != "'":
            index += 2 if self._text[index] == "\\" else 1
        content = self._text[self._index + 2 : index]
        self._index = index + 1
        return EMPTY + quoted(unescaped(content).partition("\0")[0])

    def _tilde(self) -> str:
        match = _TILDE.match(self._text, self._index)
        if match is None:
            self._index += 1
            return "~"
        self._index = match.end()
        if match[0] in {"~", "~+", "~-"}:
            name = {"~": "HOME", "~+": "PWD", "~-": "OLDPWD"}[match[0]]
            return quoted(self._values.value(name) or (HOME if name == "HOME" else UNKNOWN))
        return HOME

    def _dollar(self, *, is_quoted: bool) -> str:
        text, index = self._text, self._index
        if text[index] == "`":
            end = index + 1
            while end < len(text) and text[end] != "`":
                end += 2 if text[end] == "\\" else 1
            self._index = end + 1
            inner = re.sub(r"\\([$`\\])", r"\1", text[index + 1 : end])
            return self._inserted(self._values.output(inner), is_quoted=is_quoted)
        if text.startswith("$((", index):
            self._index = closing(text, index + 2, "(", ")")
            return UNKNOWN
        if text.startswith("$(", index):
            end = closing(text, index + 2, "(", ")")
            self._index = end
            output = self._values.output(text[index + 2 : end - 1])
            return self._inserted(output, is_quoted=is_quoted)
        if text.startswith("${", index):
            end = closing(text, index + 2, "{", "}")
            self._index = end
            return self._inserted(self._parameter(text[index + 2 : end - 1]), is_quoted=is_quoted)
        match = _NAME.match(text, index + 1)
        if match is None:
            self._index += 1
            return "$"
        self._index = match.end()
        return self._inserted(self._values.value(match[0]), is_quoted=is_quoted)

    def _inserted(self, value: str | None, *, is_quoted: bool) -> str:
        """Return the value of an expansion as a part of a word."""
        if value is None:
            return UNKNOWN
        return quoted(value) if is_quoted else re.sub(r"\s+", SPLIT, value)

    def _parameter(self, inner: str) -> str | None:
        """Return the value of `${inner}`."""
        match = _PARAMETER.fullmatch(inner)
        if match is None or (inner.startswith("#") and len(inner) > 1):
            return None
        indirect, name, subscript, rest = match[1], match[2], match[3], match[4]
        value = self._values.value(name)
        if indirect:
            value = None if value is None else self._values.value(value)
        if subscript and value is not None:
            value = _element(value, subscript[1:-1])
        operation = _OPERATIONS.match(rest)
        if not rest or operation is None:
            return value if not rest else None
        sign, argument = operation[0], rest[operation.end() :]
        return self._operation(name, value, sign, argument)

    def _operation(self, name: str, value: str | None, sign: str, argument: str) -> str | None:
        is_empty = not value if sign.startswith(":") else value is None
        kind = sign.removeprefix(":")
        if kind in {"-", "="}:
            if not is_empty:
                return value
            word = expand_text(argument, self._values)
            if kind == "=":
                self._values.assign(name, word)
            return word
        if kind == "+":
            return None if value is None else "" if not value else self._word(argument)
        if kind == "?":
            return value or None
        if value is None:
            return None
        if sign == ":":
            return _slice(value, argument)
        change = _CHANGES.get(sign)
        return None if change is None else change(value, self._word(argument))

    def _word(self, argument: str) -> str:
        return expand_text(argument, self._values)


_OPERATIONS: Final = re.compile(r":[-=+?]|:|\^\^|\^|,,|,|##|#|%%|%|//|/|[-=+?]")


def _element(value: str, index: str) -> str | None:
    """Return an element of an array, whose elements are stored with spaces between them."""
    elements = value.split()
    if index == "@":
        return SPLIT.join(elements)
    if index == "*":
        return value
    return elements[int(index)] if index.isdecimal() and int(index) < len(elements) else None


def _slice(value: str, argument: str) -> str | None:
    match = re.fullmatch(r"\s*(-?\d{1,6})\s*(?::\s*(-?\d{1,6})\s*)?", argument)
    if match is None:
        return None
    start = int(match[1])
    rest = value[start:] if start >= 0 or -start <= len(value) else ""
    if match[2] is None:
        return rest
    length = int(match[2])
    return rest[:length]


def _without_prefix(value: str, pattern: str) -> str | None:
    return None if any(one in pattern for one in "*?[") else value.removeprefix(pattern)


def _without_suffix(value: str, pattern: str) -> str | None:
    return None if any(one in pattern for one in "*?[") else value.removesuffix(pattern)


def _replaced(count: int) -> Callable[[str, str], str | None]:
    def change(value: str, argument: str) -> str | None:
        old, _, new = argument.partition("/")
        if not old or any(one in old for one in "*?["):
            return None
        return value.replace(old, new, count)

    return change


_CHANGES: Final[dict[str, Callable[[str, str], str | None]]] = {
    "^^": lambda value, _: value.upper(),
    ",,": lambda value, _: value.lower(),
    "^": lambda value, _: value[:1].upper() + value[1:],
    ",": lambda value, _: value[:1].lower() + value[1:],
    "#": _without_prefix,
    "##": _without_prefix,
    "%": _without_suffix,
    "%%": _without_suffix,
    "/": _replaced(1),
    "//": _replaced(-1),
}


def _braces(word: str) -> list[str]:
    """Expand `{a,b}` outside of quotes."""
    found, done = [word], 0
    while done < len(found) and len(found) < MAX_WORDS:
        match = re.search(r"\{([^{}\s]*,[^{}\s]*)\}", found[done])
        if match is None:
            done += 1
            continue
        before, after = found[done][: match.start()], found[done][match.end() :]
        parts = match[1].split(",")
        found[done : done + 1] = [f"{before}{part}{after}" for part in parts]
    return found
