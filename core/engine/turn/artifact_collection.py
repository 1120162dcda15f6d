"""Keeps the artifacts of an attempt once its step has ended; what cannot be kept fails it."""

import asyncio
from collections.abc import Callable
from threading import Event

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.engine.preparation import Prepared, RunContext
from core.output.masker import MaskedStream, Masker
from core.ports.artifacts import ArtifactRefusedError, ArtifactRequest, Artifacts, KeptArtifacts
from core.step_type.step_type import StepOutcome


async def keep_artifacts(
    run_context: RunContext,
    prepared: Prepared,
    outcome: StepOutcome,
    log: Callable[[LogLevel, str], None],
) -> tuple[StepOutcome, Artifacts | None]:
    """Keep what the step declares, of a failed attempt, too; return the outcome and what was kept.

    What cannot be kept fails an attempt that succeeded; of one that failed, its log says so.
    """
    if outcome.state is AttemptState.LOST or run_context.artifacts is None:
        return outcome, None
    masker = run_context.masker
    request = ArtifactRequest(
        folder=prepared.working_dir or run_context.working_dir,
        patterns=prepared.artifacts,
        protected=run_context.protected_paths,
        new_scan=(lambda: MaskedStream(masker)) if masker else None,
        stop=Event(),
    )
    try:
        kept = await _kept(run_context, request)
        _refuse_secret_names(kept, masker)
    except ArtifactRefusedError as error:
        if outcome.state is not AttemptState.SUCCESS:
            log(LogLevel.WARN, str(error))
            return outcome, None
        reason = Reason.OUTPUT_LIMIT if error.is_limit else Reason.STEP_ERROR
        failed = StepOutcome.failure(
            reason, str(error), error.kind, output=outcome.output, exit_code=outcome.exit_code
        )
        return failed, None
    for pattern in kept.unmatched:
        log(LogLevel.WARN, f"artifacts: no file matches `{pattern}`")
    return outcome, kept.files or None


def _refuse_secret_names(kept: KeptArtifacts, masker: Masker) -> None:
    if any(masker.mask_text(path) != path for path in kept.files):
        raise ArtifactRefusedError(
            "artifacts: the name of a file contains a secret", "SecretInArtifact"
        )


async def _kept(run_context: RunContext, request: ArtifactRequest) -> KeptArtifacts:
    """Do it in a thread, which is asked to stop when the attempt is cancelled."""
    assert run_context.artifacts is not None
    work = asyncio.get_running_loop().run_in_executor(None, run_context.artifacts.keep, request)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        request.stop.set()
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()
        raise
