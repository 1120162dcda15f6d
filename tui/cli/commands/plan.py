"""`mission plan`."""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import Mission, MissionStep
from core.graph.dag import Graph
from core.operations.mission_order import parse_params, read_mission, require_valid
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.cli.shared_options import mission_argument, param_option
from tui.output.dry_run_plan import HIDDEN, plan_json, plan_text


@declare("plan")
@mission_argument
@param_option
def command(invocation: Invocation, file: str | None, params: tuple[str, ...]) -> None:
    """Show what a mission would do, and in which order, without running it."""
    given = parse_params(params)
    mission, _ = require_valid(read_mission(mission_file(invocation, file)))
    show_plan(invocation, mission, given, lenient=True)


def show_plan(
    invocation: Invocation, mission: Mission, given: Mapping[str, Any], *, lenient: bool = False
) -> None:
    """Print the plan for the given parameters.

    Raises `UsageError` for unknown parameters and, unless `lenient`, for missing ones.
    """
    graph = Graph.of(mission)
    values = _values(mission, given, lenient=lenient)
    console = invocation.console
    if invocation.json:
        console.out_json(plan_json(mission, graph, values, _describe))
    else:
        console.out_lines(
            plan_text(mission, graph, values, _describe, console.palette, width=console.width)
        )


def _values(mission: Mission, given: Mapping[str, Any], *, lenient: bool) -> dict[str, Any]:
    from msgspec.structs import replace

    from core.mission_file.keys.param_values import resolve_params

    asked = mission
    if lenient:
        asked = replace(
            mission, params=tuple(replace(one, required=False) for one in mission.params)
        )
    values = resolve_params(asked, given)
    return {
        one.name: HIDDEN if one.secret and values[one.name] is not None else values[one.name]
        for one in mission.params
    }


def _describe(step: MissionStep) -> str:
    from core.step_type.registry import step_type

    found = step_type(step.step_type)
    return step.step_type if found is None else found.describe(step.parameters)
