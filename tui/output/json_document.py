"""JSON text that is safe for a terminal. Every command imports it, so it imports little."""

import json
from collections.abc import Mapping

from tui.words.safe_text import escape_json


def dump(value: object, *, indent: int | None = None) -> str:
    """Return JSON text, one line unless `indent`; control characters are escaped."""
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain, separators=None
    )
    return escape_json(text)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON data")
