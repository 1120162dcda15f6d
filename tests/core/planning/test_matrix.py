"""Combinations of a matrix: what `exclude` leaves out, and what `include` adds."""

from typing import Any

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from core.planning.fanout_items import ItemsError, items_of
from tests.support.simulation import a_step


def items(matrix: dict[str, Any], **scope: Any) -> list[Any]:
    return list(items_of(a_step("a", matrix=matrix), scope))


def test_what_an_entry_of_exclude_names_is_left_out() -> None:
    matrix = {"os": ["l", "m"], "n": [1, True], "exclude": [{"os": "m", "n": 1}, {"os": "x"}]}
    assert items(matrix) == [{"os": "l", "n": 1}, {"os": "l", "n": True}, {"os": "m", "n": True}]


def test_include_extends_what_it_agrees_with_and_adds_what_agrees_with_nothing() -> None:
    """The example of the documentation of GitHub Actions."""
    matrix = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    }
    assert items(matrix) == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_include_alone_is_a_matrix_and_a_template_may_give_it() -> None:
    assert items({"include": "{{ vars.more }}"}, vars={"more": [{"a": 1}]}) == [{"a": 1}]
    with pytest.raises(ItemsError, match=r"matrix\.include must give a list of mappings"):
        items({"include": "{{ vars.more }}"}, vars={"more": ["a"]})


def test_the_number_of_combinations_is_bounded_with_what_is_included() -> None:
    with pytest.raises(ItemsError, match="10,001 items"):
        items({"a": list(range(10_000)), "include": [{"a": -1}]})


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ("{os: [a], exclude: [b]}", Code.WRONG_TYPE),
        ("{os: [a], include: [{}]}", Code.WRONG_TYPE),
        ("{os: [a], include: {os: b}}", Code.WRONG_TYPE),
        ("{os: [a], include: [{a-b: c}]}", Code.BAD_ID),
        ("{exclude: [{os: a}]}", Code.BAD_VALUE),
    ],
)
def test_entries_that_are_none_are_refused_with_their_place(matrix: str, code: Code) -> None:
    text = f'version: "1.0"\nname: m\nsteps:\n  - {{id: a, run: x, matrix: {matrix}}}\n'
    (found,) = load_mission(text).diagnostics
    assert (found.code, found.line, found.column >= 29) == (code, 4, True)
