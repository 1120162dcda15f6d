"""The command of a recorded step as one text that can be run by hand, with folder and environment.

Secrets are not part of a record and so not of the text; what is missing from it is named.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.records import Attempt, Execution, TaskRun
from core.errors import MissionDeckError
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render
from core.machine.environment import exported, value_text
from core.machine.working_dir import folder_within
from core.output.masker import MASK_TEXT
from core.steps.process.script import SHELLS

_CODE_OPTION: Mapping[str, str] = {
    **dict.fromkeys(("bash", "sh", "dash", "zsh", "ksh", "python", "python3"), "-c"),
    **dict.fromkeys(("node", "perl", "ruby"), "-e"),
}


class RunnableCommand(Struct, frozen=True, kw_only=True):
    """How to run by hand what a step ran."""

    words: tuple[str, ...]
    """The program and its arguments."""
    folder: str
    env: Mapping[str, str]
    """What the mission adds to the environment, secrets aside."""
    stdin: str | None = None
    left_out: tuple[str, ...] = ()
    """What the text does not hold, in words."""

    @property
    def line(self) -> str:
        """The program and its arguments alone, quoted for a shell."""
        return shlex.join(self.words)

    @property
    def text(self) -> str:
        """One text for a POSIX shell: the folder, the environment and the command."""
        run = self.line
        if self.env:
            settings = " ".join(shlex.quote(f"{name}={value}") for name, value in self.env.items())
            run = f"env {settings} \\\n  {run}"
        if self.stdin is not None:
            run = f"printf %s {shlex.quote(self.stdin)} |\n  {run}"
        return f"cd {shlex.quote(self.folder)} &&\n{run}"


def runnable_command(
    execution: Execution,
    task: TaskRun,
    mission: Mission | None,
    attempt: Attempt | None,
) -> RunnableCommand | None:
    """Return the command of a step's latest attempt, or the one it would run; None without one.

    Before its first attempt its templates are resolved as far as parameters and variables do. Steps
    of other types than `command`, `script` and `mission` run no program of their own.
    """
    name = task.parent_task_id or task.task_id
    steps = () if mission is None else mission.all_steps
    step = next((one for one in steps if one.id == name), None)
    if step is None or mission is None:
        return None
    scope = _scope(execution, task, mission)
    missing: list[str] = []
    recorded = None if attempt is None else attempt.inputs
    inputs = _resolved(step.parameters, scope) if recorded is None else recorded
    if inputs is None:
        inputs = step.parameters
        missing.append("templates that only a run resolves")
    words = _words(step, inputs)
    if not words or not words[0]:
        return None
    env = _environment(step, mission, scope, missing)
    names = (*step.secrets, *step.secret_files)
    if names:
        missing.append(f"the secrets {', '.join(names)}")
    elif MASK_TEXT in "".join(words):
        missing.append(f"secrets: {MASK_TEXT} stands for them")
    files = (*mission.env_files, *step.env_files)
    if files:
        missing.append(f"the variables of {', '.join(files)}")
    if attempt is not None and attempt.placement is not None:
        missing.append(f"its machine, {attempt.placement.get('host', 'another')}")
    stdin = inputs.get("stdin")
    return RunnableCommand(
        words=words,
        folder=_folder(execution, step, inputs, scope),
        env=env,
        stdin=None if stdin is None else value_text(stdin),
        left_out=tuple(missing),
    )


def _words(step: MissionStep, inputs: Mapping[str, Any]) -> tuple[str, ...]:
    match step.step_type:
        case "command":
            args = inputs.get("args")
            words = [inputs.get("command", ""), *(args if isinstance(args, list | tuple) else ())]
            return tuple(value_text(word) for word in words)
        case "script":
            shell = str(inputs.get("shell", "bash"))
            option = _CODE_OPTION.get(shell)
            code = str(inputs.get("script", ""))
            return () if option is None else (*SHELLS[shell], option, code)
        case "mission":
            params = inputs.get("params")
            pairs = params if isinstance(params, Mapping) else {}
            options = [word for k, v in pairs.items() for word in ("-p", f"{k}={value_text(v)}")]
            return ("mission", "run", str(inputs.get("file", "")), *options)
        case _:
            return ()


def _environment(
    step: MissionStep, mission: Mission, scope: Mapping[str, Any], missing: list[str]
) -> dict[str, str]:
    """Return what the mission and the step set; what cannot be resolved is added to `missing`."""
    found: dict[str, str] = {}
    if step.step_type == "script":
        found, _ = exported(scope)
    for name, value in {**mission.env, **step.env}.items():
        resolved = _resolved(value, scope)
        if resolved is None or MASK_TEXT in value_text(resolved):
            missing.append(f"the variable {name}")
        else:
            found[name] = value_text(resolved)
    return found


def _folder(
    execution: Execution, step: MissionStep, inputs: Mapping[str, Any], scope: Mapping[str, Any]
) -> str:
    """Return the folder that it runs in, links resolved where it still exists."""
    if step.step_type == "mission" and execution.source_path is not None:
        return str(Path(execution.source_path).parent)
    root = folder = Path(execution.working_dir)
    for name in (_resolved(step.working_dir, scope), inputs.get("working_dir")):
        if name is None:
            continue
        try:
            folder = folder_within(root, folder, str(name))
        except ValueError:
            return str(folder / str(name))
    return str(folder)


def _scope(execution: Execution, task: TaskRun, mission: Mission) -> Mapping[str, Any]:
    scope: dict[str, Any] = {
        "params": execution.params,
        "vars": dict(mission.variables),
        "execution": {"id": execution.execution_id, "mission": mission.name},
        "steps": EMPTY,
    }
    if task.parent_task_id is not None:
        scope["item"] = task.item
        scope["index"] = int(task.task_id[task.task_id.rindex("[") + 1 : -1])
        if isinstance(task.item, Mapping):
            scope["matrix"] = task.item
    return scope


def _resolved(value: Any, scope: Mapping[str, Any]) -> Any:
    """Return `value` with its templates rendered, None where the scope does not suffice."""
    if not value or not has_template(value):
        return value
    try:
        return render(value, scope)
    except (ExpressionError, TemplateSyntaxError, MissionDeckError):
        return None
