"""Records what happens to one execution: fold each event, commit what was folded as one batch.

`Recorder.commit` is the only place in the program in which a `Batch` is made and handed to a
journal, and `Recorder.append_output` the only one that hands it output. What must hold of
everything that is written is checked there, once. Knows nothing of how an execution is planned or
run.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from core.domain.events import AttemptStarted, Event
from core.domain.fold import Snapshot, apply
from core.domain.joined_events import join
from core.domain.mission import MissionSource
from core.ports.control import Request, RequestOutcome
from core.ports.journal import Batch, Journal, LogChunk, Receipt
from core.ports.secrets import Mask
from core.ports.step_record import StepRecordChange
from core.recording.masked_event import mask_event


class Committed(Struct, frozen=True):
    """The events of one batch, and the proof that it is durable."""

    events: Sequence[Event]
    receipt: Receipt


class Recorder:
    """Folds events into a snapshot, in order, and buffers them for the next batch.

    What `mask` hides is masked before an event is folded, so that records, audit log, screens and
    later steps all have the masked text.
    """

    def __init__(self, snapshot: Snapshot, journal: Journal, mask: Mask | None = None) -> None:
        self.snapshot = snapshot
        self._journal = journal
        self._mask = mask
        self._events: list[Event] = []
        self._armed_starts: set[tuple[str, int]] = set()
        self._outcomes: list[RequestOutcome] = []
        self._step_records: list[StepRecordChange] = []

    def emit(self, event: Event) -> None:
        """Fold an event and buffer it for the next batch."""
        if self._mask:
            event = mask_event(event, self._mask)
        if isinstance(event, AttemptStarted) and self.snapshot.tasks[event.task_id].is_armed:
            self._armed_starts.add((event.task_id, event.attempt))
        apply(self.snapshot, event)
        self._events.append(event)

    def emit_all(self, events: Iterable[Event]) -> None:
        """Emit events one by one: each is folded before the next is taken from the iterator."""
        for event in events:
            self.emit(event)

    def settle(self, request: Request, refusal: str | None = None) -> None:
        """Record the outcome of a request in the next batch: done, or refused for this reason."""
        if refusal is not None and self._mask:
            refusal = self._mask.mask_value(refusal)
        if request.request_id:  # a signal has none
            self._outcomes.append(
                RequestOutcome(request_id=request.request_id, done=refusal is None, why=refusal)
            )

    def keep(self, change: StepRecordChange) -> None:
        """Change the record of a step's last success in the next batch."""
        self._step_records.append(change)

    def append_output(self, chunk: LogChunk) -> None:
        """Append output of an attempt; it is durable no later than the batch committed after it."""
        self._journal.append_log(chunk)

    @property
    def pending(self) -> int:
        """How many events wait for the next batch."""
        return len(self._events)

    async def commit(
        self, *, mission: MissionSource | None = None, finalize: bool = False
    ) -> Committed | None:
        """Commit what was emitted since the last call with the records it touched.

        Return once it is durable; None when nothing was emitted. `mission` is the source of an
        execution that is created, `finalize` seals one that has ended. Raises what the journal
        raises when it cannot be written.
        """
        if not self._events:
            return None
        events, self._events = join(self._events, self._armed_starts), []
        self._armed_starts.clear()
        outcomes, self._outcomes = self._outcomes, []
        step_records, self._step_records = self._step_records, []
        receipt = await self._journal.submit(
            Batch(
                execution_id=events[0].execution_id,
                events=events,
                changes=self.snapshot.take_changes(),
                mission=mission,
                finalize=finalize,
                outcomes=outcomes,
                step_records=step_records,
            )
        )
        return Committed(events, receipt)
