"""Which item of a fan-out it is, in a few words."""

from typing import Any

import pytest

from core.domain.item_label import MAX_CHARACTERS, item_label, quoted_title, step_title
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("x", "x"),
        ("/srv/a.csv", "/srv/a.csv"),
        (3, "3"),
        (3.1, "3.1"),
        (True, "true"),
        (None, "null"),
        ({"py": "3.10", "os": "mac"}, "py=3.10 os=mac"),
        ({"n": 1, "flags": ["a", 2]}, 'n=1 flags=["a",2]'),
        ({"key": "a b", "value": ""}, 'key="a b" value=""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ({}, "{}"),
        ([], "[]"),
        ("grün", "grün"),
        ("line\nbreak\x1b[31m", '"line\\nbreak\\u001b[31m"'),
        ("\u202eevil", '"\\u202eevil"'),
        ("\udcff", '"\\udcff"'),
    ],
)
def test_a_label_is_one_printable_line(item: Any, expected: str) -> None:
    assert item_label(item) == expected
    assert item_label(item).isprintable()


@pytest.mark.parametrize(
    "item",
    ["x" * 10_000, {f"k{n}": n for n in range(10_000)}, ["x" * 9_999] * 9_999, [[[[[[1]]]]]]],
)
def test_a_label_is_bounded(item: Any) -> None:
    assert len(item_label(item)) <= MAX_CHARACTERS


def test_the_item_stands_behind_the_id() -> None:
    task = TaskRun(
        execution_id="e",
        task_id="t[3]",
        position=7,
        state=TaskState.FAILED,
        reason_code=Reason.EXIT_NONZERO,
        updated_at=1,
        parent_task_id="t",
        item={"py": "3.10", "os": "mac"},
    )
    assert step_title(task) == "t[3] py=3.10 os=mac"
    assert quoted_title(task) == "`t[3]` py=3.10 os=mac"
