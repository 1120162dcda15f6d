"""The JSON Schema (draft-07) of mission files, for editors: what `mission schema` prints.

It is generated from the tables of validation and from the parameter models of the step types. What
it cannot express, such as that dependencies exist, only validation checks.
"""

from collections.abc import Mapping
from typing import Any

from core.mission_file.finding.value_check import Key
from core.mission_file.keys.config import OLD_SPELLINGS
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.keys.top_level import MISSION_KEYS
from core.step_type.registry import step_type, step_type_names

SCHEMA_ID = "https://missiondeck.dev/schema/mission-1.json"
DRAFT = "http://json-schema.org/draft-07/schema#"

_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%"}


def mission_schema() -> dict[str, Any]:
    """Return the schema of a mission file with the parameters of every installed step type."""
    definitions: dict[str, Any] = {}
    step = _mapping(STEP_KEYS)
    step["allOf"] = []
    for name in step_type_names():
        kind = step_type(name)
        if kind is None:
            continue
        schema = kind.parameters.model_json_schema(
            by_alias=True, ref_template="#/definitions/{model}"
        )
        definitions.update({key: _draft_07(part) for key, part in schema.pop("$defs", {}).items()})
        definitions[f"parameters.{name}"] = _parameters(schema, kind.summary)
        needs = ["parameters"] if schema.get("required") else []
        step["allOf"].append(
            {
                "if": {
                    "properties": {"step_type": {"enum": _spellings(name)}},
                    "required": ["step_type"],
                },
                "then": {
                    "properties": {"parameters": {"$ref": f"#/definitions/parameters.{name}"}},
                    "required": needs,
                },
            }
        )
    names = step_type_names()
    step["properties"]["step_type"] = {
        "description": STEP_KEYS["step_type"].doc,
        "enum": [spelling for name in names for spelling in _spellings(name)],
    }
    step["required"].remove("step_type")
    step["anyOf"] = [
        {"required": ["step_type"]},
        {"required": ["run"]},
        {"required": ["use"]},
        {"required": ["steps"]},
    ]
    definitions["step"] = step
    root = _mapping(MISSION_KEYS)
    config = root["properties"]["config"]["properties"]
    for old in OLD_SPELLINGS:
        config[old] = {**config["parallel_limit"], "deprecated": True}
    return {
        "$schema": DRAFT,
        "$id": SCHEMA_ID,
        "title": "Mission",
        "description": "A mission: steps and what they depend on.",
        **root,
        "definitions": definitions,
    }


def _mapping(keys: Mapping[str, Key]) -> dict[str, Any]:
    """Return the schema of a mapping; every key that is not required may be null."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, key in keys.items() if key.required],
        "properties": {
            name: {**dict(key.schema), "description": key.doc}
            if key.required
            else _optional({**dict(key.schema), "description": key.doc})
            for name, key in keys.items()
        },
    }


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return {**schema, "type": [kind, "null"]}
    if isinstance(kind, list):
        return {**schema, "type": [*kind, "null"]} if "null" not in kind else schema
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    if "oneOf" in schema:
        return {**schema, "oneOf": [*schema["oneOf"], {"type": "null"}]}
    return schema


def _parameters(schema: dict[str, Any], summary: str) -> dict[str, Any]:
    """Return a model's schema in which a template may replace every value."""
    converted: dict[str, Any] = _draft_07(schema)
    converted.pop("title", None)
    converted["description"] = summary
    for name, field in converted.get("properties", {}).items():
        description = {key: field.pop(key) for key in ("description", "default") if key in field}
        converted["properties"][name] = {**description, "anyOf": [field, _TEMPLATE]}
    if not converted.get("required"):
        converted["type"] = ["object", "null"]
    return converted


def _spellings(name: str) -> list[str]:
    camel = "".join(part.capitalize() for part in name.split("_"))
    return [name, camel]


def _draft_07(schema: Any) -> Any:
    """Return a schema of draft 2020-12, as pydantic writes it, converted to draft-07.

    Of what pydantic uses, only `$defs`, `prefixItems` and siblings of `$ref` differ (see
    json-schema.org, "Draft 2020-12 release notes").
    """
    if isinstance(schema, list):
        return [_draft_07(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _draft_07(value) for key, value in schema.items()}
    if "prefixItems" in result:
        rest = result.pop("items", None)
        result["items"] = result.pop("prefixItems")
        if rest is not None:
            result["additionalItems"] = rest
    if "$ref" in result and len(result) > 1:
        result["allOf"] = [{"$ref": result.pop("$ref")}]
    return result
