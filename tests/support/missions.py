"""Missions for tests: from arrow notation, as data, as files, and randomly generated."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain.mission import Mission, MissionConfig, MissionStep


def mission(arrows: str, **fields: Any) -> Mission:
    """Return a mission of no-op steps: `fetch -> build test; build test -> ship`.

    Steps stand in the order they are first named; what is right of an arrow depends on all that is
    left of it. `fields` go to the mission, those of `MissionConfig` to its config.
    """
    needs: dict[str, list[str]] = {}
    for chain in arrows.split(";"):
        groups = [group.split() for group in chain.split("->")]
        for group in groups:
            for name in group:
                needs.setdefault(name, [])
        for earlier, later in pairwise(groups):
            for name in later:
                needs[name] += [need for need in earlier if need not in needs[name]]
    steps = tuple(a_step(name, depends_on=tuple(before)) for name, before in needs.items())
    return a_mission(steps=steps, **fields)


def a_step(step_id: str = "only", **fields: Any) -> MissionStep:
    """Return a no-op step."""
    return replace(MissionStep(id=step_id, name=step_id, step_type="noop"), **fields)


def a_mission(**fields: Any) -> Mission:
    """Return a mission of one no-op step, unless `fields` say otherwise."""
    known = MissionConfig.__struct_fields__
    config = MissionConfig(**{key: fields.pop(key) for key in list(fields) if key in known})
    plain = {"version": "1.0", "name": "a mission", "steps": (a_step(),), "config": config}
    return Mission(**{**plain, **fields})


def mission_data(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a mission file as data; a step is named by its id and does nothing unless it says."""
    listed = [{"name": step["id"], "step_type": "noop", **step} for step in steps]
    listed = listed or [{"id": "only", "name": "Only", "step_type": "noop"}]
    return {"version": "1.0", "name": "a mission", **fields, "steps": listed}


def mission_yaml(*steps: dict[str, Any], **fields: Any) -> str:
    """Return a mission file as YAML text."""
    data = mission_data(*steps, **fields)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)


def dags(max_steps: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Draw acyclic graphs: for each step, the indexes of what it depends on.

    Numbers are shuffled, so that file order is no topological order.
    """

    @st.composite
    def draw_dag(draw: st.DrawFn) -> list[list[int]]:
        count = draw(st.integers(1, max_steps))
        place = draw(st.permutations(range(count)))
        upstream: list[list[int]] = [[] for _ in range(count)]
        for number in range(1, count):
            before = st.lists(st.integers(0, number - 1), unique=True, max_size=3)
            upstream[place[number]] = [place[need] for need in draw(before)]
        return upstream

    return draw_dag()


def missions(max_steps: int = 12, **fields: Any) -> st.SearchStrategy[Mission]:
    """Draw missions of no-op steps `s0`, `s1`, ... with random dependencies."""

    def build(upstream: list[list[int]]) -> Mission:
        steps = tuple(
            a_step(f"s{number}", depends_on=tuple(f"s{need}" for need in needs))
            for number, needs in enumerate(upstream)
        )
        return a_mission(steps=steps, **fields)

    return dags(max_steps).map(build)


PARENT = """\
version: "1.0"
name: parent
steps:
  - {id: say, step_type: command, parameters: {command: echo, args: [evidence]}}
  - {id: below, step_type: mission, depends_on: [say], parameters: {file: child.yaml}}
"""
CHILD = """\
version: "1.0"
name: child
steps: [{id: nothing, step_type: noop}]
"""


def write_parent_and_child(folder: Path) -> None:
    """Write `parent.yaml`, which says `evidence` and then runs `child.yaml` as a sub-mission."""
    (folder / "parent.yaml").write_text(PARENT)
    (folder / "child.yaml").write_text(CHILD)
