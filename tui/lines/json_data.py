"""JSON data as lines, and the details of a step as JSON text for the clipboard or a file."""

import json
from collections.abc import Mapping
from typing import Any

from core.domain.events import error_json
from core.domain.state_word import counted
from tui.lines.step.line_parts import MAX_VALUE_LINES
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.look.styled_text import Line
from tui.words.numbers import size
from tui.words.safe_text import clean_line, clean_lines


def json_lines(value: Any, *, empty: str) -> list[Line]:
    """Return JSON data as indented lines; `empty` is the line for missing data."""
    if value is None or value == {}:
        return [[(empty, "muted")]]
    lines: list[Line] = []
    _json_into(lines, value, "", "")
    if len(lines) > MAX_VALUE_LINES:
        cut = len(lines) - MAX_VALUE_LINES
        lines = [
            *lines[:MAX_VALUE_LINES],
            [(f"… {counted(cut, 'more line')}; S writes all to a file", "warn")],
        ]
    return lines


def _json_into(lines: list[Line], value: Any, key: str, indent: str) -> None:
    lead: list[tuple[str, str]] = [(indent, ""), (key, "accent")] if key else [(indent, "")]
    if isinstance(value, Mapping):
        if key or not value:
            lines.append([*lead, ("" if value else "{}", "muted")])
        inner = indent + "  " if key else indent
        for name, item in value.items():
            _json_into(lines, item, f"{clean_line(str(name))}: ", inner)
    elif isinstance(value, list | tuple):
        if not value:
            lines.append([*lead, ("[]", "muted")])
            return
        if key:
            lines.append([*lead, ("", "")])
        inner = indent + "  " if key else indent
        for item in value:
            _json_into(lines, item, "- ", inner)
    elif isinstance(value, str):
        texts = clean_lines(value)
        if len(texts) == 1:
            lines.append([*lead, (texts[0] or '""', "text")])
            return
        lines.append(
            [
                *lead,
                (
                    f"{counted(len(texts), 'line')}, {size(len(value.encode('utf-8', 'replace')))}",
                    "faint",
                ),
            ]
        )
        lines.extend([(indent + "  │ ", "faint"), (text, "text")] for text in texts)
    else:
        lines.append([*lead, (json.dumps(value), "good")])


def step_json(board: Board, records: StepRecords) -> str:
    """Return the details of a step as JSON text, for the clipboard or a file."""
    task = records.task
    return json.dumps(
        {
            "execution_id": task.execution_id,
            "mission_name": board.execution.mission_name,
            "task_id": task.task_id,
            "state": task.state.value,
            "reason_code": task.reason_code.value,
            "message": task.message,
            "duration_ms": task.duration_ms,
            "inputs": _plain(task.inputs),
            "outputs": _plain(task.outputs),
            "error": None if task.error is None else error_json(task.error),
            "attempts": [
                {
                    "attempt": attempt.attempt,
                    "state": attempt.state.value,
                    "reason_code": attempt.reason_code.value,
                    "exit_code": attempt.exit_code,
                    "duration_ms": attempt.duration_ms,
                    "log_entry_count": attempt.log_entry_count,
                }
                for attempt in records.attempts
            ],
        },
        indent=2,
        ensure_ascii=False,
        default=str,
    )


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else dict(value)
