"""The command step, which runs a program without a shell, and what it shares with script."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.domain.process_policy import LIMIT_EXCEEDED
from core.domain.reasons import Reason
from core.domain.records import LogLevel, LogStream
from core.domain.states import AttemptState
from core.machine.working_dir import folder_within
from core.output.log_format import text_of
from core.ports.executor import (
    Job,
    JobFile,
    Outcome,
    OutcomeKind,
    ProcessLimits,
    job_key,
)
from core.step_type.intent import Intent
from core.step_type.json_text import JsonTextError, parse_json_text
from core.step_type.lazy_model import lazy_model
from core.step_type.parameter_text import any_text, scalar_text
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip, plain_text
from core.steps.process.exit_text import exit_text
from core.steps.process.kept_output import KeptOutput
from core.steps.process.output_redirect import FILE_PARAMETERS, output_paths, redirect_text
from core.steps.process.output_values import VALUES_VARIABLE, ValuesError, take_values

if TYPE_CHECKING:  # pydantic: a plain step runs without it
    from pydantic import BaseModel

    from core.step_type.parameter_model import StepParameters
    from core.steps.process.output_file import OutputFiles
    from core.steps.process.process_models import CommandParameters, ProcessParameters


class Command(StepType):
    """Runs a program with an argument list, without a shell."""

    name: ClassVar[str] = "command"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar["type[StepParameters]"] = lazy_model(
        "core.steps.process.process_models:CommandParameters"
    )
    output: ClassVar["type[BaseModel]"] = lazy_model(
        "core.steps.process.process_models:ProcessOutput"
    )
    summary: ClassVar[str] = "Run a program with arguments, without a shell"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Run the program to its end."""
        parameters: CommandParameters = call.parameters
        return await run_process(call, parameters, (parameters.command, *parameters.args), EMPTY)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show the command line, quoted as for a shell."""
        args = parameters.get("args")
        words = [parameters.get("command", ""), *(args if isinstance(args, list) else [])]
        line = " ".join(_quoted(plain_text(word)) for word in words)
        return clip(f"run {line}{redirect_text(parameters)}{folder_text(parameters)}")

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name the command line and what it reads."""
        return Intent(
            argv=argument_words(parameters),
            stdin=stdin_text(parameters),
            working_dir=parameters.get("working_dir"),
            writes=tuple(output_paths(parameters).values()),
        )


