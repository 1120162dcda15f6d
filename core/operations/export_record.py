"""Record that the evidence of an execution was exported."""

from collections.abc import Mapping

from core.domain.events import Noted
from core.domain.fold import Snapshot
from core.operations.site import Site
from core.recording.recorder import Recorder


async def record_export(site: Site, facts: Mapping[str, object]) -> None:
    """Append `audit.exported` to the log; it belongs to no execution, which is sealed by then.

    Raises `UnavailableError` when the database cannot be written.
    """
    async with site.open_store() as store:
        recorder = Recorder(Snapshot(), store.journal)
        recorder.emit(
            Noted(
                at=site.clock.now(),
                execution_id="",
                actor=site.actor,
                kind="audit.exported",
                facts=facts,
            )
        )
        await recorder.commit()
