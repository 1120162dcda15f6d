"""A census in words: who was left, what becomes of it, who was ended, who could not be."""

from typing import Any

import pytest

from core.domain.process_policy import Leftovers
from core.explain.process_text import MAX_COMMAND_CHARACTERS, census_text, ended_text

SLEEP = {"pid": 4711, "command": "sleep 600"}


def census(processes: int = 1, survivors: int = 0, **more: Any) -> dict[str, Any]:
    return {"processes": processes, "survivors": survivors, **more}


@pytest.mark.parametrize(
    ("found", "leftovers", "told"),
    [
        (None, None, None),
        (census(0), None, None),
        (census(left=[SLEEP]), None, "left running: sleep 600 (pid 4711)"),
        (
            census(left=[SLEEP]),
            Leftovers.EXECUTION,
            "left running: sleep 600 (pid 4711), ended with the execution at the latest",
        ),
        (
            census(left=[SLEEP]),
            Leftovers.KEEP,
            "left running: sleep 600 (pid 4711), kept on purpose",
        ),
        (census(7), None, "ended: 7 processes, 0 survivors"),
        (census(7, 1), None, "ended: 7 processes, 1 survivor"),
        (
            census(ended=[SLEEP]),
            Leftovers.STEP,
            "ended: 1 process, 0 survivors: sleep 600 (pid 4711)",
        ),
    ],
)
def test_a_census_is_told(
    found: dict[str, Any] | None, leftovers: Leftovers | None, told: str | None
) -> None:
    assert census_text(found, leftovers) == told


def test_many_are_counted_and_a_long_command_is_cut() -> None:
    many = [{"pid": pid, "command": "x" * 200} for pid in range(1, 10)]

    told = ended_text(census(9, ended=many))

    assert told.endswith(", 5 more")
    assert "x" * MAX_COMMAND_CHARACTERS not in told


def test_a_command_that_has_yet_to_be_masked_stays_whole() -> None:
    secret = "s" * 2 * MAX_COMMAND_CHARACTERS

    assert secret in ended_text(census(ended=[{"pid": 1, "command": secret}]), whole=True)


@pytest.mark.parametrize("left", [7, "text", [7], [None]])
def test_a_census_of_another_shape_is_not_told(left: object) -> None:
    assert census_text({"processes": "many", "left": left}) is None