def argument_words(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the program and its arguments of raw parameters as texts."""
    args = parameters.get("args")
    words = [parameters.get("command", ""), *(args if isinstance(args, list | tuple) else [])]
    return tuple(str(scalar_text(word)) for word in words)


def stdin_text(parameters: Mapping[str, Any]) -> str | None:
    """Return the standard input of raw parameters as a text, None without one."""
    value = parameters.get("stdin")
    return None if value is None else str(any_text(value))


async def run_process(
    call: StepCall,
    parameters: "ProcessParameters",
    argv: tuple[str, ...],
    env: Mapping[str, str],
    file: JobFile | None = None,
) -> StepOutcome:
    """Run `argv` with the call's environment extended by `env`, and return the outcome.

    `file` is written before the process starts.
    """
    folder = call.working_dir
    if parameters.working_dir is not None:
        try:
            folder = folder_within(call.root or folder, folder, parameters.working_dir)
        except ValueError as error:
            return StepOutcome.failure(Reason.INVALID_PARAMETERS, str(error), "InvalidParameters")
    files: OutputFiles | None = None
    paths = {
        stream: path
        for name, stream in FILE_PARAMETERS.items()
        if (path := getattr(parameters, name)) is not None
    }
    if paths:
        from core.steps.process.output_file import open_output_files  # rarely needed

        opened = open_output_files(paths, folder, call.protected_paths, call.permitted.folders)
        if isinstance(opened, StepOutcome):
            return opened
        files = opened
    try:
        outcome = await _run(call, parameters, argv, env, file, folder, files)
    finally:
        if files is not None:
            files.close()
    unwritten = None if files is None else files.failure()
    return outcome if unwritten is None else replace(unwritten, resources=outcome.resources)


async def _run(
    call: StepCall,
    parameters: "ProcessParameters",
    argv: tuple[str, ...],
    env: Mapping[str, str],
    file: JobFile | None,
    folder: Path,
    files: "OutputFiles | None",
) -> StepOutcome:
    kept = KeptOutput(call.sink, parameters.max_output_bytes, files)
    stdin = parameters.stdin
    values_path = None if call.new_values_path is None else call.new_values_path()
    values_env = EMPTY if values_path is None else {VALUES_VARIABLE: values_path}
    job = Job(
        key=job_key(call.execution_id, call.task_id, call.attempt, call.part),
        argv=argv,
        env={
            **call.env,
            **env,
            "MISSION_EXECUTION_ID": call.execution_id,
            "MISSION_STEP_ID": call.task_id,
            "MISSION_ATTEMPT": str(call.attempt),
            **values_env,
        },
        cwd=str(folder),
        stdin=None if stdin is None else stdin.encode("utf-8", "replace"),
        file=file,
        grace_seconds=call.grace_seconds,
        stop_signal=call.stop_signal,
        limits=call.limits,
        leftovers=call.leftovers,
        needs=needs_of(call.runs_on),
        stays_here=call.stays_here,
        result_file=values_path,
    )
    outcome = await call.executor.run(job, kept)
    if outcome.kind is not OutcomeKind.EXITED or outcome.exit_code is None:
        return _not_run(outcome)
    if outcome.message is not None:
        call.log(LogLevel.WARN, outcome.message)
    judged = _outcome(parameters, outcome.exit_code, kept, call.limits, outcome.limits_met)
    if values_path is not None:
        judged = _with_values(judged, values_path, call, kept)
    return replace(judged, resources=outcome.resources, placement=outcome.placement)


def _with_values(judged: StepOutcome, path: str, call: StepCall, kept: KeptOutput) -> StepOutcome:
    """Add the values that the process has left to its output; wrong ones fail a success."""
    try:
        values = take_values(path)
    except ValuesError as error:
        message = f"${VALUES_VARIABLE}: {error}"
        if judged.state is not AttemptState.SUCCESS:
            call.log(LogLevel.WARN, message)
            return judged
        return StepOutcome.failure(
            Reason.STEP_ERROR,
            message,
            "OutputFormat",
            stack_trace=kept.last_lines(),
            output=judged.output,
            exit_code=judged.exit_code,
        )
    return replace(judged, output={**judged.output, "values": values}) if values else judged


def _outcome(
    parameters: "ProcessParameters",
    exit_code: int,
    kept: KeptOutput,
    limits: ProcessLimits,
    met: frozenset[str],
) -> StepOutcome:
    stdout = kept.out.decode("utf-8", "replace")
    output = {
        "exit_code": exit_code,
        "stdout": stdout,
        "stderr": kept.err.decode("utf-8", "replace"),
        "parsed": None,
        "truncated": bool(kept.truncated),
        "values": {},
    }
    if exit_code not in parameters.expect_exit:
        return StepOutcome.failure(
            Reason.EXIT_NONZERO,
            exit_text(exit_code, limits, met),
            LIMIT_EXCEEDED if met else "Signal" if exit_code < 0 else "ExitCode",
            stack_trace=kept.last_lines(),
            output=output,
            exit_code=exit_code,
        )
    if parameters.output == "lines":
        lines = bytes(kept.out).removesuffix(b"\n").split(b"\n") if kept.out else []
        output["parsed"] = [text_of(line) for line in lines]
    elif parameters.output == "json":
        if LogStream.STDOUT in kept.truncated:
            message = (
                f"stdout is longer than {parameters.max_output_bytes} bytes: not parsed as JSON"
            )
            return StepOutcome.failure(
                Reason.OUTPUT_LIMIT, message, "OutputLimit", output=output, exit_code=exit_code
            )
        try:
            output["parsed"] = parse_json_text(stdout)
        except JsonTextError as error:
            return StepOutcome.failure(
                Reason.STEP_ERROR,
                f"stdout is not JSON: {error}",
                "OutputFormat",
                stack_trace=kept.last_lines(),
                output=output,
                exit_code=exit_code,
            )
    return StepOutcome.success(output, reason=Reason.EXIT_ZERO, exit_code=exit_code)


def needs_of(runs_on: Mapping[str, float | str]) -> Mapping[str, float]:
    """Return amounts of resources; a tag is one of a resource that its workers have plenty of."""
    if not runs_on:
        return EMPTY
    return {
        f"{name}:{wanted}" if isinstance(wanted, str) else name: (
            1.0 if isinstance(wanted, str) else float(wanted)
        )
        for name, wanted in runs_on.items()
    }


_NEVER_RAN = {
    OutcomeKind.UNPLACEABLE: Reason.UNPLACEABLE,
    OutcomeKind.UNREACHABLE: Reason.CLUSTER_LOST,
}
"""The process did not start, and the attempt is to be made again."""


def _not_run(outcome: Outcome) -> StepOutcome:
    if outcome.kind is OutcomeKind.LOST:
        return StepOutcome.lost(
            outcome.message or "nobody can tell how the process ended",
            placement=outcome.placement,
        )
    if (reason := _NEVER_RAN.get(outcome.kind)) is not None:
        return StepOutcome.lost(outcome.message or "the process did not run", reason)
    reason, kind = {
        OutcomeKind.IMPOSSIBLE: (Reason.INVALID_PARAMETERS, "Unstartable"),
    }.get(outcome.kind, (Reason.STEP_ERROR, "Unstartable"))
    return StepOutcome.failure(reason, outcome.message or "the process did not run", kind)


def _quoted(word: str) -> str:
    return word if "{{" in word else shlex.quote(word)


def folder_text(parameters: Mapping[str, Any]) -> str:
    """Return the working directory as a suffix for `describe`."""
    folder = parameters.get("working_dir")
    return f" (in {plain_text(folder)})" if folder else ""
