"""Translates the errors of libyaml into messages that say what to change."""

import re

from yaml import MarkedYAMLError, YAMLError

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import Span

_NOT_PRINTABLE = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)

_WORDS = (
    (
        "mapping values are not allowed",
        "a `:` is not allowed here",
        "quote a text with `: `",
    ),
    ("could not find expected ':'", "a key without `:`", "a key is followed by `: ` and its value"),
    (
        "did not find expected key",
        "the indentation does not fit, or a `,` or quote is missing",
        None,
    ),
    ("did not find expected '-' indicator", "the indentation of the list does not fit", None),
    (
        "did not find expected ',' or ']'",
        "a list is not closed",
        "add the missing `,` or `]`, or quote a text that has one of `{}[],`",
    ),
    (
        "did not find expected ',' or '}'",
        "a mapping is not closed",
        "add the missing `,` or `}`, or quote a text that has one of `{}[],` or `: `",
    ),
    ("found unexpected end of stream", "the text ends inside quotes", "close the quotes"),
    ("found undefined tag handle", "tags are not allowed", "remove the `!`, or quote the text"),
    ("found unknown escape character", "unknown escape in double quotes", "use single quotes"),
)


def report_syntax(error: YAMLError, text: str, problems: Problems) -> None:
    """Report the error that ended the reading."""
    odd = _NOT_PRINTABLE.search(text)
    if not isinstance(error, MarkedYAMLError):
        index = odd.start() if odd else 0
        character = f" U+{ord(text[index]):04X}" if odd else ""
        problems.error(
            Code.CONTROL_CHARACTER,
            f"the control character{character} is not allowed",
            span=Span(index, index + 1),
            hint="write it as an escape in double quotes",
        )
        return
    mark = error.problem_mark or error.context_mark
    index = mark.index if mark is not None else 0
    problem = error.problem or str(error)
    start = text.rfind("\n", 0, index) + 1
    indent = re.match(r"[ \t]*", text[start:])
    tab = indent[0].find("\t") if indent else -1
    at_tab = text[index : index + 1] == "\t"
    if at_tab or (tab >= 0 and "\t" in text[start : index + 1]):
        at = start + tab if tab >= 0 else index
        problems.error(
            Code.TAB,
            "a tab cannot indent YAML",
            span=Span(at, at + 1),
            hint="indent with spaces",
        )
        return
    if "nesting" in problem or "depth" in problem:  # a limit of the library that is lower than ours
        problems.error(
            Code.TOO_DEEP,
            "nested deeper than the YAML library can read",
            span=Span(index, index + 1),
        )
        return
    message, hint = problem, None
    if "cannot start any token" in problem:
        message = f"a text cannot begin with `{text[index : index + 1]}`"
        hint = "put it into quotes"
        if text[index : index + 1] in "|>":
            hint = "a text over several lines cannot stand within `{}`: write the mapping on lines"
    for pattern, words, advice in _WORDS:
        if pattern in problem:
            message, hint = words, advice
            break
    if index >= len(text) and error.context_mark is not None:
        message = f"{message} ({error.context or 'opened here'})"
        index = error.context_mark.index
    problems.error(Code.SYNTAX, message, span=Span(index, index + 1), hint=hint)
