"""Delivers secrets to one attempt: as variables, as files, and in what is rendered for it alone.

A value is read when the attempt begins and known to the masker before the step can show it. Files
are in a private folder, in memory where there is one, that is removed when the attempt has ended.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.engine.masked_executor import MaskedExecutor
from core.engine.preparation import Prepared, RunContext, reason_of, with_secrets
from core.errors import BugError, MissionDeckError, UnavailableError
from core.expression.evaluate import ExpressionError
from core.machine.owned_folder import (
    make_owned_folder,
    memory_folders,
    remove_abandoned_folders,
    temporary_folder,
    usable_memory_folder,
)
from core.output.mask_pipe import MASK_VARIABLE, Log, MaskPipe
from core.output.secret_forms import MIN_FORM_BYTES
from core.step_type.step_type import StepCall, StepOutcome

FOLDER_PREFIX = "missiondeck-"


async def perform_masked(
    run_context: RunContext,
    prepared: Prepared,
    call: StepCall,
    perform: Callable[[StepCall], Awaitable[StepOutcome]],
    *,
    count: Callable[[Mapping[str, int]], None],
    passed: Callable[[bytes], None],
) -> StepOutcome:
    """Perform a step with the secrets that it names, and with secrets masked in what it prints.

    `count` gets the number of redactions by the secret's name, `passed` the masked output of
    processes just before the step does. A secret that cannot be had fails
    the attempt.
    """
    masker = run_context.masker
    if not prepared.step.secret_names:
        executor = MaskedExecutor(call.executor, masker, count=count, passed=passed)
        return await perform(replace(call, executor=executor))
    try:
        values = await read_secrets(run_context, prepared, call.log)
        with (
            private_place() as folder,
            closing(MaskPipe(folder / MASK_VARIABLE, masker, call.log)) as pipe,
        ):
            try:
                given = deliver(prepared, values, folder)
            except (ExpressionError, ValueError) as error:
                return StepOutcome.failure(
                    Reason.INVALID_PARAMETERS, reason_of(error), "InvalidParameters"
                )
            executor = MaskedExecutor(
                call.executor,
                masker,
                count=count,
                before_output=pipe.drain,
                minted=pipe.feed,
                passed=passed,
                delivered=values,
                folder=folder,
            )
            env = {**call.env, **given.env}
            return await perform(
                replace(call, executor=executor, parameters=given.parameters, env=env)
            )
    except MissionDeckError as error:
        hint = "" if error.hint is None else f"; {error.hint}"
        return StepOutcome.failure(Reason.STEP_ERROR, f"{error.message}{hint}", "SecretUnavailable")


def secret_facts(
    run_context: RunContext, names: tuple[str, ...], attempt: int
) -> dict[str, object]:
    """Return what is recorded of the secrets that an attempt is about to read: names only."""
    facts: dict[str, object] = {"attempt": attempt, "names": list(names)}
    if run_context.secrets is not None:
        with suppress(MissionDeckError):  # reading it fails the attempt, with the reason
            unmasked = run_context.secrets.unmasked(names)
            if unmasked:
                facts["unmasked"] = list(unmasked)
    return facts


async def read_secrets(run_context: RunContext, prepared: Prepared, log: Log) -> dict[str, bytes]:
    """Read the secrets that a step names, and let the masker know their values.

    Raises `SecretMissingError` or `UnavailableError` when there is no usable value.
    """
    if run_context.secrets is None:
        raise BugError(f"{prepared.task.task_id}: this engine was not given any secrets")
    values: dict[str, bytes] = {}
    for name in prepared.step.secret_names:
        value = await asyncio.to_thread(run_context.secrets.read, name)
        if len(value) < MIN_FORM_BYTES:
            log(LogLevel.WARN, f"the secret {name} is too short to be masked in output")
        run_context.masker.add(name, value)
        values[name] = value
    return values


def deliver(prepared: Prepared, values: dict[str, bytes], folder: Path) -> Prepared:
    """Return the attempt with its secrets in its environment and parameters, files in `folder`.

    Raises `UnavailableError` for a value that cannot be delivered in this way.
    """
    texts = {name: os.fsdecode(values[name]) for name in prepared.step.secrets}
    for name, text in texts.items():
        if "\0" in text:
            raise UnavailableError(
                f"the secret {name} holds a NUL byte, which no variable can hold",
                hint=f"deliver it as a file: `secret_files: {{{name}_FILE: {name}}}`",
            )
    env = {name: text for name, text in texts.items() if name not in prepared.step.env}
    for variable, name in prepared.step.secret_files.items():
        path = folder / variable
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(values[name])
        env[variable] = str(path)
    env[MASK_VARIABLE] = str(folder / MASK_VARIABLE)
    given = with_secrets(prepared, texts)
    return replace(given, env={**given.env, **env})


@contextmanager
def private_place() -> Iterator[Path]:
    """Make a folder that only this user can read, and remove it with everything in it."""
    import shutil

    folder = make_owned_folder(FOLDER_PREFIX, usable_memory_folder())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned_places() -> None:
    """Remove the folders of this user's runners that were killed, on any file system looked at."""
    remove_abandoned_folders(FOLDER_PREFIX, {*memory_folders(), temporary_folder()})
