"""A short label for the item that a task run of a fan-out works on: `t[3] py=3.10 os=mac`. Pure."""

import json
from collections.abc import Mapping

from core.domain.mission import Json
from core.domain.records import TaskRun

MAX_CHARACTERS = 60
"""Characters of a label."""
_SPECIAL = frozenset("\"'`=,[]{}")


def item_label(item: Json) -> str:
    """Return an item as one line of at most `MAX_CHARACTERS` printable characters.

    A combination of a matrix, or any object, is `key=value` for each key; texts are unquoted
    where that is unambiguous, everything else is JSON.
    """
    if isinstance(item, Mapping) and item:
        words = (f"{_word(key)}={_word(value)}" for key, value in item.items())
        text = ""
        for word in words:
            text = f"{text} {word}" if text else word
            if len(text) > MAX_CHARACTERS:
                break
    else:
        text = _word(item)
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def step_title(task: TaskRun) -> str:
    """Return a task run's id, followed by its item if it is one of a fan-out."""
    if task.parent_task_id is None:
        return task.task_id
    return f"{task.task_id} {item_label(task.item)}"


def quoted_title(task: TaskRun) -> str:
    """Return `step_title` for use in a sentence: the id in backticks."""
    if task.parent_task_id is None:
        return f"`{task.task_id}`"
    return f"`{task.task_id}` {item_label(task.item)}"


def _word(value: object) -> str:
    if isinstance(value, str):
        short = value[: MAX_CHARACTERS + 1]
        bare = short.isprintable() and " " not in short and _SPECIAL.isdisjoint(short)
        return short if bare and short else json.dumps(short, ensure_ascii=not short.isprintable())
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_shortened(value), default=str, separators=(",", ":"))
    return json.dumps(value, default=str)


def _shortened(value: object, depth: int = 0) -> object:
    """Return the beginning of nested data, so that no more than a label holds is encoded."""
    if depth > 3:
        return "…"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MAX_CHARACTERS]
        return {str(key): _shortened(one, depth + 1) for key, one in pairs}
    if isinstance(value, list | tuple):
        return [_shortened(one, depth + 1) for one in value[:MAX_CHARACTERS]]
    return value[:MAX_CHARACTERS] if isinstance(value, str) else value
