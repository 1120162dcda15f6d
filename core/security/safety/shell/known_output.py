"""What some commands print, from their words and their input: what may be piped into a shell."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from core.security.safety.shell.option_words import operands
from core.security.safety.shell.shell_mark import UNKNOWN, plain
from core.security.safety.shell.shell_word import unescaped

_CONVERSION: Final = re.compile(r"%(%|[-+ #0]*[0-9]*(?:\.[0-9]+)?[sbcdiqux])")
_MAX_ROUNDS: Final = 1000


def printed(name: str, words: Sequence[str], stdin: str | None) -> str | None:
    """Return what a command prints, None when that is not known."""
    texts = [plain(word) for word in words]
    if name == "echo":
        return _echo(texts)
    if name == "printf":
        return _printf(texts)
    if name == "cat":
        _, files = operands(words)
        return stdin if not [one for one in files if plain(one) != "-"] else None
    if name in {"tee", "sponge", "pv"}:
        return stdin
    if stdin is None or UNKNOWN in stdin:
        return None
    options = set(operands(words)[0])
    if name == "rev":
        return "".join(f"{line[::-1]}\n" for line in stdin.splitlines())
    is_decoding = {"-d", "-D", "--decode"} & options or "-d" in texts
    try:
        if name in {"base64", "openssl"} and is_decoding:
            return _text(base64.b64decode("".join(stdin.split())))
        if name == "base32" and is_decoding:
            return _text(base64.b32decode("".join(stdin.split())))
        if name == "xxd" and "-r" in options:
            return _text(bytes.fromhex("".join(stdin.split())))
    except (binascii.Error, ValueError):
        return None
    return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _echo(texts: list[str]) -> str:
    end, has_escapes = "\n", False
    while texts and re.fullmatch(r"-[neE]+", texts[0]):
        end = "" if "n" in texts[0] else end
        has_escapes = has_escapes or "e" in texts[0]
        texts = texts[1:]
    line = " ".join(texts)
    return (unescaped(line) if has_escapes else line) + end


def _printf(texts: list[str]) -> str | None:
    if texts[:1] == ["-v"]:
        return None
    if texts[:1] == ["--"]:
        texts = texts[1:]
    if not texts:
        return None
    form, values = texts[0], texts[1:]
    parts: list[str] = []
    for _ in range(_MAX_ROUNDS):
        rest = list(values)

        def value(match: re.Match[str], rest: list[str] = rest) -> str:
            if match[1] == "%":
                return "%"
            text = rest.pop(0) if rest else ""
            return unescaped(text) if match[1].endswith("b") else text

        pieces = []
        last = 0
        for match in _CONVERSION.finditer(form):
            pieces += [unescaped(form[last : match.start()]), value(match)]
            last = match.end()
        parts.append("".join(pieces) + unescaped(form[last:]))
        if not rest or len(rest) == len(values):
            break
        values = rest
    return "".join(parts)
