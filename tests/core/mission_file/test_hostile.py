"""Inputs meant to break the reader: it answers with diagnostics, never with an exception."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission
from core.mission_file.render import FORMATS, render
from tests.support.missions import mission_data
from tests.support.shared import shared_path

VALID = b"""\
version: "1.0"
name: fuzzed   # a comment
params: {target: {type: choice, choices: [a, b], default: a}}
variables: {x: &x [1, 2.5, ~], y: *x}
env: {LANG: "C.UTF-8"}
config: {timeout_seconds: 1h, retry: {max_attempts: 2}}
steps:
  - id: build
    name: >-
      Folded
      name
    step_type: command
    parameters: {command: echo, args: ["\\u0041", 'it''s']}
  - id: ship
    name: Ship
    step_type: log
    depends_on: [build]
    when: "{{ params.target == 'a' }}"
    parameters:
      message: |
        {% for i in vars.x %}{{ i }}{% endfor %} {{ steps.build.output.stdout | upper }}
"""
VALID_JSON = json.dumps(yaml.safe_load(VALID), indent=1).encode()


def told(content: bytes | str, fmt: str) -> Loaded:
    """Load whatever it is; return what all renderings of the answer agree on."""
    loaded = load_mission(content, fmt=fmt)
    assert loaded.ok or loaded.diagnostics
    assert (loaded.mission is None) or loaded.ok
    for form in FORMATS:
        render(loaded.diagnostics, form).encode()
    for found in loaded.diagnostics:
        assert found.line >= 0
        assert found.source_line is None or found.caret <= len(found.source_line)
    return loaded


def test_what_is_mutated_below_is_valid() -> None:
    assert told(VALID, "yaml").ok
    assert told(VALID_JSON, "json").ok


@st.composite
def mutations(draw: st.DrawFn, base: bytes) -> bytes:
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from(
                    [b"{", b"[", b"]", b"}", b"\n", b"\t", b": ", b"- ", b"&a ", b"*a", b"!t ",
                     b"{{", b"}}", b"{%", b'"', b"'", b"\\", b"\xff", b"\0", b"~", b"| \n", b"..."]
                ),
            )
        )  # fmt: skip
        data[at : at + draw(st.integers(0, 6))] = piece
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(mutations(VALID))
def test_no_edit_of_a_yaml_file_raises(content: bytes) -> None:
    told(content, "yaml")


@settings(max_examples=200, deadline=None)
@given(mutations(VALID_JSON))
def test_no_edit_of_a_json_file_raises(content: bytes) -> None:
    told(content, "json")


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(st.one_of(mutations(VALID), mutations(VALID_JSON)), st.sampled_from(["yaml", "json"]))
def test_no_edit_of_any_file_raises_at_length(content: bytes, fmt: str) -> None:
    told(content, fmt)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["yaml", "json"]))
@example(b"%YAML 1.1\n---\n", "yaml")
@example(b"%TAG ! tag:x,2000:\n--- !a b\n", "yaml")
@example(b"--- \n...\n...\n", "yaml")
@example(b"\xef\xbb\xbf", "yaml")
@example(b"]", "json")
def test_no_bytes_raise(content: bytes, fmt: str) -> None:
    told(content, fmt)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
TOP_KEYS = ["version", "name", "description", "params", "variables", "secrets", "env", "config",
            "handlers"]  # fmt: skip
STEP_KEYS = ["id", "run", "name", "step_type", "depends_on", "timeout_seconds", "continue_on_error",
             "parameters", "retry", "when", "trigger_rule", "foreach", "matrix", "max_parallel",
             "env", "secrets", "working_dir", "idempotent", "runs_on"]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(TOP_KEYS), JSON_VALUES, max_size=4),
    st.dictionaries(st.sampled_from(STEP_KEYS), JSON_VALUES, max_size=5),
)
def test_no_value_under_any_key_raises(top: dict[str, Any], step: dict[str, Any]) -> None:
    data = mission_data({"id": "a", **step})
    told(json.dumps({**data, **top}), "json")


@settings(max_examples=50, deadline=None)
@given(JSON_VALUES)
def test_no_value_in_the_place_of_the_steps_raises(value: object) -> None:
    told(json.dumps({**mission_data(), "steps": value}), "json")


def naughty_strings() -> list[str]:
    found: list[str] = json.loads(shared_path("vectors/blns.json").read_text(encoding="utf-8"))
    return found


def in_every_field(text: str) -> Iterator[dict[str, Any]]:
    """Yield missions with `text` in each place that takes one; all errors are told at once."""
    fields = ("name", "step_type", "when", "foreach", "timeout_seconds", "working_dir", "env")
    yield {
        "version": text,
        "name": text,
        "description": text,
        "variables": {"v": text, text: 1},
        "env": {"V": text, text: "v"},
        "secrets": [text],
        "params": {"p": {"default": text, "description": text}, "q": {"pattern": text}},
        text: 1,
        "steps": [
            *({"id": f"s{n}", "step_type": "noop", key: text} for n, key in enumerate(fields)),
            {"id": text, "name": "x", "step_type": "noop", "depends_on": [text]},
        ],
    }
    parameters = {"command": text, "args": [text, "-c", text], text: text}
    yield mission_data(
        {"id": "a", "parameters": {"message": text}},
        {"id": "b", "step_type": "command", "parameters": parameters},
        {"id": "c", "step_type": "script", "parameters": {"script": text}},
        {"id": "d", "when": text, "matrix": {"m": text}, "env": {"V": text}},
    )


def test_the_big_list_of_naughty_strings_raises_nowhere() -> None:
    for text in naughty_strings():
        for data in in_every_field(text):
            told(json.dumps(data), "json")


def test_naughty_names_arrive_as_they_are_or_are_refused_as_names() -> None:
    for text in naughty_strings():
        data = mission_data({"id": "a", "name": text}, name=text)
        loaded = load_mission(yaml.safe_dump(data, default_style='"'), fmt="yaml")
        if loaded.mission is not None:
            assert (loaded.mission.name, loaded.mission.steps[0].name) == (text, text)
        else:
            assert {found.code for found in loaded.diagnostics} <= {
                Code.BAD_NAME,
                Code.TEMPLATE_NOT_ALLOWED,
                Code.CONTROL_CHARACTER,
            }


def nested_aliases(levels: int, width: int) -> str:
    lines = [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]"
        for level in range(1, levels)
    ]
    return "\n".join(["a0: &a0 [x, x]", *lines])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (nested_aliases(30, 10), Code.ALIAS_BOMB),
        ("a: &a [" + "x," * 1000 + "]\nb: [" + "*a," * 1000 + "]", Code.ALIAS_BOMB),
        ("- " * 200_000, Code.TOO_DEEP),
        ("[" * 100_000 + "]" * 100_000, Code.TOO_DEEP),
        ("{" * 100_000, Code.KEY_NOT_TEXT),
        ("? " * 100_000, Code.KEY_NOT_TEXT),
        ("[{" * 50_000, Code.KEY_NOT_TEXT),
        ("\n".join(" " * n + "a:" for n in range(3_000)), Code.TOO_DEEP),
        ("a: " + "x" * 2_000_000, Code.TOO_LARGE),
        ("a: |\n" + "  x\n" * 600_000, Code.TOO_LARGE),
    ],
    ids=lambda value: None if isinstance(value, Code) else "text",
)
def test_a_bomb_is_refused(text: str, code: Code) -> None:
    assert code in {found.code for found in load_mission(text, fmt="yaml").diagnostics}


class ForesightedParser:
    """A YAML library with a nesting limit that it meets before it gives its first event."""

    def __init__(self, text: str) -> None:
        levels = 0
        for index, character in enumerate(text):
            levels += character in "[{"
            if levels > 100:
                mark = yaml.Mark("", index, 0, index, None, 0)
                raise yaml.MarkedYAMLError(problem="too many levels for me", problem_mark=mark)
        self.get_event = yaml.SafeLoader(text).get_event


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("[" * 500, Code.TOO_DEEP, 66),
        ("x: " + "[" * 101, Code.TOO_DEEP, 68),
        ("{" * 500, Code.KEY_NOT_TEXT, 2),
    ],
)
def test_our_limit_is_met_before_any_of_the_library(
    text: str, code: Code, column: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.mission_file.reading.yaml_event.EventParser", ForesightedParser)
    (found,) = load_mission(text, fmt="yaml").diagnostics
    assert (found.code, found.line, found.column) == (code, 1, column)


@pytest.mark.parametrize("fmt", ["yaml", "json"])
def test_a_file_with_too_many_values_is_refused(fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"core.mission_file.reading.{fmt}_reader.MAX_NODES", 1000)
    text = '{"variables": [' + "0," * 1000 + "0]}"
    codes = {found.code for found in load_mission(text, fmt=fmt).diagnostics}
    assert codes == {Code.TOO_MANY_NODES}


def test_a_line_of_a_megabyte_shows_only_the_part_around_the_place() -> None:
    text = "{" + " " * 1_000_000 + '"version": "9"' + " " * 1_000_000 + "}"
    for fmt in ("json", "yaml"):
        found = next(
            one
            for one in load_mission(text, fmt=fmt).diagnostics
            if one.code is Code.UNSUPPORTED_VERSION
        )
        assert found.column == 1_000_013
        assert found.source_line is not None
        assert len(found.source_line) <= 160
        assert found.source_line[found.caret : found.caret + found.length] == '"9"'
