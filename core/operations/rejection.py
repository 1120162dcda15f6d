"""Record that somebody tried to run a mission that is not valid."""

from core.domain.events import Noted
from core.domain.fold import Snapshot
from core.domain.mission import MissionSource
from core.operations.site import Site
from core.recording.recorder import Recorder


async def record_rejection(site: Site, source: MissionSource, path: str) -> None:
    """Append `mission.rejected` to the audit log; it belongs to no execution.

    Raises `UnavailableError` when the database cannot be written.
    """
    async with site.open_store() as store:
        recorder = Recorder(Snapshot(), store.journal)
        recorder.emit(
            Noted(
                at=site.clock.now(),
                execution_id="",
                actor=site.actor,
                kind="mission.rejected",
                facts={"mission_sha256": source.digest, "file": path},
            )
        )
        await recorder.commit()
