"""Static analysis of templates: their expressions, references and forbidden constructs.

Nothing is evaluated and minijinja is not loaded. The dialect is a subset of
minijinja's: expressions, `if`, `for`, `raw` and comments. Method calls are refused, because they
would reach the methods of Python objects; so are `set`, macros, includes and everything else that
could read a file or build up memory.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache

from msgspec import Struct

MAX_TOKENS = 2_000
"""Tokens of one template: minijinja recurses over long expressions and overflows the stack."""

MAX_LOOP_TEXT_CHARACTERS = 16_384
"""Characters of a template with a loop."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILTERS = _names(
    "abs attr bool capitalize count d default dictsort escape first float groupby int items join "
    "last length lines list lower map max min reject rejectattr replace reverse round select "
    "selectattr sort split string sum title tojson trim unique upper urlencode zip"
)
TESTS = _names(
    "boolean defined divisibleby endingwith eq equalto even false float ge greaterthan gt in "
    "integer iterable le lessthan lower lt mapping ne none number odd sameas sequence "
    "startingwith string true undefined upper"
)
FUNCTIONS = _names("range dict")
STATEMENTS = _names("if elif else endif for endfor raw endraw")
_IN_PLACE_OF = {
    "startswith": "write `X is startingwith 'text'`",
    "endswith": "write `X is endingwith 'text'`",
    "contains": "write `'text' in X`",
    "get": "write `X['key']|default(value)`",
    "tojson": "write `X|tojson`",
    "fromjson": "a step of the type `parse_json` makes data of a text",
    "format": "write `'text ' ~ X`",
    **{
        name: f"write `X|{word}`"
        for name, word in (
            *(("strip", "trim"), ("lower", "lower"), ("upper", "upper"), ("title", "title")),
            *(("split", "split(',')"), ("replace", "replace('old', 'new')"), ("items", "items")),
            *(("join", "join(', ')"), ("len", "length"), ("int", "int"), ("str", "string")),
        )
    },
}
"""What says here what a method or function of another language says, by its name in lower case."""
_WORDS = _names("and or not in is if else elif for recursive true false none True False None loop")
_BEFORE_GROUP = frozenset({"and", "or", "not", "in", "if", "else", "elif", "is"})
_OPEN = re.compile(r"\{\{|\{%|\{#")
Reference = tuple[str, ...]
"""The names of a reference: `("steps", "build", "output", "x")`; `*` is computed at run time."""


class TemplateSyntaxError(Exception):
    """Raised for a template that cannot be parsed or uses a forbidden construct."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Template(Struct, frozen=True):
    """The result of analysing one text."""

    whole: bool
    """Whether the text is exactly one expression, so that its value keeps its type."""
    references: frozenset[Reference]
    names: tuple[tuple[Reference, str], ...]
    """Each reference with the token that follows it: tells `steps.a-b` from `steps.a`."""
    optional: frozenset[Reference] = frozenset()
    """References that may be undefined: `|default` or `is defined` follows them."""


class Token(Struct, frozen=True):
    """A token of an expression; `kind` is string, number, name or operator."""

    kind: str
    text: str


def has_template(value: object) -> bool:
    """Tell whether a value, at any depth, holds a text with a template in it."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(has_template(item) or has_template(key) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(has_template(item) for item in value)
    return False


@lru_cache(maxsize=4096)
def read_template(text: str) -> Template:
    """Return what `text` refers to; raise `TemplateSyntaxError`."""
    references: dict[Reference, str] = {}
    optional: set[Reference] = set()
    parts = list(_parts(text))
    own = _loop_names(parts)
    if own is not None and len(text) > MAX_LOOP_TEXT_CHARACTERS:
        raise TemplateSyntaxError(
            f"a template with a loop has {len(text):,} characters;"
            f" at most {MAX_LOOP_TEXT_CHARACTERS:,} are allowed"
        )
    if sum(len(tokens) for _, tokens, _ in parts) > MAX_TOKENS:
        raise TemplateSyntaxError(f"the template has more than {MAX_TOKENS:,} tokens")
    for kind, tokens, _ in parts:
        if kind == "{%":
            _check_statement(tokens)
        _check_calls(tokens)
        body = tokens[1:] if kind == "{%" else tokens
        for reference, rest in _chains(body, own or frozenset()):
            references.setdefault(reference, rest[0].text if rest else "")
            if _may_be_undefined(rest):
                optional.add(reference)
    whole = len(parts) == 1 and parts[0][0] == "{{" and parts[0][2] == (0, len(text))
    return Template(whole, frozenset(references), tuple(references.items()), frozenset(optional))


