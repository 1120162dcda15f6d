"""A step with steps of its own: written out as a mission within the mission, and checked as one.

The inner mission has the environment, secrets, variables, templates and defaults of the outer one,
and what the step gives it under `with` as variables.
"""

from collections.abc import Callable, Mapping
from typing import Any

from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problem, Problems
from core.mission_file.finding.value_check import INVALID, VARIABLE_NAME, Key, wrong_type
from core.mission_file.keys.json_schema import array
from core.step_type.registry import normalise_type

GROUP = "group"
_SHARED = ("variables", "secrets", "env", "env_files", "defaults", "templates")
"""Keys of the mission that hold for the steps of a group, too."""
_SHARED_CONFIG = (
    *("limits", "stop", "leftovers", "breaker", "fail_fast", "parallel_limit", "runs_on"),
    *("shared_folders", "durability"),
)
"""Keys of `config` that hold for them; `retry` repeats the group as a whole."""
_REPORTED_OUTSIDE = frozenset({"version", "name", "config", "params", *_SHARED}) - {
    "defaults",
    "templates",
}
"""What is wrong in these is wrong in the outer mission, and reported there."""

CheckData = Callable[[dict[str, Any], Problems], None]
"""Checks the data of a whole mission."""


def check_inner_steps(value: Any, path: Path, problems: Problems) -> Any:
    """Check that the steps of a group are a list; each is checked as a step of a mission."""
    if value.__class__ is not list:
        return wrong_type(value, path, problems, "a list of steps")
    if not value:
        problems.error(Code.NO_STEPS, "a group has at least one step", path)
        return INVALID
    return value


STEPS = Key(
    check=check_inner_steps,
    doc="Steps of its own: the step is a group, which runs them as a whole. `with` gives them"
    " values, `{{ vars.NAME }}`.",
    schema=array({"$ref": "#/definitions/step"}),
    example="[{id: build, run: make}, {id: test, run: make test, depends_on: build}]",
    synonyms=("tasks", "block", "jobs"),
)


def write_out_group(
    step: dict[str, Any], path: Path, data: Mapping[str, Any], problems: Problems
) -> dict[str, Any]:
    """Return a step with `steps` as one whose parameters are a mission; `data` is the outer one."""
    kind = step.get("step_type")
    if kind is not None and normalise_type(str(kind)) != GROUP:
        problems.error(
            Code.BAD_VALUE,
            f"a step with `steps` is a group; it cannot be used with `step_type: {kind}`",
            (*path, "steps"),
            on_key=True,
            hint="remove one of them",
        )
        return step
    extra = next((key for key in ("run", "use", "parameters") if step.get(key) is not None), None)
    if extra is not None:
        problems.error(
            Code.BAD_VALUE,
            f"a step with `steps` cannot have `{extra}`",
            (*path, extra),
            on_key=True,
            hint="values for its steps are under `with`",
        )
        return step
    if check_inner_steps(step["steps"], path, Problems()) is INVALID:
        return step
    given = step.get("with")
    if given is not None and not _are_values(given, (*path, "with"), problems):
        return step
    shared = {key: data[key] for key in _SHARED if data.get(key) is not None}
    env = shared.get("env")
    resolved = {}
    if env.__class__ is dict:  # what its templates name is known out here alone
        resolved = {key: value for key, value in env.items() if has_template(value)}
        shared["env"] = {key: value for key, value in env.items() if key not in resolved}
    config = data.get("config")
    if config.__class__ is dict:
        shared["config"] = {key: config[key] for key in _SHARED_CONFIG if key in config}
    params = data.get("params")
    secret = [
        key
        for key, value in (params.items() if params.__class__ is dict else ())
        if value.__class__ is dict and value.get("secret") is True
    ]
    if secret:  # the runner has their values; other inputs are handed over by `with`
        shared["params"] = {key: {"secret": True} for key in secret}
    name = f"{data.get('name')}: {step.get('id')}"[:200]
    inner = {"version": "1.0", "name": name, **shared, "steps": step["steps"]}
    written = {key: value for key, value in step.items() if key not in ("steps", "with")}
    problems.written_at((*path, "parameters"), (*path, "with"))
    problems.written_at((*path, "parameters", "mission", "steps"), (*path, "steps"))
    problems.written_at((*path, "parameters", "values"), (*path, "with"))
    problems.written_at((*path, "parameters", "env"), ("env",))
    return {
        **written,
        "step_type": GROUP,
        "parameters": {
            "mission": inner,
            "values": given or {},
            **({"env": resolved} if resolved else {}),
        },
    }


def _are_values(given: Any, path: Path, problems: Problems) -> bool:
    if given.__class__ is not dict:
        wrong_type(given, path, problems, "a mapping of names to values")
        return False
    wrong = [name for name in given if not VARIABLE_NAME.fullmatch(name)]
    for name in wrong:
        problems.error(
            Code.BAD_ID, f"`{name}` is not a name for a variable", (*path, name), on_key=True
        )
    return not wrong


def check_group(
    parameters: Mapping[str, Any], path: Path, check: CheckData, problems: Problems
) -> None:
    """Check the steps of a group as those of a mission; problems are reported where they stand."""
    mission, values = parameters.get("mission"), parameters.get("values")
    if mission.__class__ is not dict or values.__class__ is not dict:
        problems.error(
            Code.BAD_VALUE,
            "a group is written with `steps` in the step itself",
            (*path, "parameters"),
            hint="`steps: [...]`, and `with` for their values",
        )
        return
    variables = mission.get("variables")
    known = variables if variables.__class__ is dict else {}
    inner = Problems()
    check({**mission, "variables": {**known, **values}}, inner)
    problems.add_all_of(inner, lambda place: _outside(place, path), _hint_of)


def _hint_of(problem: Problem) -> str | None:
    """Return how what is known outside alone reaches the steps; else the hint that is there."""
    is_outer = problem.message.startswith("unknown input `") or "`foreach`" in problem.message
    if problem.code is not Code.UNKNOWN_NAME or not is_outer:
        return problem.hint
    return "the steps of a group know what `with` of the group gives them, as `vars.NAME`"


def _outside(place: Path, path: Path) -> Path | None:
    """Return where a place of the inner mission is in the outer one; None: reported there."""
    first = place[0] if place else ""
    if first == "steps":
        return (*path, *place)
    if first in _REPORTED_OUTSIDE:
        return None
    return place or (*path, "steps")
