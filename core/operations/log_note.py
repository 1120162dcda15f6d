"""Notes in the audit log that belong to no execution: a mission that was rejected, an export."""

from collections.abc import Mapping

from core.domain.events import Noted
from core.domain.fold import Snapshot
from core.domain.mission import MissionSource
from core.operations.site import Site
from core.recording.recorder import Recorder


async def record_rejection(site: Site, source: MissionSource, path: str) -> None:
    """Append `mission.rejected`: somebody tried to run a mission that is not valid.

    Raises `UnavailableError` when the database cannot be written.
    """
    facts = {"mission_sha256": source.digest, "file": path}
    note = Noted(
        at=site.clock.now(),
        execution_id="",
        actor=site.actor,
        kind="mission.rejected",
        facts=facts,
    )
    await _append(site, note)


async def record_export(site: Site, facts: Mapping[str, object]) -> None:
    """Append `audit.exported`; the execution whose evidence was exported is sealed by then.

    Raises `UnavailableError` when the database cannot be written.
    """
    note = Noted(
        at=site.clock.now(),
        execution_id="",
        actor=site.actor,
        kind="audit.exported",
        facts=facts,
    )
    await _append(site, note)


async def _append(site: Site, note: Noted) -> None:
    async with site.open_store() as store:
        recorder = Recorder(Snapshot(), store.journal)
        recorder.emit(note)
        await recorder.commit()
