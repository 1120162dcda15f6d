"""The past of one execution behind the screen: reads its events and finds the moment to show.

Folding runs in the lookup's thread, a page of events at a time, so that other queries get through.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from core.audit.replay.timeline import Moment, Timeline
from core.domain.events import StepExpanded
from core.domain.records import Attempt, AuditEvent, TaskRun
from core.domain.states import is_terminal
from core.errors import BugError
from core.ports.clock import Clock
from core.ports.reader import Reader
from tui.live.execution_queries import StepRecords
from tui.live.lookup import Lookup

PAGE_EVENTS = 2000


class MomentClock:
    """The clock of a screen: that of the application, or one that stands at a past moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.moment: int | None = None
        """The instant that is shown, in nanoseconds; None for now."""

    def now(self) -> int:
        """Return the instant that the screen shows, in nanoseconds since the epoch."""
        return self._clock.now() if self.moment is None else self.moment


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go: to an event by its sequence number, to an instant, or some events on.

    `step` counts events from there, or from the moment that is shown: those of `task_id` alone if
    given, negative ones backwards.
    """

    seq: int | None = None
    at: int | None = None
    step: int = 0
    task_id: str | None = None


class Past:
    """The timeline of one execution; use its coroutines one after the other."""

    def __init__(self, execution_id: str, lookup: Lookup) -> None:
        self._execution_id = execution_id
        self._lookup = lookup
        self._timeline: Timeline | None = None

    @property
    def size(self) -> int:
        """How many events have been read."""
        return 0 if self._timeline is None else len(self._timeline)

    @property
    def span(self) -> tuple[int, int]:
        """The instants of the first and the last event, in nanoseconds."""
        return (0, 0) if self._timeline is None else self._timeline.span

    async def read(self, progress: Callable[[int], None]) -> None:
        """Read and fold the events that are not read yet; `progress` is told how many are.

        Raises `ReplayError`, and what reading raises.
        """
        timeline = self._timeline
        if timeline is None:
            timeline = await self._lookup.read(self._begin)
        more = True
        while more:
            more = await self._lookup.read(lambda reader: self._read_page(reader, timeline))
            progress(len(timeline))
        self._timeline = timeline

    def number(self, place: Place, shown: int | None) -> int:
        """Return the number of the event at a place; one beyond `size` means now.

        `shown` is the number of the event whose moment is shown, None for now.
        """
        timeline = self._timeline
        if timeline is None:
            return 0
        start = len(timeline) if shown is None else shown
        if place.seq is not None:
            start = timeline.place_of(place.seq)
        elif place.at is not None:
            start = timeline.place_at(place.at)
        elif place.task_id is not None:
            start = len(timeline) + 1 if shown is None else shown
            return timeline.step_place(place.task_id, start, place.step)
        return max(1, start + place.step)

    async def moment(self, number: int) -> Moment:
        """Return the moment of an event by its number.

        Raises `ReplayError`, and what reading raises.
        """
        timeline = self._timeline
        if timeline is None:
            raise BugError("the events of an execution were not read before its past was asked for")
        return await self._lookup.read(
            lambda reader: timeline.moment(
                number, lambda after, limit: self._events(reader, after, limit)
            )
        )

    def _begin(self, reader: Reader) -> Timeline:
        execution = reader.find_execution(self._execution_id)
        return Timeline(execution, reader.task_states(self._execution_id)[1])

    def _read_page(self, reader: Reader, timeline: Timeline) -> bool:
        """Fold one more page; tell whether it was a full one."""
        found = self._events(reader, timeline.last_seq, PAGE_EVENTS)
        if any(event.event_type == StepExpanded.type for event in found):
            timeline.know(reader.task_states(self._execution_id)[1])
        timeline.extend(found)
        return len(found) == PAGE_EVENTS

    def _events(self, reader: Reader, after: int, limit: int) -> Sequence[AuditEvent]:
        return reader.audit_events(after_seq=after, execution_id=self._execution_id, limit=limit)


def shown(task: TaskRun) -> TaskRun:
    """Return a task run as a board holds it: without inputs, outputs and error."""
    return replace(task, inputs=None, outputs=None, error=None)


def changed_tasks(
    before: Mapping[str, TaskRun], moment: Moment, earlier: Moment | None
) -> dict[str, TaskRun] | None:
    """Return the task runs that differ from a board's; None if there are others on it.

    `earlier` is the moment that the board shows, which shares the records that are the same.
    """
    if before.keys() != moment.tasks.keys():
        return None
    changed = {}
    for task_id, task in moment.tasks.items():
        if earlier is not None and earlier.tasks.get(task_id) is task:
            continue
        if (plain := shown(task)) != before[task_id]:
            changed[task_id] = plain
    return changed


def attempts_at(moment: Moment) -> list[Attempt]:
    """Return all attempts of a moment, by position of their step and number."""
    return [one for task_id in moment.tasks for one in moment.attempts.get(task_id, ())]


def records_at(moment: Moment, present: StepRecords) -> StepRecords:
    """Return the records of a step as they were: free-form data from the present ones."""
    now = {attempt.attempt: attempt for attempt in present.attempts}
    attempts = []
    for attempt in moment.attempts.get(present.task.task_id, ()):
        later = now.get(attempt.attempt, attempt)
        if is_terminal(attempt.state):
            attempts.append(later)
        else:
            attempts.append(replace(attempt, inputs=later.inputs, outputs=None, error=None))
    last = attempts[-1] if attempts else None
    task = replace(
        moment.tasks[present.task.task_id],
        inputs=None if last is None else last.inputs,
        outputs=None if last is None else last.outputs,
        error=None if last is None else last.error,
    )
    seq = moment.event.seq
    return StepRecords(
        task,
        attempts,
        [change for change in present.changes if change.seq <= seq],
        present.source,
        {number: use for number, use in present.secrets.items() if number <= len(attempts)},
    )
