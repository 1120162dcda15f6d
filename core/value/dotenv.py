r"""The format of environment files (`.env`), read strictly: what is not understood is an error.

    # a comment
    NAME=value          # white space around it, and a comment behind it, are left out
    export NAME=value   # `export` is ignored
    NAME='as it is'
    NAME="with \n, \t, \", \\ and \$"

Quoted values may have several lines. Nothing is expanded: `$NAME` stays as it is. Of a name that
occurs twice the last value counts.
"""

import re

_NAME = re.compile(r"\s*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,99})[ \t]*=[ \t]*", re.ASCII)
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "'": "'"}


class DotenvError(ValueError):
    """Raised for a text that is no environment file; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_dotenv(text: str) -> dict[str, str]:
    """Return the variables of an environment file; raise `DotenvError`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if "\0" in text:
        raise DotenvError(text.count("\n", 0, text.index("\0")) + 1, "it holds a NUL character")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None:
            if blank.end() == at:
                break
            at = blank.end()
            continue
        line = text.count("\n", 0, at) + 1
        name = _NAME.match(text, at)
        if name is None or "\n" in name[0]:
            raise DotenvError(line, "it is not NAME=VALUE")
        found[name[1]], at = _value(text, name.end(), line)
    return found


def _value(text: str, at: int, line: int) -> tuple[str, int]:
    quote = text[at : at + 1]
    if quote not in {"'", '"'} or not quote:
        bare = _BARE.match(text, at)
        end = at if bare is None else bare.end()
        return _COMMENT.sub("", text[at:end]).strip(), min(end + 1, len(text))
    match = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    if match is None:
        raise DotenvError(line, f"the {quote} is not closed")
    behind = _BLANK.match(text, match.end())
    if behind is None:
        raise DotenvError(
            text.count("\n", 0, match.end()) + 1, f"there is something behind the closing {quote}"
        )
    value = match[1] if quote == "'" else _ESCAPE.sub(_unescaped, match[1])
    return value, behind.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[0])
