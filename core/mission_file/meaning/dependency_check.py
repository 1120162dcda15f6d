"""Checks that the dependencies of steps exist and form no cycle."""

from collections.abc import Sequence
from typing import Any

from core.graph.dag import Neighbours, find_cycles, invert, topological_order
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.value_check import STEP_ID, suggest

_SHOWN = 20


def check_dependencies(raw_steps: Sequence[Any], problems: Problems) -> Neighbours | None:
    """Return for each step the indexes of what it depends on, or None when there is a cycle.

    Works on raw steps, so that an invalid step hides no error of another; dependencies that do not
    exist are reported and left out.
    """
    index: dict[str, int] = {}
    for number, raw in enumerate(raw_steps):
        if raw.__class__ is dict and raw.get("id").__class__ is str:
            index.setdefault(raw["id"], number)
    upstream = tuple([_needs(number, raw, index, problems) for number, raw in enumerate(raw_steps)])
    order = topological_order(upstream, invert(upstream))
    if len(order) == len(upstream):
        return upstream
    for cycle in find_cycles(upstream):
        _report_cycle(cycle, raw_steps, problems)
    return None


def _needs(number: int, raw: Any, index: dict[str, int], problems: Problems) -> tuple[int, ...]:
    names = raw.get("depends_on") if raw.__class__ is dict else None
    if names.__class__ is not list or not names:
        return ()
    needs: dict[int, None] = {}
    for position, name in enumerate(names):
        if name.__class__ is not str or not STEP_ID.fullmatch(name):
            continue  # already reported as an invalid id
        need = index.get(name)
        path = ("steps", number, "depends_on", position)
        if need is None:
            problems.error(
                Code.UNKNOWN_DEPENDENCY,
                f"step `{raw.get('id')}` depends on `{name}`, which does not exist",
                path,
                hint=suggest(name, index),
            )
        elif need == number:
            problems.error(Code.SELF_DEPENDENCY, f"step `{name}` depends on itself", path)
        else:
            needs[need] = None
    return tuple(needs)


def _report_cycle(cycle: list[int], raw_steps: Sequence[Any], problems: Problems) -> None:
    names = [raw_steps[number]["id"] for number in (*cycle, cycle[0])]
    if len(names) > _SHOWN:
        left_out = len(names) - _SHOWN
        names[_SHOWN // 2 : -_SHOWN // 2] = [f"… {left_out} more …"]
    first = cycle[0]
    position = raw_steps[first]["depends_on"].index(raw_steps[cycle[1]]["id"])
    problems.error(
        Code.CYCLE,
        f"steps depend on each other in a cycle: {' → '.join(names)}",
        ("steps", first, "depends_on", position),
        hint="each depends on the next; remove one of these dependencies",
    )
