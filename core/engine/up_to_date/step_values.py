"""The values that a step depends on, by name: definition, environment, inputs of the mission."""

from collections.abc import Mapping

from core.domain.events import dump_json
from core.domain.records import TaskRun
from core.engine.preparation import Prepared, Surroundings
from core.machine.environment import value_text
from core.step_type.registry import PROCESS_TYPES


def step_values(run_context: Surroundings, prepared: Prepared) -> Mapping[str, str]:
    """Return the values as texts, without those of secrets.

    The `index` of an item is left out: an item that only changes its place is the same.
    """
    step, task = prepared.step, prepared.task
    found = {
        "step_type": step.step_type,
        "working_dir": step.working_dir or ".",
        "inputs": dump_json(list(prepared.reads)),
        "outputs": dump_json(list(prepared.makes)),
    }
    found.update((f"parameters.{k}", dump_json(v)) for k, v in prepared.inputs.items())
    found.update((f"env.{name}", text) for name, text in run_context.mission_env.items())
    found.update((f"env.{name}", text) for name, text in prepared.env.items())
    found.update((f"secret_files.{name}", secret) for name, secret in step.secret_files.items())
    if prepared.artifacts:  # a step that is to keep files has to make them once more
        found["artifacts"] = dump_json(list(prepared.artifacts))
    if task.parent_task_id is not None:
        found["item"] = dump_json(task.item)
    if step.step_type in PROCESS_TYPES:  # processes have them in their environment
        scope = run_context.context.scope(task)
        for kind in ("params", "vars"):
            found.update((f"{kind}.{k}", value_text(v)) for k, v in scope[kind].items())
    return found


def record_name(task: TaskRun) -> str:
    """Return what a record of a step, or of an item of a fan-out, is kept under."""
    if task.parent_task_id is None:
        return task.task_id
    return f"{task.parent_task_id} {dump_json(task.item)}"