def references(text: str) -> set[Reference]:
    """Return the references in a text with templates; raise `TemplateSyntaxError`."""
    return set(read_template(text).references)


def as_template(expression: str) -> str:
    """Return an expression, bare or in `{{ }}`, as a text that is one whole template.

    Raises `TemplateSyntaxError` when it is something else, such as two templates side by side.
    """
    text = expression.strip()
    if not text.startswith("{{"):
        text = "{{ " + text + " }}"
    if not read_template(text).whole:
        raise TemplateSyntaxError("must be one expression, not text that contains templates")
    return text


def condition_tokens(expression: str) -> list[Token]:
    """Return the tokens of an expression, bare or in `{{ }}`; raise `TemplateSyntaxError`."""
    return next(_parts(as_template(expression)))[1]


def _parts(text: str) -> Iterator[tuple[str, list[Token], tuple[int, int]]]:
    """Yield opening, tokens and span of each expression and statement; skip comments and raw."""
    position = 0
    raw = False
    while (match := _OPEN.search(text, position)) is not None:
        opening = match[0]
        if opening == "{#":
            end = text.find("#}", match.end())
            if end < 0:
                raise TemplateSyntaxError("a comment `{#` is not closed by `#}`")
            position = end + 2
            continue
        if raw and opening == "{{":
            position = match.end()
            continue
        tokens, position = _tokens(text, match.end(), "}}" if opening == "{{" else "%}", raw=raw)
        first = tokens[0].text if tokens else ""
        if raw:
            raw = not (opening == "{%" and first == "endraw")
        elif opening == "{%" and first == "raw":
            raw = True
        else:
            yield opening, tokens, (match.start(), position)
    if raw:
        raise TemplateSyntaxError("`{% raw %}` is not closed by `{% endraw %}`")


@lru_cache(maxsize=1)
def _token_pattern() -> re.Pattern[str]:
    """Compile on first use: it takes as long as importing this module."""
    return re.compile(
        r"""\s*(?:
        (?P<string>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')
        |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
        |(?P<name>[^\W\d]\w*)
        |(?P<end>-?[}%]\}|\+%\})
        |(?P<operator>//|\*\*|==|!=|<=|>=|[-+*/%~|.,:()\[\]{}<>=]))""",
        re.VERBOSE | re.DOTALL,
    )


def _tokens(text: str, start: int, closing: str, *, raw: bool) -> tuple[list[Token], int]:
    tokens: list[Token] = []
    match_token = _token_pattern().match
    depth = 0
    position = start + 1 if text[start : start + 1] in ("-", "+") else start
    while (match := match_token(text, position)) is not None:
        kind, lexeme = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "end":
            if lexeme.endswith(closing) and not depth:
                return tokens, match.end()
            kind, lexeme = "operator", lexeme[0]
            position = match.start("end") + 1
        else:
            position = match.end()
        if lexeme in ("{", "[", "("):
            depth += 1
        elif lexeme in ("}", "]", ")"):
            depth -= 1
        tokens.append(Token(kind, lexeme))
        if len(tokens) > MAX_TOKENS:
            break
    if raw:
        return [], start
    opening = "{{" if closing == "}}" else "{%"
    rest = text[position:].strip()
    if len(tokens) > MAX_TOKENS:
        raise TemplateSyntaxError(f"the template has more than {MAX_TOKENS:,} tokens")
    if rest:
        raise TemplateSyntaxError(f"`{rest[0]}` is not expected in a template")
    raise TemplateSyntaxError(f"`{opening}` is not closed by `{closing}`")


