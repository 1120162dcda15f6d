"""Notes in the audit log that belong to no execution: rejections, exports, anchors, keys."""

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
    await _append(site, "mission.rejected", {"mission_sha256": source.digest, "file": path})


async def record_export(site: Site, facts: Mapping[str, object]) -> None:
    """Append `audit.exported`; the execution whose evidence was exported is sealed by then.

    Raises `UnavailableError` when the database cannot be written.
    """
    await _append(site, "audit.exported", facts)


async def record_anchor(site: Site, facts: Mapping[str, object]) -> None:
    """Append `audit.anchored`: an authority outside has vouched for a head of the log.

    Raises `UnavailableError` when the database cannot be written.
    """
    await _append(site, "audit.anchored", facts)


async def record_revocation(site: Site, facts: Mapping[str, object]) -> None:
    """Append `key.revoked`, which the key in force signs.

    Raises `UnavailableError` when the database cannot be written.
    """
    await _append(site, "key.revoked", facts)


async def _append(site: Site, kind: str, facts: Mapping[str, object]) -> None:
    note = Noted(at=site.clock.now(), execution_id="", actor=site.actor, kind=kind, facts=facts)
    async with site.open_store() as store:
        recorder = Recorder(Snapshot(), store.journal)
        recorder.emit(note)
        await recorder.commit()
