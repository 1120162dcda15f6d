"""Every key of the mission file is in the schema, explained, in the docs, and checked."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from core.mission_file.explain import SECTIONS, explain
from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.load import load_mission
from core.mission_file.schema import mission_schema
from tests.docs.test_mission_file_page import BLOCKS

TOP = {"version": 'version: "1.0"', "name": "name: m", "steps": "steps: [{id: a, run: x}]"}
TEMPLATE = "templates: {deploy: {params: {host: {}}, step: {run: x}}}"
USER = "  - {id: b, run: x, depends_on: a}"
WITHIN = {
    "params": ("params:", "  p:", "    @"),
    "config": ("config:", "  @"),
    "defaults": ("defaults:", "  @"),
    "step_templates": ("templates:", "  t:", "    step: {run: x}", "    @"),
    "concurrency": ("concurrency:", "  group: g", "  @"),
    "retry": ("config:", "  retry:", "    @"),
    "retry_on": ("config:", "  retry:", "    retry_on:", "      @"),
    "limits": ("config:", "  limits:", "    @"),
    "stop": ("config:", "  stop:", "    @"),
    "breaker": ("config:", "  breaker:", "    @"),
    "handlers": ("handlers:", "  @"),
    "preconditions": ("preconditions:", "  -", "    run: x", "    @"),
    "repeat": ("steps:", "  - id: a", "    run: x", "    repeat:", "      @"),
    "ready": ("steps:", "  - id: a", "    run: x", "    service: true", "    ready:", "      @"),
}
"""Where the keys of a section stand; `@` is for the key, which replaces one of the same name."""
BESIDE = {
    "step_type": ("parameters: {command: x}",),
    "parameters": ("step_type: command",),
    "with": ("use: deploy",),
    "ready": ("run: x", "service: true"),
}
"""What a key of a step has a meaning with, in the place of `run`."""

WRONG = ("[[]]", '{"0 x": {"y": 1}}', "7.5", '"\\u0001"', "[1, 1.5]", "true", '"nonsense {{"')
"""Values of which each key refuses at least one."""


def mission(section: str, name: str, value: str) -> str:
    """Return a mission in which the key stands in a line of its own, with the value."""
    line = f"{name}: {value}"
    if section == "mission":
        return "\n".join([*(text for key, text in TOP.items() if key != name), line, ""])
    if section == "steps":
        own = BESIDE.get(name, () if name in ("run", "use", "steps") else ("run: x",))
        lines = [
            "steps:",
            "  -",
            *(f"    {one}" for one in ("id: a", *own)),
            "    @",
            USER,
            TEMPLATE,
        ]
    else:
        more = {"timeout": ["      port: 1"]}.get(name, []) if section == "ready" else []
        lines = [*WITHIN[section], *more, *([USER] if section == "ready" else [])]
    beside = next(one.removesuffix("@") for one in lines if one.endswith("@")) + f"{name}:"
    kept = [one for one in lines if one[0] != " " or not one.startswith(beside)]
    top = [text for key, text in TOP.items() if key != "steps" or "steps:" not in lines]
    return "\n".join([*top, *kept, ""]).replace("@", line)


def at_the_key(text: str, name: str) -> list[Diagnostic]:
    """Return the errors in the line of the key, or below it."""
    lines = text.split("\n")
    number = next(n for n, line in enumerate(lines, 1) if line.lstrip(" -").startswith(f"{name}:"))
    return [
        one
        for one in load_mission(text).diagnostics
        if one.line >= number and one.column and one.severity is Severity.ERROR
    ]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(mission_schema())


@pytest.mark.parametrize("section", SECTIONS)
def test_examples_are_taken_by_the_check_and_by_the_schema(
    validator: jsonschema.Draft7Validator, section: str
) -> None:
    bad = {Code.UNKNOWN_KEY, Code.WRONG_TYPE, Code.BAD_VALUE, Code.BAD_ID, Code.SYNTAX}
    for name, key in SECTIONS[section][1].items():
        assert key.example is not None, name
        text = mission(section, name, key.example)
        found = [one for one in load_mission(text).diagnostics if one.code in bad]
        assert found == [], text
        errors = validator.iter_errors(yaml.safe_load(text))
        assert [one.message for one in errors] == [], text


@pytest.mark.parametrize("section", SECTIONS)
def test_the_schema_refuses_a_key_that_is_spelt_in_another_way(
    validator: jsonschema.Draft7Validator, section: str
) -> None:
    for name, key in SECTIONS[section][1].items():
        data = json.dumps(yaml.safe_load(mission(section, name, key.example or "x")))
        wrong = json.loads(data.replace(f'"{name}":', f'"{name}_x":'))
        assert not validator.is_valid(wrong), name


@pytest.mark.parametrize("section", SECTIONS)
def test_explain_says_what_each_key_is(section: str) -> None:
    for name, key in SECTIONS[section][1].items():
        told = " ".join(explain(f"{section}.{name}").split())
        assert told.startswith(f"{name}: ")
        assert " ".join(key.doc.split()) in told
        assert f"Example: {name}: {' '.join((key.example or '').split())}" in told


@pytest.mark.parametrize("section", SECTIONS)
def test_a_wrong_value_is_refused_where_it_stands(section: str) -> None:
    for name in SECTIONS[section][1]:
        assert any(at_the_key(mission(section, name, value), name) for value in WRONG), name


def test_each_stands_in_its_place_in_an_example_of_the_docs() -> None:
    """The examples are validated by the tests of the page."""
    used: set[tuple[str, str]] = set()
    for block in BLOCKS:
        data = yaml.safe_load(str(block.values[0]))
        used.update(used_keys({"steps": data} if isinstance(data, list) else data))
    missing = {(section, name) for section, (_, keys) in SECTIONS.items() for name in keys} - used
    assert missing == set()


_INNER = {
    ("mission", "config"): "config",
    ("mission", "defaults"): "defaults",
    ("mission", "concurrency"): "concurrency",
    ("mission", "preconditions"): "preconditions",
    ("mission", "steps"): "steps",
    ("mission", "handlers"): "handlers",
    ("steps", "steps"): "steps",
    ("steps", "preconditions"): "preconditions",
    ("config", "stop"): "stop",
    ("config", "breaker"): "breaker",
    ("step_templates", "step"): "steps",
    ("retry", "retry_on"): "retry_on",
}
_NAMED = {("mission", "params"): "params", ("mission", "templates"): "step_templates"}
"""Sections whose keys stand below names."""


def used_keys(data: Any) -> set[tuple[str, str]]:
    """Return the keys that the data of a mission has, each with its section."""
    return set(_used("mission", data))


def _used(section: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _used(section, item)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        yield section, name
        if section == "handlers":
            yield from _used("steps", item)
        elif (section, name) in _NAMED and isinstance(item, dict):
            for one in item.values():
                yield from _used(_NAMED[section, name], one)
        else:
            inner = _INNER.get((section, name), name if name in SECTIONS else None)
            if inner is not None:
                yield from _used(inner, item)
