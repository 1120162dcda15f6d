"""The texts that step types make of parameters that are not texts. Needs no model to do so."""

import json


def scalar_text(value: object) -> object:
    """Return numbers and booleans as the text a template would make of them; the rest unchanged.

    A value that is one whole template expression keeps its type, so `{{ params.port }}` arrives
    as a number where text is expected.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def any_text(value: object) -> object:
    """Return scalars as text and lists and objects as JSON."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else scalar_text(value)
