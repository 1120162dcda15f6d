"""The mission file as lines, with those of one step highlighted."""

import json
from collections.abc import Sequence

from core.domain.mission import MissionSource
from core.domain.state_word import counted
from tui.lines.json_data import json_lines
from tui.lines.step.line_parts import MAX_VALUE_LINES
from tui.look.styled_text import Line
from tui.words.safe_text import clean, clean_lines


def source_lines(source: MissionSource | None, task_id: str) -> tuple[list[Line], int]:
    """Return the mission file with the step's lines highlighted, and the index of the first."""
    if source is None:
        return [[("The mission file is not stored", "muted")]], 0
    text = source.content.decode("utf-8", "replace")
    if source.format == "json":
        return _json_step(text, task_id), 0
    rows = text.split("\n")
    first, last = step_range(rows, task_id)
    width = len(str(len(rows)))
    lines: list[Line] = []
    for number, row in enumerate(rows):
        inside = first <= number < last
        lines.append(
            [
                (
                    f"{'▌' if inside else ' '}{number + 1:>{width}}  ",
                    "accent" if inside else "faint",
                ),
                (clean(row), "strong" if inside else "muted"),
            ]
        )
    return lines, max(0, first)


def _json_step(text: str, task_id: str) -> list[Line]:
    try:
        steps = json.loads(text).get("steps", [])
    except (ValueError, AttributeError):
        rows = clean_lines(text)
        lines: list[Line] = [[(row, "muted")] for row in rows[:MAX_VALUE_LINES]]
        if len(rows) > MAX_VALUE_LINES:
            lines.append([(f"… {counted(len(rows) - MAX_VALUE_LINES, 'more line')}", "faint")])
        return lines
    found = next((s for s in steps if isinstance(s, dict) and s.get("id") == task_id), None)
    return json_lines(found, empty="The step is not in the mission file")


def step_range(rows: Sequence[str], task_id: str) -> tuple[int, int]:
    """Return the first line of a step in YAML text and the one after its last, or (-1, -1)."""
    for number, row in enumerate(rows):
        bare = row.strip().removeprefix("- ").strip()
        if not bare.startswith(("id:", '"id":', "{id:", "{ id:")):
            continue
        value = bare.partition(":")[2].split(",")[0].split(" #")[0].strip(" }\"'")
        if value == task_id:
            return _item_range(rows, number)
    return -1, -1


def _item_range(rows: Sequence[str], at: int) -> tuple[int, int]:
    first = at
    while first > 0 and not rows[first].lstrip().startswith("- "):
        first -= 1
    indent = len(rows[first]) - len(rows[first].lstrip())
    last = first + 1
    while last < len(rows):
        row = rows[last]
        if row.strip() and len(row) - len(row.lstrip()) <= indent:
            break
        last += 1
    while last > first + 1 and not rows[last - 1].strip():
        last -= 1
    return first, last
