"""The first fault of a text that is not JSON: the same place and words on every Python."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.value.json_syntax import find_fault

FAULTS = {
    "empty": ("", 0, "a value is missing"),
    "only space": (" \n", 2, "a value is missing"),
    "comma in an object": ('{"a": 1,\n}', 9, "a key in double quotes is missing"),
    "comma in a list": ("[1, ]", 4, "a value is missing"),
    "only a comma": ("[,]", 1, "a value is missing"),
    "no value": ('{"a": }', 6, "a value is missing"),
    "no colon": ('{"a" 1}', 5, "a key without `:`"),
    "bare key": ("{a: 1}", 1, "a key in double quotes is missing"),
    "single quotes": ("['a']", 1, "a value is missing"),
    "no comma": ('{"a": 1 "b": 2}', 8, "a `,` or a closing bracket is missing"),
    "open list": ("[1, 2", 5, "a `,` or a closing bracket is missing"),
    "wrong bracket": ("[1}", 2, "a `,` or a closing bracket is missing"),
    "open quotes": ('["abc', 1, "the text ends inside quotes"),
    "line break": ('["a\nb"]', 3, "a line break or control character in quotes"),
    "escape": ('["a\\x"]', 3, "unknown escape"),
    "short escape": ('["\\u12"]', 2, "unknown escape"),
    "two values": ("{} {}", 3, "unexpected text after the end of the data"),
    "leading zero": ("01", 1, "unexpected text after the end of the data"),
    "depth": ("[" * 100_000, 100_000, "a value is missing"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_the_first_fault_is_found_and_named(kind: str) -> None:
    text, index, message = FAULTS[kind]
    fault = find_fault(text)
    assert fault is not None
    assert (fault.offset, fault.message) == (index, message)


def test_a_trailing_comma_is_told_as_one() -> None:
    for text in ("[1,]", '{"a": 1, }'):
        fault = find_fault(text)
        assert fault is not None
        assert fault.hint == f"no comma before `{text[-1]}`"


PIECES = ["{", "}", "[", "]", ",", ":", '"a"', '"', "\\", "\\n", "1", "-", ".5", "e3", "true",
          "nul", "NaN", " ", "\n", "\x01", "é"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_a_text_has_a_fault_exactly_if_the_json_module_refuses_it(text: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        assert find_fault(text) is not None
    else:
        assert find_fault(text) is None
