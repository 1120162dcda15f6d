"""Folds the events of one execution up to any of them, for a screen that shows the past.

Snapshots are kept at intervals, so that a step back folds few events again. Free-form data (inputs,
outputs, errors) is in the chain by digest alone and is left out of what is returned.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from core.audit.format.body import columns_of
from core.audit.verify.rebuild import RebuildError, event_of
from core.domain.events import Event, ExecutionCreated, StepExpanded
from core.domain.fold import Snapshot, apply
from core.domain.records import Attempt, AuditEvent, Execution, TaskRun
from core.errors import AuditError, BugError

MAX_SNAPSHOTS = 48
"""More than these are thinned out to half, and the interval between them is doubled."""
FIRST_INTERVAL_EVENTS = 256

ReadEvents = Callable[[int, int], Sequence[AuditEvent]]
"""Returns the events of the execution after a sequence number, at most as many as asked for."""


class ReplayError(AuditError):
    """Raised when the events of an execution do not lead to any state."""

    code = "REPLAY"


class Moment(Struct, frozen=True):
    """An execution right after one of its events. `place` counts its events from 1."""

    place: int
    event: AuditEvent
    execution: Execution
    tasks: Mapping[str, TaskRun]
    attempts: Mapping[str, tuple[Attempt, ...]]

    @property
    def at(self) -> int:
        """The instant of the event, in nanoseconds."""
        return self.event.timestamp


class Timeline:
    """The moments of one execution. `extend` it by its events in order, then ask for any moment.

    `execution` and `tasks` are the present records: the chain has the ids of steps, the parameters
    and the items of fan-outs by digest alone. Not thread-safe.
    """

    def __init__(self, execution: Execution, tasks: Sequence[TaskRun]) -> None:
        self._execution = execution
        self._steps: tuple[str, ...] = ()
        self._items: dict[str, tuple[object, ...]] = {}
        self.know(tasks)
        self._seqs = array("q")
        self._times = array("q")
        self._places: dict[str, array[int]] = {}
        """The places of each step's events."""
        self._head = Snapshot()
        self._interval = FIRST_INTERVAL_EVENTS
        self._kept: list[tuple[int, Snapshot]] = [(0, Snapshot())]
        self._page: tuple[int, list[tuple[AuditEvent, Event]]] = (0, [])
        """Events read last: how many stand before them, and each as recorded and for the fold."""
        self._last: tuple[int, Snapshot] = self._kept[0]
        """The moment asked for last, from which the next one is a short way."""

    def know(self, tasks: Sequence[TaskRun]) -> None:
        """Take the present task runs, in file order; a fan-out adds items while it is watched."""
        self._steps = tuple(task.task_id for task in tasks if task.parent_task_id is None)
        items: dict[str, list[object]] = {}
        for task in tasks:
            if task.parent_task_id is not None:
                items.setdefault(task.parent_task_id, []).append(task.item)
        self._items = {step: tuple(values) for step, values in items.items()}

    def __len__(self) -> int:
        return len(self._seqs)

    @property
    def last_seq(self) -> int:
        """The sequence number of the last event, 0 before the first."""
        return self._seqs[-1] if self._seqs else 0

    def extend(self, events: Sequence[AuditEvent]) -> None:
        """Fold further events. Raises `ReplayError`."""
        for event in events:
            self._apply(self._head, event, self._event(event))
            self._seqs.append(event.seq)
            self._times.append(event.timestamp)
            step = columns_of(event.target)[0]
            if step is not None:
                self._places.setdefault(step, array("q")).append(len(self._seqs))
            if len(self._seqs) - self._kept[-1][0] >= self._interval:
                self._kept.append((len(self._seqs), _copy(self._head)))
                if len(self._kept) > MAX_SNAPSHOTS:
                    self._kept = self._kept[::2]
                    self._interval *= 2
        self._head.take_changes()

    def place_of(self, seq: int) -> int:
        """Return the place of the last event up to a sequence number, 0 for none."""
        return bisect_right(self._seqs, seq)

    def place_at(self, instant: int) -> int:
        """Return the place of the last event up to an instant, 0 for none."""
        return bisect_right(self._times, instant)

    def step_place(self, task_id: str, place: int, step: int) -> int:
        """Return the place of the event of a step that is `step` of them away from a place.

        Without one that early it is the first event of the step, or the execution's; without one
        that late, the place behind all events.
        """
        own = self._places.get(task_id, array("q"))
        number = bisect_left(own, place) + step if step < 0 else bisect_right(own, place) + step - 1
        if number >= len(own):
            return len(self._seqs) + 1
        return own[max(0, number)] if own else 1

    @property
    def span(self) -> tuple[int, int]:
        """The instants of the first and the last event, in nanoseconds; zeros before the first."""
        return (self._times[0], self._times[-1]) if self._times else (0, 0)

    def moment(self, place: int, read: ReadEvents) -> Moment:
        """Return the execution after its first `place` events (1 to all of them).

        `read` is called for events that are not at hand. Raises `ReplayError`.
        """
        if not 1 <= place <= len(self._seqs):
            raise BugError(f"an execution of {len(self._seqs)} events has no event {place}")
        before = place - 1  # the event of the moment itself is always at hand
        start, snapshot = self._kept[bisect_right(self._kept, before, key=lambda kept: kept[0]) - 1]
        if start < self._last[0] <= before:
            start, snapshot = self._last
        known = _copy(snapshot)
        events = self._events(start, place, read)
        for recorded, event in events:
            self._apply(known, recorded, event)
        self._last = (place, known)
        execution = replace(
            known.current, counts=dict(known.counts), item_counts=dict(known.item_counts)
        )
        return Moment(place, events[-1][0], execution, known.tasks, known.attempts)

    def _events(
        self, start: int, place: int, read: ReadEvents
    ) -> Sequence[tuple[AuditEvent, Event]]:
        """Return the events number `start + 1` to `place`."""
        first, page = self._page
        if not first <= start <= place <= first + len(page):
            first, stop = start, min(len(self._seqs), start + max(self._interval, place - start))
            found = read(self._seqs[start - 1] if start else 0, stop - start)
            page = [(recorded, self._event(recorded)) for recorded in found]
            if len(page) < place - start:
                raise ReplayError("events of this execution are missing from the audit log")
            self._page = (first, page)
        return page[start - first : place - first]

    @staticmethod
    def _apply(snapshot: Snapshot, recorded: AuditEvent, event: Event) -> None:
        try:
            apply(snapshot, event)
        except (BugError, KeyError) as error:
            # A BugError here means that the fold rejects the events, not that there is a bug.
            raise _broken(recorded, error) from None

    def _event(self, recorded: AuditEvent) -> Event:
        """Return the event with the data that the chain has by digest, as far as it is shown."""
        execution = self._execution
        try:
            event = event_of(
                recorded.event_type,
                recorded.details,
                ts=recorded.timestamp,
                actor=recorded.actor,
                execution_id=execution.execution_id,
                task_id=columns_of(recorded.target)[0],
                step_ids=lambda: self._steps,
            )
        except RebuildError as error:
            raise _broken(recorded, error) from None
        if isinstance(event, ExecutionCreated):
            return replace(
                event,
                params=execution.params,
                retry_scope=execution.retry_scope,
                run_number=execution.run_number,
            )
        if isinstance(event, StepExpanded):
            items = self._items.get(event.task_id, ())
            if len(items) == len(event.items):
                return replace(event, items=items)
            return replace(event, items=(None,) * len(event.items))
        return event


def _broken(recorded: AuditEvent, error: Exception) -> ReplayError:
    return ReplayError(
        f"event {recorded.seq} does not follow from those before it: {error}",
        hint="mission verify tells what is wrong with the audit log",
    )


def _copy(snapshot: Snapshot) -> Snapshot:
    return Snapshot(
        snapshot.execution,
        dict(snapshot.tasks),
        dict(snapshot.attempts),
        dict(snapshot.counts),
        dict(snapshot.item_counts),
    )
