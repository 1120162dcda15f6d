import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from core.audit.format import canonical
from core.audit.format.canonical import MAX_INTEGER, MAX_TEXT_CHARACTERS, CanonicalError
from tests.support.shared import shared_path

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BMP_KEY = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
ASCII_KEY = st.text(st.characters(max_codepoint=0x7F), max_size=8)
SCALAR = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT
FREE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(BMP_KEY, inner, max_size=4)
)
PROFILE = st.dictionaries(
    ASCII_KEY, SCALAR | st.dictionaries(ASCII_KEY, FREE, max_size=4), max_size=5
)
ANYTHING = st.recursive(
    SCALAR | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(), max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(PROFILE)
def test_within_the_profile_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.decode(data) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_texts_are_spelled_as_rfc_8785_spells_them(text: str) -> None:
    assert canonical.encode([text]) == rfc8785.dumps([text])


def test_the_jcs_vectors_come_out_as_published_or_are_refused() -> None:
    folder = shared_path("vectors/jcs/input")
    accepted = []
    for path in sorted(folder.iterdir()):
        expected = (folder.parent / "output" / path.name).read_bytes().rstrip(b"\n")
        value = json.loads(path.read_bytes())
        try:
            assert canonical.encode([[value]])[2:-2] == expected, path.name
            accepted.append(path.name)
        except CanonicalError:
            assert rfc8785.dumps(value) == expected, path.name
    # structures.json and values.json hold floats, weird.json a key outside the multilingual plane
    assert accepted == ["arrays.json", "french.json", "unicode.json"]


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "\ud800",
        {"\ud800": 1},
        {"é": 1},
        {"details": {"é": 1}},
        {"details": {"free": {"\U0001f680": 1}}},
        {1: 2},
        (1,),
        b"x",
        {"a": {1}},
    ],
)
def test_what_lies_outside_the_profile_is_refused(value: Any) -> None:
    with pytest.raises(CanonicalError):
        canonical.encode(value)


def test_free_maps_may_have_keys_of_the_basic_multilingual_plane() -> None:
    value = {"details": {"free": {"é": 1, "\uffff": 2, "z": 3}}}
    assert canonical.encode(value) == rfc8785.dumps(value)


def test_more_than_thirty_two_levels_are_refused_both_ways() -> None:
    value: list[Any] = []
    for _ in range(31):
        value = [value]
    assert canonical.decode(canonical.encode(value)) == value
    with pytest.raises(CanonicalError):
        canonical.encode([value])
    with pytest.raises(CanonicalError):
        canonical.decode(b"[" * 33 + b"]" * 33)
    with pytest.raises(CanonicalError):
        canonical.decode(b"[" * 100_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" {}",
        b"{} ",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":[1,-9007199254740992]}',
        b'{"a":"\\u0061"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u00E9"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\x01"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b'{"\xc3\xa9":1}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"nul",
    ],
)
def test_any_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        canonical.decode(data)


@given(st.binary(max_size=60))
@example(b'{"a":"\\ud83d\\ude80"}')
def test_decode_accepts_only_what_encode_writes(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except CanonicalError:
        return
    assert canonical.encode(value) == data


@given(ANYTHING)
def test_clean_moves_anything_like_json_into_the_profile_and_changes_nothing_twice(
    value: Any,
) -> None:
    cleaned = canonical.clean(value)
    canonical.encode({"details": cleaned})
    assert canonical.clean(cleaned) == cleaned


@given(PROFILE)
def test_clean_leaves_alone_what_is_within_the_profile(value: Any) -> None:
    assert canonical.clean(value) == value


def test_clean_keeps_numbers_as_text_where_they_are_no_canonical_numbers() -> None:
    cleaned = canonical.clean({"a": 2**53, "b": 0.5, "c": math.inf, "d": 10**6000, "e": (1, {2})})
    assert cleaned["a"] == "9007199254740992"
    assert cleaned["b"] == "0.5"
    assert cleaned["c"] == "inf"
    assert cleaned["d"].startswith("0x")
    assert cleaned["e"] == [1, [2]]


def test_clean_ends_endless_nesting_and_refuses_other_types() -> None:
    value: list[object] = []
    value.append(value)
    canonical.encode(canonical.clean({"a": value}))
    with pytest.raises(CanonicalError):
        canonical.clean({"a": object()})


@given(st.text(st.characters(), max_size=300), st.integers(128, 200))
def test_cleaned_text_is_short_encodable_and_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = canonical.clean_text(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode().decode() == cleaned
    assert canonical.clean_text(cleaned, limit) == cleaned


def test_what_is_cut_from_a_text_still_shows_in_its_marker() -> None:
    one, other = "x" * 100_000 + "a", "x" * 100_000 + "b"
    assert len(canonical.clean_text(one)) == MAX_TEXT_CHARACTERS
    assert canonical.clean_text(one) != canonical.clean_text(other)
    assert "[100001 characters, sha256:" in canonical.clean_text(one)


def test_the_naughty_strings_pass_unchanged_in_every_place() -> None:
    for text in json.loads(shared_path("vectors/blns.json").read_bytes()):
        value = {"details": {"free": {"k": text}}, "text": text}
        assert canonical.encode(value) == rfc8785.dumps(value)
