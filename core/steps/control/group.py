"""The step that runs steps of its own as a mission within the mission."""

from typing import Any

from pydantic import Field

from core.domain.events import dump_json
from core.errors import MissionDeckError
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType
from core.steps.control.sub_mission import MissionOutput, outcome_of, refused


class GroupParameters(StepParameters):
    """The steps, as `steps` and `with` of the step are written out."""

    mission: dict[str, Any] = Field(description="Written out of `steps`: the steps as a mission.")
    values: dict[str, Any] = Field(
        default={}, description="Written out of `with`: what the steps see as `vars.NAME`."
    )


class Group(StepType):
    """Runs steps as a whole, as an execution with its own steps, logs and audit."""

    name = "group"
    mode = Mode.ASYNC
    parameters = GroupParameters
    output = MissionOutput
    summary = "Run the steps under `steps` as a whole"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run the steps; if one fails, the group fails."""
        wanted: GroupParameters = call.parameters
        variables = {**wanted.mission.get("variables", {}), **wanted.values}
        text = dump_json({**wanted.mission, "variables": variables})
        try:
            end = await call.require_host().run_steps(text.encode())
        except MissionDeckError as error:
            return refused(call, error)
        return outcome_of(call, end)
