"""For any sequence of events, however batched, the tables are what the fold makes of them."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.events import CancelRequested
from core.domain.fold import fold
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import SqliteReader, open_reader
from storage.write.store import Store, open_store
from tests.support.story import SteppingClock, Story, StorySigner, without_data

JSON: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1.5, 2**70, "", "text", "é\ud800\x00", [], [1, [None]], {}, {"k": {"n": []}}]
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "ß", ""]), JSON, max_size=2)
MESSAGES = st.sampled_from([None, "", "why", "é\x00", "[red]"])
TERMINAL = [TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED]


def act(data: st.DataObject, story: Story) -> None:
    """Emit one legal thing, chosen at random."""
    step = data.draw(st.sampled_from(sorted(story.snapshot.tasks)))
    task = story.snapshot.tasks[step]
    message = data.draw(MESSAGES)
    if data.draw(st.integers(0, 9)) == 0:
        story.emit(
            CancelRequested(
                at=story.clock.now(), execution_id=story.execution_id, actor="ann", message=message
            )
        )
    elif task.state is TaskState.RUNNING and task.reason_code is not Reason.EXPANDED:
        ends = st.sampled_from([one for one in AttemptState if is_terminal(one)])
        story.end(step, data.draw(ends), message=message, outputs=data.draw(OBJECTS | st.none()))
    elif task.state is TaskState.RUNNING:
        story.task(step, TaskState.SUCCESS, Reason.ALL_STEPS_DONE, outputs=data.draw(OBJECTS))
    elif task.state is TaskState.READY and data.draw(st.booleans()) and task.parent_task_id is None:
        if task.attempt == 0 and f"{step}[0]" not in story.snapshot.tasks:
            story.expand(step, tuple(data.draw(st.lists(JSON, max_size=3))))
    elif task.state is TaskState.WAITING:
        story.task(step, TaskState.READY, Reason.BACKOFF, message=message)
    elif task.state in (TaskState.PENDING, TaskState.READY):
        choice = data.draw(st.sampled_from(["begin", "skip", "reuse"]))
        if choice == "begin" or task.state is TaskState.READY:
            story.begin(step, inputs=data.draw(OBJECTS))
        elif choice == "skip":
            story.task(step, TaskState.SKIPPED, Reason.UPSTREAM_FAILED, message=message)
        else:
            story.task(
                step, TaskState.SUCCESS, Reason.REUSED, reused_from="x", outputs=data.draw(OBJECTS)
            )
    elif task.state is not TaskState.SUCCESS:
        story.task(step, TaskState.READY, Reason.USER_RETRY, message=message)


def running_step(story: Story) -> str | None:
    """Return a step whose attempt runs."""
    for step, task in story.snapshot.tasks.items():
        attempt = story.snapshot.attempt(step)
        if task.state is TaskState.RUNNING and attempt is not None:
            return step
    return None


async def perform(data: st.DataObject, store: Store, story: Story) -> None:
    """Submit a random life, cut into random batches with output between them, and seal it."""
    story.create()
    for _ in range(data.draw(st.integers(0, 25))):
        if data.draw(st.booleans()):
            await submit(data, store, story)
            step = running_step(story)
            if step is not None and data.draw(st.booleans()):
                store.journal.append_log(story.chunk(step, b"one\n", b"two", b""))
        if story.snapshot.current.state is ExecutionState.PENDING:
            story.move(ExecutionState.RUNNING)
        else:
            act(data, story)
    step = running_step(story)
    while step is not None:
        story.end(step)
        step = running_step(story)
    story.move(ExecutionState.CANCELLED, Reason.USER_CANCELLED, data.draw(MESSAGES))


async def submit(data: st.DataObject, store: Store, story: Story) -> None:
    """Submit what was emitted; wait for it, or let it share its transaction with what follows."""
    future = store.journal.submit(story.batch())
    if data.draw(st.booleans()):
        await future


def check(reader: SqliteReader, story: Story) -> None:
    """Compare every record with the fold of all events."""
    expected = fold(story.events)
    assert expected.tasks == story.snapshot.tasks
    expected.take_changes()
    assert reader.find_execution(story.execution_id) == expected.current
    assert reader.task_runs(story.execution_id) == list(expected.tasks.values())
    _, states = reader.task_states(story.execution_id)
    assert states == without_data(expected.tasks.values())
    positions = {task_id: task.position for task_id, task in expected.tasks.items()}
    attempts = [one for tries in expected.attempts.values() for one in tries]
    attempts.sort(key=lambda one: (positions[one.task_id], one.attempt))
    assert reader.attempts(story.execution_id) == attempts


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_tables_equal_the_fold_of_the_events(tmp_path: Path, data: Any) -> None:
    path = tmp_path / uuid4().hex / "missions.db"
    steps = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    params = data.draw(OBJECTS)  # a draw may end the example: nothing is open yet
    store = await open_store(path, StorySigner(), clock=SteppingClock())
    reader = open_reader(path)
    story = Story(*steps, params=params, clock=store.control._clock)
    try:
        await perform(data, store, story)
        await store.journal.submit(story.batch(finalize=True))
        check(reader, story)
    finally:
        reader.close()
        await store.close()
    source = SqliteChainSource(path, [StorySigner().vkey(store.log_id)])
    report = verify(source)
    source.close()
    assert (report.verdict, report.findings) == (Verdict.INTACT, report.findings)


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_a_screen_that_polls_with_a_cursor_ends_up_with_every_state(
    tmp_path: Path, data: Any
) -> None:
    path = tmp_path / uuid4().hex / "missions.db"
    store = await open_store(path, StorySigner(), clock=SteppingClock())
    reader = open_reader(path)
    story = Story("a", "b", "c", clock=store.control._clock)
    try:
        story.create().move(ExecutionState.RUNNING)
        await store.journal.submit(story.batch())
        cursor, tasks = reader.task_states(story.execution_id)
        seen = {task.task_id: task for task in tasks}
        for _ in range(data.draw(st.integers(1, 15))):
            act(data, story)
            if data.draw(st.booleans()):
                await store.journal.submit(story.batch())
                cursor, tasks = reader.task_states(story.execution_id, after_seq=cursor)
                seen |= {task.task_id: task for task in tasks}
        await store.journal.submit(story.batch())
        cursor, tasks = reader.task_states(story.execution_id, after_seq=cursor)
        seen |= {task.task_id: task for task in tasks}
    finally:
        reader.close()
        await store.close()
    assert list(seen.values()) == without_data(story.snapshot.tasks[key] for key in seen)
    assert seen.keys() == story.snapshot.tasks.keys()
