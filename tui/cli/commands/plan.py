"""`mission plan`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.domain.mission import Mission, MissionStep
from core.graph.dag import Graph
from core.operations.mission_order import STDIN, parse_params, read_mission, require_valid
from core.operations.mission_secret_check import SecretState, secret_states
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.cli.shared_options import mission_argument, param_option
from tui.output.dry_run_plan import plan_json, plan_text


@declare("plan")
@mission_argument
@param_option
def command(invocation: Invocation, file: str | None, params: tuple[str, ...]) -> None:
    """Show what a mission would do, and in which order, without running it."""
    given = parse_params(params)
    reference = mission_file(invocation, file)
    mission, _ = require_valid(read_mission(reference))
    folder = Path.cwd() if reference == STDIN else Path(reference).absolute().parent
    if any(param.secret for param in mission.params):
        from tui.cli.secret_input import take_secret_inputs

        given = take_secret_inputs(invocation, mission, given, is_stdin_used=reference == STDIN)
    show_plan(invocation, mission, given, folder, lenient=True)


def show_plan(
    invocation: Invocation,
    mission: Mission,
    given: Mapping[str, Any],
    folder: Path,
    *,
    lenient: bool = False,
) -> None:
    """Print the plan for the given parameters; `folder` is that of the mission file.

    Raises `UsageError` for unknown parameters and, unless `lenient`, for missing ones.
    """
    graph = Graph.of(mission)
    values = _values(mission, given, lenient=lenient)
    secrets: Sequence[SecretState] = ()
    if mission.secrets:
        secrets = secret_states(mission, invocation.site, environ=invocation.environ, folder=folder)
    console = invocation.console
    if invocation.json:
        console.out_json(plan_json(mission, graph, values, secrets, _describe))
    else:
        console.out_lines(
            plan_text(
                mission, graph, values, secrets, _describe, console.palette, width=console.width
            )
        )


def _values(mission: Mission, given: Mapping[str, Any], *, lenient: bool) -> dict[str, Any]:
    from msgspec.structs import replace

    from core.mission_file.keys.param_values import resolve_params

    asked = mission
    if lenient:
        asked = replace(
            mission, params=tuple(replace(one, required=False) for one in mission.params)
        )
    return resolve_params(asked, given)


def _describe(step: MissionStep) -> str:
    from core.step_type.registry import step_type

    found = step_type(step.step_type)
    return step.step_type if found is None else found.describe(step.parameters)
