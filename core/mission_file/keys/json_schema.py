"""Pieces of JSON Schema (draft-07) that the keys of a mission file are described with."""

from typing import Any

from core.mission_file.finding.limit import MAX_NAME_CHARACTERS

STEP_ID_PATTERN = "^[A-Za-z][A-Za-z0-9_.-]{0,99}$"
VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_]{0,99}$"

BOOLEAN: dict[str, Any] = {"type": "boolean"}
TEXT: dict[str, Any] = {"type": "string"}
NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS}
MAPPING: dict[str, Any] = {"type": "object"}
DURATION: dict[str, Any] = {
    "oneOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)?\s*)+$"},
    ]
}
TIMEOUT: dict[str, Any] = {
    "oneOf": [{"type": "number", "exclusiveMinimum": 0}, DURATION["oneOf"][1]]
}


def integer(low: int, high: int) -> dict[str, Any]:
    """Return the schema of a whole number in a range."""
    return {"type": "integer", "minimum": low, "maximum": high}


def array(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def mapping_of(names: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping whose names follow a pattern."""
    return {"type": "object", "additionalProperties": False, "patternProperties": {names: values}}
