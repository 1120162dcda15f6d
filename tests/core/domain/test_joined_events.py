"""Events of one batch that are joined: what follows from them is the same, and they come apart."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.audit.format import canonical
from core.audit.format.details import fast_details
from core.audit.verify.rebuild import event_of
from core.domain.events import (
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    TaskStateChanged,
    event_type,
)
from core.domain.fold import Snapshot, apply, fold
from core.domain.joined_events import join, parts_of
from core.domain.reasons import Reason
from core.domain.states import AttemptState, TaskState

STEPS = ("a", "b", "c")
CREATED = ExecutionCreated(
    at=1,
    execution_id="E",
    workflow_id="W",
    mission_name="m",
    mission_digest="0" * 64,
    step_ids=STEPS,
)
INPUTS = {"n": 1}
MESSAGES = st.none() | st.sampled_from(["exit code 3", "naïve", "2 of 2 attempts failed"])
ENDS = st.sampled_from([TaskState.SUCCESS, TaskState.FAILED, TaskState.CANCELLED])
PENDING, READY, RUNNING, WAITING = (
    TaskState.PENDING,
    TaskState.READY,
    TaskState.RUNNING,
    TaskState.WAITING,
)


def moved(step: str, source: TaskState, to: TaskState, at: int, **more: object) -> TaskStateChanged:
    fields: dict[str, object] = {"reason_code": Reason.DEPS_MET, **more}
    return TaskStateChanged(
        at=at,
        execution_id="E",
        task_id=step,
        from_state=source,
        to_state=to,
        **fields,  # type: ignore[arg-type]
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return the events of three steps, mixed, of a batch or of a run that was cut anywhere."""
    queues: list[list[Event]] = []
    at = 10
    for step in STEPS:
        queue: list[Event] = [moved(step, PENDING, READY, at, message=draw(MESSAGES))]
        tries = draw(st.integers(1, 3))
        is_armed = draw(st.booleans())
        if is_armed:
            at += 1
            queue.append(
                AttemptArmed(at=at, execution_id="E", task_id=step, attempt=1, inputs=INPUTS)
            )
        if is_armed and draw(st.booleans()):
            at += 1
            queue.append(
                AttemptDisarmed(at=at, execution_id="E", task_id=step, attempt=1, message="held")
            )
        for attempt in range(1, tries + 1):
            at += 1
            queue.append(
                AttemptStarted(
                    at=at, execution_id="E", task_id=step, attempt=attempt, inputs=INPUTS
                )
            )
            at += 1
            reason = draw(st.sampled_from([Reason.EXIT_ZERO, Reason.EXIT_NONZERO]))
            queue.append(
                AttemptEnded(
                    at=at,
                    execution_id="E",
                    task_id=step,
                    attempt=attempt,
                    to_state=draw(st.sampled_from([AttemptState.SUCCESS, AttemptState.FAILED])),
                    reason_code=reason,
                    message=draw(MESSAGES),
                    outputs={"x": attempt},
                )
            )
            at += draw(st.integers(0, 1))
            if attempt < tries:
                queue.append(
                    moved(step, RUNNING, WAITING, at, reason_code=Reason.BACKOFF, resume_at=9)
                )
                queue.append(moved(step, WAITING, READY, at + 1, reason_code=Reason.BACKOFF))
            else:
                queue.append(
                    moved(
                        step,
                        RUNNING,
                        draw(ENDS),
                        at,
                        reason_code=draw(st.sampled_from([reason, Reason.RETRIES_EXHAUSTED])),
                        message=draw(MESSAGES),
                        duration_us=draw(st.none() | st.just(7)),
                    )
                )
            at += 1
        queues.append(queue[: draw(st.integers(0, len(queue)))])
    mixed: list[Event] = []
    while any(queues):
        mixed.append(draw(st.sampled_from([queue for queue in queues if queue])).pop(0))
    return mixed


def armed_starts(events: Sequence[Event]) -> set[tuple[str, int]]:
    """Return the attempts that start and were armed before, as a recorder knows them."""
    found = set()
    snapshot = fold([CREATED])
    for event in events:
        if isinstance(event, AttemptStarted) and snapshot.tasks[event.task_id].is_armed:
            found.add((event.task_id, event.attempt))
        apply(snapshot, event)
    return found