def _loop_names(parts: list[tuple[str, list[Token], tuple[int, int]]]) -> frozenset[str] | None:
    """Return the names that `for` introduces, or None if there is no loop."""
    names: set[str] = set()
    loops = False
    for kind, tokens, _ in parts:
        if kind == "{%" and tokens and tokens[0].text == "for":
            loops = True
            for token in tokens[1:]:
                if token.text == "in":
                    break
                if token.kind == "name":
                    names.add(token.text)
    return frozenset(names) if loops else None


def _check_statement(tokens: list[Token]) -> None:
    word = tokens[0].text if tokens else ""
    if word not in STATEMENTS:
        raise TemplateSyntaxError(
            f"`{{% {word} %}}` is not allowed in a template",
            f"statements are: {', '.join(sorted(STATEMENTS))}",
        )


def _check_calls(tokens: list[Token]) -> None:
    """Refuse calls of anything but the known functions and filters, and unknown filters."""
    previous = before = Token("", "")
    for token in tokens:
        if token.kind == "name" and previous.text == "|":
            _check_known("filter", token.text, FILTERS)
        is_test = previous.text == "is" or (previous.text == "not" and before.text == "is")
        if token.kind == "name" and is_test and token.text != "not":
            _check_known("test", token.text, TESTS)
        if token.text == "(":
            is_word = previous.kind == "name" and previous.text in _BEFORE_GROUP
            is_filter = previous.kind == "name" and before.text in ("|", "is", "not")
            is_function = previous.text in FUNCTIONS and before.text != "."
            is_group = previous.kind in ("", "operator") and previous.text not in (")", "]", "}")
            if not (is_word or is_filter or is_function or is_group):
                raise TemplateSyntaxError(
                    f"`{previous.text}(` is not allowed: a template cannot call methods",
                    _IN_PLACE_OF.get(previous.text.lower())
                    or "use a filter, such as `|upper`, `|length` or `|join(', ')`",
                )
        before, previous = previous, token


def _check_known(what: str, name: str, known: frozenset[str]) -> None:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(sorted(known))}"
        raise TemplateSyntaxError(f"unknown {what} `{name}`", hint)


def _may_be_undefined(rest: list[Token]) -> bool:
    """Tell whether what follows a reference allows that it is undefined."""
    words = [token.text for token in rest]
    if words[:1] == ["|"]:
        return words[1:2] in (["default"], ["d"])
    return words[:1] == ["is"] and bool({"defined", "undefined"} & set(words[1:3]))


def _chains(tokens: list[Token], own: frozenset[str]) -> Iterator[tuple[Reference, list[Token]]]:
    """Yield the references, and up to three tokens that follow each."""
    for index, token in enumerate(tokens):
        if token.kind != "name" or token.text in _WORDS or token.text in own:
            continue
        previous = tokens[index - 1].text if index else ""
        if previous in (".", "|", "is"):
            continue
        if previous == "not" and index > 1 and tokens[index - 2].text == "is":
            continue
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if following == "=" or (following == "(" and token.text in FUNCTIONS):
            continue
        yield _chain(tokens, index)


def _chain(tokens: list[Token], start: int) -> tuple[Reference, list[Token]]:
    names = [tokens[start].text]
    index = start + 1
    while index + 1 < len(tokens):
        if tokens[index].text == "." and tokens[index + 1].kind in ("name", "number"):
            names.append(tokens[index + 1].text)
            index += 2
        elif tokens[index].text == "[" and index + 2 < len(tokens):
            inner = tokens[index + 1]
            if tokens[index + 2].text != "]" or inner.kind not in ("string", "number"):
                names.append("*")
                return tuple(names), []
            names.append(inner.text[1:-1] if inner.kind == "string" else inner.text)
            index += 3
        else:
            break
    return tuple(names), tokens[index : index + 3]
