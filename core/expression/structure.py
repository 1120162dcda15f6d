"""The structure of an expression from its tokens: brackets, operands, references.

Covers as much of the grammar as conditions need; minijinja checks whether an expression is valid.
"""

from collections.abc import Iterator

from core.expression.template import Token


def depths(tokens: list[Token]) -> Iterator[tuple[Token, int]]:
    """Yield each token with its bracket depth; brackets count as inside."""
    depth = 0
    for token in tokens:
        if token.kind == "operator" and token.text in ("(", "[", "{"):
            depth += 1
            yield token, depth
        elif token.kind == "operator" and token.text in (")", "]", "}"):
            yield token, depth
            depth -= 1
        else:
            yield token, depth


def without_brackets(tokens: list[Token]) -> list[Token]:
    """Return the tokens without brackets that enclose all of them."""
    while (
        len(tokens) > 2
        and tokens[0].text == "("
        and tokens[-1].text == ")"
        and all(depth for _, depth in depths(tokens))
        and _closes_last(tokens)
    ):
        tokens = tokens[1:-1]
    return tokens


def _closes_last(tokens: list[Token]) -> bool:
    """Tell whether the first bracket is closed by the last token."""
    depth = 0
    for number, token in enumerate(tokens):
        if token.kind == "operator":
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if not depth:
            return number == len(tokens) - 1
    return False


def split(tokens: list[Token], word: str) -> list[list[Token]]:
    """Split tokens at a word outside of all brackets."""
    parts: list[list[Token]] = [[]]
    for token, depth in depths(tokens):
        if not depth and token.kind == "name" and token.text == word:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def ternary(tokens: list[Token]) -> tuple[list[Token], ...] | None:
    """Return value, condition and alternative of `A if C else B`; None for others."""
    parts = split(tokens, "if")
    if len(parts) < 2:
        return None
    rest = tokens[len(parts[0]) + 1 :]
    condition = split(rest, "else")[0]
    alternative = rest[len(condition) + 1 :]
    return (parts[0], condition, alternative) if alternative else (parts[0], condition)


def reference_names(tokens: list[Token]) -> list[str] | None:
    """Return the names of a plain reference such as `steps['a-b'].output.x`; None for others."""
    found: list[str] = []
    index = 0
    while index < len(tokens):
        texts = [token.text for token in tokens[index : index + 3]]
        if not index and tokens[0].kind == "name":
            found.append(texts[0])
            index += 1
        elif texts[0] == "." and len(texts) > 1 and tokens[index + 1].kind in ("name", "number"):
            found.append(texts[1])
            index += 2
        elif texts[0] == "[" and texts[2:] == ["]"] and tokens[index + 1].kind == "string":
            found.append(texts[1][1:-1])
            index += 3
        else:
            return None
    return found


def is_bar(token: Token) -> bool:
    """Tell whether a token is the `|` before a filter."""
    return token.kind == "operator" and token.text == "|"


def source_text(tokens: list[Token]) -> str:
    """Return tokens as source text: spaces between words, none elsewhere."""
    text = ""
    previous = ""
    for token in tokens:
        apart = token.kind == "name" and previous not in ("", "operator")
        text += f" {token.text}" if apart else token.text
        previous = token.kind
    return text