def with_inputs(event: Event) -> Event:
    """Return a start with its inputs: of one that was joined the arming has them."""
    return replace(event, inputs=INPUTS) if isinstance(event, AttemptStarted) else event


def records(events: Sequence[Event]) -> Snapshot:
    snapshot = fold([CREATED, *events])
    snapshot.take_changes()
    return snapshot


@given(histories())
def test_what_follows_from_joined_events_is_the_same(events: list[Event]) -> None:
    joined = join(events, armed_starts(events))
    assert records(joined) == records(events)
    apart = [with_inputs(part) for event in joined for part in parts_of(event)]
    assert sorted(map(repr, apart)) == sorted(map(repr, events))
    assert records(apart) == records(events)
    for step in STEPS:
        assert [event for event in apart if event.task == step] == [
            event for event in events if event.task == step
        ]


@given(histories(), st.integers(0, 30))
def test_events_of_two_batches_are_not_joined(events: list[Event], cut: int) -> None:
    armed = armed_starts(events)
    batches = join(events[:cut], armed), join(events[cut:], armed)
    assert records([*batches[0], *batches[1]]) == records(events)


@given(histories())
def test_the_chain_records_joined_events_whole(events: list[Event]) -> None:
    rebuilt = fold([CREATED])
    for event in join(events, armed_starts(events)):
        details = event.details()
        fast = fast_details(event)
        assert fast is None or fast == canonical.dump(canonical.clean(details))
        apply(
            rebuilt,
            event_of(
                event_type(event),
                details,
                ts=event.at,
                actor=event.actor,
                execution_id="E",
                task_id=event.task,
                step_ids=lambda: STEPS,
            ),
        )
    wanted = records(events)
    for task_id, task in wanted.tasks.items():
        found = rebuilt.tasks[task_id]
        for name in (
            "state",
            "reason_code",
            "message",
            "updated_at",
            "ready_at",
            "started_at",
            "ended_at",
            "duration_us",
            "attempt",
            "resume_at",
        ):
            assert getattr(found, name) == getattr(task, name), (task_id, name)
    assert rebuilt.counts == wanted.counts


def test_a_plain_step_is_two_events() -> None:
    events = [
        moved("a", PENDING, READY, 10),
        moved("b", PENDING, READY, 11),
        AttemptStarted(at=12, execution_id="E", task_id="a", attempt=1),
        AttemptEnded(
            at=13,
            execution_id="E",
            task_id="a",
            attempt=1,
            to_state=AttemptState.SUCCESS,
            reason_code=Reason.EXIT_ZERO,
        ),
        moved("a", RUNNING, TaskState.SUCCESS, 13, reason_code=Reason.EXIT_ZERO),
    ]
    of_a = [event for event in join(events) if event.task == "a"]
    assert [event.type for event in of_a] == ["attempt.started", "attempt.ended"]
    assert of_a[1].details()["step"] == {"to": "SUCCESS"}
    assert of_a[0].details()["ready"] == {"at": "10", "reason_code": "DEPS_MET"}


def test_an_armed_attempt_that_ends_in_the_batch_of_its_start_is_two_events() -> None:
    armed = [
        moved("a", PENDING, READY, 10),
        AttemptArmed(at=11, execution_id="E", task_id="a", attempt=1, inputs=INPUTS),
    ]
    later = [
        AttemptStarted(at=12, execution_id="E", task_id="a", attempt=1, inputs=INPUTS),
        AttemptEnded(
            at=13,
            execution_id="E",
            task_id="a",
            attempt=1,
            to_state=AttemptState.SUCCESS,
            reason_code=Reason.EXIT_ZERO,
        ),
        moved("a", RUNNING, TaskState.SUCCESS, 13, reason_code=Reason.EXIT_ZERO),
    ]
    both = [*join(armed), *join(later, {("a", 1)})]
    assert [event.type for event in both] == ["attempt.armed", "attempt.ended"]
    assert both[0].details()["ready"] == {"at": "10", "reason_code": "DEPS_MET"}
    assert both[1].details()["started"] == {"at": "12", "reason_code": "SLOT_ACQUIRED"}
    assert records(both) == records([*armed, *later])
    assert [event.type for event in join(later)] == ["attempt.started", "attempt.ended"]
