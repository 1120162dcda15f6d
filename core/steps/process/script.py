"""The step that runs a script with a shell or another interpreter.

Templates are never rendered into the script, to prevent injection: values are passed as environment
variables.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from core.domain.records import LogLevel
from core.machine.environment import exported
from core.machine.owned_folder import SCRIPT_PREFIX, make_owned_folder
from core.ports.executor import JobFile
from core.step_type.intent import Intent
from core.step_type.lazy_model import lazy_model
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip
from core.steps.process.command import folder_text, run_process, stdin_text
from core.steps.process.output_redirect import output_paths, redirect_text

if TYPE_CHECKING:  # pydantic: a plain step runs without it
    from pydantic import BaseModel

    from core.step_type.parameter_model import StepParameters
    from core.steps.process.process_models import ScriptParameters

SHELLS: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "dash": ("dash", "-e"),
    "zsh": ("zsh", "-eo", "pipefail"),
    "ksh": ("ksh", "-e"),
    "python": ("python3",),
    "python3": ("python3",),
    "node": ("node",),
    "perl": ("perl",),
    "ruby": ("ruby",),
}
"""Interpreter command lines. Shells stop at the first failing command (`set +e` undoes it).

In bash and zsh a pipeline fails when any of its commands fails (`set +o pipefail` undoes it). POSIX
sh has no such option, and not every ksh has it.
"""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


class Script(StepType):
    """Runs a script with a shell or another interpreter."""

    name: ClassVar[str] = "script"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.process.process_models:ScriptParameters"
    )
    output: ClassVar["type[BaseModel]"] = lazy_model(
        "core.steps.process.process_models:ProcessOutput"
    )
    summary: ClassVar[str] = "Run a script; values are passed as MISSION_PARAM_… and MISSION_VAR_…"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run the script from a temporary file that only the owner can read."""
        parameters: ScriptParameters = call.parameters
        values, too_large = exported(call.scope)
        for name in too_large:
            call.log(LogLevel.WARN, f"{name} is too large for an environment variable: not set")
        values = {name: value for name, value in values.items() if name not in call.env}
        folder = make_owned_folder(SCRIPT_PREFIX)
        try:
            path = folder / (_UNSAFE.sub("_", call.task_id) or "script")
            file = JobFile(path=str(path), content=parameters.script.encode("utf-8"))
            argv = (*SHELLS[parameters.shell], file.path)
            return await run_process(call, parameters, argv, values, file)
        finally:
            _remove(folder, path)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show the shell, the number of lines and the first of them."""
        lines = str(parameters.get("script", "")).strip().splitlines() or [""]
        more = f" … ({len(lines)} lines)" if len(lines) > 1 else ""
        shell = parameters.get("shell", "bash")
        return clip(
            f"run {shell} script: {lines[0].strip()}{more}{redirect_text(parameters)}"
            f"{folder_text(parameters)}"
        )

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name the interpreter, the script and what it reads."""
        return Intent(
            argv=SHELLS.get(parameters.get("shell", "bash"), ()),
            script=str(parameters.get("script", "")),
            stdin=stdin_text(parameters),
            working_dir=parameters.get("working_dir"),
            writes=tuple(output_paths(parameters).values()),
        )


def _remove(folder: Path, script: Path) -> None:
    try:
        script.unlink(missing_ok=True)
        folder.rmdir()  # like unlink without a file descriptor: there may be none left
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
