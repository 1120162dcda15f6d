"""The step that runs steps of its own as a mission within the mission."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from core.domain.events import dump_json
from core.domain.state_word import counted
from core.errors import MissionDeckError, UsageError
from core.expression.template import has_template
from core.machine.environment import value_text
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip, plain_text
from core.steps.control.sub_mission import MissionOutput, outcome_of, refused


class GroupParameters(StepParameters):
    """The steps, as `steps` and `with` of the step are written out."""

    mission: dict[str, Any] = Field(description="Written out of `steps`: the steps as a mission.")
    values: dict[str, Any] = Field(
        default={}, description="Written out of `with`: what the steps see as `vars.NAME`."
    )
    env: dict[str, Any] = Field(
        default={}, description="Written out of `env` of the mission: what has templates."
    )


def _literal(text: str) -> str:
    """Return a text that is not resolved as a template again. Raises `UsageError`."""
    if not has_template(text):
        return text
    if "endraw" in text:
        raise UsageError("env: a value with `endraw` in a template cannot be handed to a group")
    return "{% raw %}" + text + "{% endraw %}"


class Group(StepType):
    """Runs steps as a whole, as an execution with its own steps, logs and audit."""

    name = "group"
    mode = Mode.ASYNC
    parameters = GroupParameters
    output = MissionOutput
    summary = "Run the steps under `steps` as a whole"

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Name the steps, in the order of the file."""
        mission = parameters.get("mission")
        steps = mission.get("steps") if isinstance(mission, Mapping) else None
        if not isinstance(steps, list):
            return self.name
        names = ", ".join(plain_text(step.get("id")) for step in steps if isinstance(step, Mapping))
        return clip(f"run {counted(len(steps), 'step')}: {names}")

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run the steps; if one fails, the group fails."""
        wanted: GroupParameters = call.parameters
        variables = {**wanted.mission.get("variables", {}), **wanted.values}
        try:
            env = {name: _literal(value_text(value)) for name, value in wanted.env.items()}
            mission = {**wanted.mission, "variables": variables}
            text = dump_json({**mission, "env": {**mission.get("env", {}), **env}})
            end = await call.require_host().run_steps(text.encode())
        except MissionDeckError as error:
            return refused(call, error)
        return outcome_of(call, end)
