"""Diagnostics as text for people, and as JSON, SARIF and GitHub annotations for programs.

Names, messages and source lines hold untrusted text: control and bidirectional characters are
replaced before any of it reaches a terminal or a log.
"""

import json
from collections.abc import Sequence
from typing import Any

from core.graph.dag import Graph
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.load import Loaded
from core.value.terminal_text import printable, width_of

FORMATS = ("text", "json", "sarif", "github")

_RED, _YELLOW, _BLUE, _BOLD, _OFF = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"


def render(diagnostics: Sequence[Diagnostic], fmt: str = "text", color: bool = False) -> str:
    """Return the diagnostics of one or more files in one of `FORMATS`; empty for none.

    `color` applies to text alone. JSON is an array of the objects of `validate --json`.
    """
    if fmt == "json":
        return json.dumps([as_json(found) for found in diagnostics], ensure_ascii=False)
    if fmt == "sarif":
        from core.mission_file.sarif import sarif

        return json.dumps(sarif(diagnostics), ensure_ascii=False, indent=2)
    show = _github if fmt == "github" else (_colored if color else _text)
    return "".join([f"{show(found)}\n" for found in diagnostics])


def as_json(found: Diagnostic) -> dict[str, Any]:
    """Return one diagnostic as `validate --json` shows it."""
    return {
        "severity": found.severity.value,
        "code": found.code.value,
        "message": found.message,
        "file": found.file,
        "line": found.line,
        "column": found.column,
        "hint": found.hint,
    }


def validation_json(loaded: Loaded) -> dict[str, Any]:
    """Return the result of a validation: valid, execution order, diagnostics, warnings.

    `diagnostics` holds errors and warnings, `warnings` the messages of the latter.
    """
    order = Graph.of(loaded.mission).order_ids if loaded.mission is not None else ()
    return {
        "valid": loaded.ok,
        "file": loaded.path,
        "execution_order": list(order),
        "diagnostics": [as_json(found) for found in loaded.diagnostics],
        "warnings": [
            found.message for found in loaded.diagnostics if found.severity is Severity.WARNING
        ],
    }


def place_and_message(found: Diagnostic) -> str:
    """Return a diagnostic in one line: where and what."""
    return f"{_place(found)}: {printable(found.message)}"


def _place(found: Diagnostic) -> str:
    file = printable(found.file)
    return f"{file}:{found.line}:{found.column}" if found.line else file


def _text(found: Diagnostic) -> str:
    severity = f"{found.severity}[{found.code}]"
    return "\n".join(
        [
            f"{_place(found)}: {severity}: {printable(found.message)}",
            *_excerpt(found),
            *_hint(found),
        ]
    )


def _colored(found: Diagnostic) -> str:
    tint = _RED if found.severity is Severity.ERROR else _YELLOW
    severity = f"{tint}{_BOLD}{found.severity}[{found.code}]{_OFF}"
    first = f"{_BOLD}{_place(found)}{_OFF}: {severity}: {_BOLD}{printable(found.message)}{_OFF}"
    excerpt = _excerpt(found)
    if excerpt:
        excerpt[1] = excerpt[1].replace("^", f"{tint}^", 1) + _OFF
    return "\n".join([first, *excerpt, *[f"{_BLUE}{line}{_OFF}" for line in _hint(found)]])


def _excerpt(found: Diagnostic) -> list[str]:
    """Return the source line and the carets under it, as wide as the text above them."""
    if not found.source_line or not found.line:
        return []
    shown = printable(found.source_line)
    gutter = f"  {found.line} | "
    before = width_of(shown[: found.caret])
    under = max(1, width_of(shown[found.caret : found.caret + found.length]))
    blank = " " * (len(gutter) - 2) + "| "
    return [f"{gutter}{shown}", f"{blank}{' ' * before}{'^' * under}"]


def _hint(found: Diagnostic) -> list[str]:
    return [f"  hint: {printable(found.hint)}"] if found.hint else []


def _github(found: Diagnostic) -> str:
    """Return a workflow command (docs.github.com, "Workflow commands": escaping of data)."""
    message = found.message if found.hint is None else f"{found.message} ({found.hint})"
    fields = [f"file={_property(printable(found.file))}"]
    if found.line:
        fields += [f"line={found.line}", f"col={found.column}"]
    fields.append(f"title={found.code}")
    data = printable(message).replace("%", "%25")
    return f"::{found.severity} {','.join(fields)}::{data}"


def _property(text: str) -> str:
    return text.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
