"""`mission plan`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.domain.mission import MissionStep
from core.errors import CancelledError
from core.graph.dag import Graph
from core.operations.admission.policy_check import folder_of
from core.operations.mission_order import (
    STDIN,
    make_order,
    read_mission,
    require_valid,
)
from core.operations.mission_secret_check import SecretState, secret_states
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.given_params import ParamSources, given_params
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.cli.shared_options import mission_argument, param_source_options
from tui.output.change_list import change_json, change_lines
from tui.output.dry_run_plan import plan_json, plan_text
from tui.output.verdict_list import finding_json, verdict_json, verdict_lines

if TYPE_CHECKING:  # loaded when the mission is read
    from core.launch.order import Order
    from core.operations.admission.planned_changes import PlannedChange


@declare("plan")
@mission_argument
@param_source_options
def command(
    invocation: Invocation,
    file: str | None,
    params: tuple[str, ...],
    params_file: str | None,
    params_from: str | None,
) -> None:
    """Show what a mission would do, and in which order, without running it.

    What safety or a policy would refuse is told with the rule that says so; the exit code is then
    5.
    """
    given = given_params(invocation, ParamSources(params_from, params_file, params))
    reference = mission_file(invocation, file)
    loaded = read_mission(reference)
    mission, _ = require_valid(loaded)
    if any(param.secret for param in mission.params):
        from tui.cli.secret_input import take_secret_inputs

        given = take_secret_inputs(invocation, mission, given, is_stdin_used=reference == STDIN)
    order = make_order(loaded, reference=reference, actor=invocation.actor, params=given)
    show_plan(invocation, order, lenient=True)


def show_plan(invocation: Invocation, order: "Order", *, lenient: bool = False) -> None:
    """Print the plan of an ordered run; exit with 5 when it would be refused.

    Raises `UsageError` for unknown parameters and, unless `lenient`, for missing ones.
    """
    from core.operations.admission.planned_verdicts import (
        PlanDecision,
        known_values,
        planned_verdicts,
    )
    from core.operations.admission.safety_findings import safety_findings

    mission = order.mission
    graph = Graph.of(mission)
    values = known_values(mission, order.params, lenient=lenient)
    secrets: Sequence[SecretState] = ()
    if mission.secrets:
        folder = folder_of(order.source_path, order.working_dir)
        secrets = secret_states(mission, invocation.site, environ=invocation.environ, folder=folder)
    site = invocation.site
    verdicts = planned_verdicts(site, order, values)
    findings = safety_findings(site.safety_gate(), order, values, invocation.environ)
    changes: Sequence[PlannedChange] = ()
    if any(step.declares_files for step in mission.steps):
        from core.operations.admission.planned_changes import planned_changes
        from tui.host.session import protected_paths

        changes = planned_changes(
            site,
            order,
            has_records=invocation.paths.has_database,
            protected=protected_paths(invocation.paths),
        )
    console = invocation.console
    if invocation.json:
        shown = plan_json(order, graph, values, secrets, _describe)
        console.out_json(
            {
                **shown,
                "verdicts": [verdict_json(one) for one in verdicts],
                "findings": [finding_json(one) for one in findings],
                "changes": [change_json(one) for one in changes],
            }
        )
    else:
        lines = plan_text(
            order, graph, values, secrets, _describe, console.palette, width=console.width
        )
        lines += change_lines(changes, console.palette)
        console.out_lines([*lines, *verdict_lines(verdicts, console.palette, findings=findings)])
    if any(one.decision is PlanDecision.DENY for one in verdicts):
        finish(CancelledError.exit_code)


def _describe(step: MissionStep) -> str:
    from core.step_type.registry import step_type

    found = step_type(step.step_type)
    return step.step_type if found is None else found.describe(step.parameters)
