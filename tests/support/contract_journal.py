"""The contract of the journal, tested against every implementation; `world` is the adapter."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from core.domain.events import Noted
from core.domain.fold import Changes
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, TaskRun
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import ConflictError, LeaseHeldError, NotFoundError, UnavailableError
from core.ports.control import Control, RunnerIdentity
from core.ports.journal import Batch, Journal
from tests.support.story import ELSEWHERE, SteppingClock, Story


@dataclass(frozen=True, slots=True)
class Process:
    """One process that has the database open."""

    journal: Journal
    control: Control


class World(Protocol):
    """A database that several processes open, and what is committed in it."""

    clock: SteppingClock

    async def open(self, runner: RunnerIdentity | None = None) -> Process: ...
    def execution(self, execution_id: str) -> Execution: ...
    def task_runs(self, execution_id: str) -> Sequence[TaskRun]: ...
    def attempts(self, execution_id: str) -> Sequence[Attempt]: ...
    def log_data(self, execution_id: str, task_id: str, attempt: int) -> bytes: ...
    def event_count(self) -> int: ...


async def a_running(world: World, *steps: str, **fields: Any) -> tuple[Process, Story]:
    """Return a process and a created and running execution."""
    process = await world.open()
    story = Story(*(steps or ("a", "b")), clock=world.clock, **fields)
    await process.journal.submit(story.create().move(ExecutionState.RUNNING).batch())
    return process, story


class JournalContract:
    """Contract tests of `core.ports.Journal`."""

    async def test_what_is_acknowledged_can_be_read(self, world: World) -> None:
        process, story = await a_running(world)
        story.begin("a").end("a").begin("b").end("b", AttemptState.FAILED)
        await process.journal.submit(story.batch())
        assert world.execution(story.execution_id) == story.snapshot.current
        assert list(world.task_runs(story.execution_id)) == list(story.snapshot.tasks.values())
        assert list(world.attempts(story.execution_id)) == [
            attempt for tries in story.snapshot.attempts.values() for attempt in tries
        ]

    async def test_a_receipt_counts_all_events_and_those_of_the_execution(
        self, world: World
    ) -> None:
        process, story = await a_running(world)
        before = world.event_count()
        receipt = await process.journal.submit(story.begin("a").batch())
        assert receipt.execution_events == 4
        assert receipt.size == before + 2 == world.event_count()
        assert len(bytes.fromhex(receipt.root)) == 32

    async def test_batches_are_written_in_the_order_of_submission(self, world: World) -> None:
        process, story = await a_running(world)
        futures = [
            process.journal.submit(story.begin("a").batch()),
            process.journal.submit(story.end("a").batch()),
            process.journal.submit(story.begin("b").batch()),
        ]
        receipts = [await future for future in futures]
        assert [receipt.execution_events for receipt in receipts] == [4, 6, 8]
        assert list(world.task_runs(story.execution_id)) == list(story.snapshot.tasks.values())

    async def test_an_attempt_may_begin_and_end_in_one_batch_and_be_followed_by_the_next(
        self, world: World
    ) -> None:
        process, story = await a_running(world)
        story.begin("a").end("a", AttemptState.FAILED)
        story.task("a", TaskState.READY, Reason.USER_RETRY).begin("a")
        await process.journal.submit(story.batch())
        await process.journal.submit(story.end("a").batch())
        assert [(each.attempt, each.state) for each in world.attempts(story.execution_id)] == [
            (1, AttemptState.FAILED),
            (2, AttemptState.SUCCESS),
        ]
        assert world.task_runs(story.execution_id)[0] == story.snapshot.tasks["a"]

    async def test_the_items_of_a_fan_out_become_task_runs(self, world: World) -> None:
        process, story = await a_running(world)
        story.task("a", TaskState.READY, Reason.DEPS_MET).expand("a", ("x", None, {"k": [1]}))
        await process.journal.submit(story.batch())
        await process.journal.submit(story.begin("a[1]").end("a[1]").batch())
        found = world.task_runs(story.execution_id)
        assert [task.task_id for task in found] == ["a", "b", "a[0]", "a[1]", "a[2]"]
        assert list(found) == list(story.snapshot.tasks.values())

    async def test_output_is_durable_with_the_next_batch(self, world: World) -> None:
        process, story = await a_running(world)
        process.journal.append_log(story.begin("a").chunk("a", b"one\n"))
        process.journal.append_log(story.chunk("a", b"two\n", b"three\n"))
        await process.journal.submit(story.batch())
        assert world.log_data(story.execution_id, "a", 1) == b"one\ntwo\nthree\n"

    async def test_output_counts_while_the_step_still_runs(self, world: World) -> None:
        process, story = await a_running(world)
        await process.journal.submit(story.begin("a").batch())
        chunk = story.chunk("a", b"one\ntwo\n", b"three\n")
        process.journal.append_log(chunk)
        await process.journal.flush()
        found = world.execution(story.execution_id)
        assert found.log_entry_count == 3
        assert found.updated_at == chunk.segments[-1].at
        await process.journal.submit(story.end("a").batch())
        assert world.execution(story.execution_id) == story.snapshot.current

    async def test_the_backlog_is_what_is_not_durable_yet(self, world: World) -> None:
        process, story = await a_running(world)
        await process.journal.submit(story.begin("a").batch())
        assert process.journal.backlog == 0
        process.journal.append_log(story.chunk("a", b"12345678\n"))
        assert process.journal.backlog == 9
        await process.journal.flush()
        assert process.journal.backlog == 0

    async def test_a_sealed_execution_accepts_nothing_more(self, world: World) -> None:
        process, story = await a_running(world)
        before = world.event_count()
        receipt = await process.journal.submit(story.finish())
        assert receipt.execution_events == 4  # the end, and execution.finalized
        assert world.event_count() == before + 2
        late = Noted(at=world.clock.now(), execution_id=story.execution_id, kind="late")
        with pytest.raises(ConflictError):
            await process.journal.submit(_note(late))
        assert world.event_count() == before + 2
        assert world.execution(story.execution_id) == story.snapshot.current

    async def test_a_refused_batch_does_not_stop_the_others(self, world: World) -> None:
        process, story = await a_running(world)
        unknown = Noted(at=world.clock.now(), execution_id="no-such", kind="late")
        refused = process.journal.submit(_note(unknown))
        accepted = process.journal.submit(story.begin("a").batch())
        with pytest.raises(NotFoundError):
            await refused
        assert (await accepted).execution_events == 4

    async def test_an_execution_is_created_once(self, world: World) -> None:
        process, story = await a_running(world)
        again = Story("a", clock=world.clock)
        assert again.execution_id == story.execution_id
        with pytest.raises(ConflictError):
            await process.journal.submit(again.create().batch())
        assert len(world.task_runs(story.execution_id)) == 2

    async def test_runs_of_a_mission_are_numbered_by_the_journal(self, world: World) -> None:
        process, first = await a_running(world, run_number=None, run_key="nightly")
        refused = Story("a", clock=world.clock, number=2, run_key="nightly", run_number=None)
        second = Story("a", clock=world.clock, number=3, run_number=77)
        other = Story("a", clock=world.clock, number=4, workflow_id="w-2")
        stories = [refused, second, other]
        futures = [process.journal.submit(one.create().batch()) for one in stories]
        with pytest.raises(ConflictError):
            await futures[0]
        assert [(await one).run_number for one in futures[1:]] == [2, 1]
        later = await process.journal.submit(first.begin("a").batch())
        assert later.run_number is None
        numbers = [world.execution(one.execution_id).run_number for one in (first, second, other)]
        assert numbers == [1, 2, 1]

    async def test_a_run_key_is_used_once_for_a_mission(self, world: World) -> None:
        process, _ = await a_running(world, run_key="nightly")
        same = Story("a", clock=world.clock, number=2, run_key="nightly").create()
        other = Story("a", clock=world.clock, number=3, run_key="nightly", workflow_id="w-2")
        futures = [process.journal.submit(each.batch()) for each in (same, other.create())]
        with pytest.raises(ConflictError, match="nightly"):
            await futures[0]
        await futures[1]

    async def test_what_concerns_no_execution_is_recorded_too(self, world: World) -> None:
        process = await world.open()
        before = world.event_count()
        note = Noted(at=world.clock.now(), execution_id="", kind="mission.rejected")
        receipt = await process.journal.submit(_note(note))
        assert (receipt.size, receipt.execution_events) == (before + 1, 0)

    async def test_a_batch_of_a_lost_lease_is_refused_and_its_output_dropped(
        self, world: World
    ) -> None:
        process, story = await a_running(world)
        stalled = await world.open(ELSEWHERE)
        await stalled.control.acquire(story.execution_id)
        world.clock.advance(60)
        await process.control.acquire(story.execution_id)
        await process.journal.submit(story.begin("a").batch())
        stalled.journal.append_log(story.chunk("a", b"late\n"))
        late = Noted(at=world.clock.now(), execution_id=story.execution_id, kind="late")
        with pytest.raises(LeaseHeldError):
            await stalled.journal.submit(_note(late))
        assert world.log_data(story.execution_id, "a", 1) == b""
        assert (await process.journal.submit(story.end("a").batch())).execution_events == 6

    async def test_another_process_may_not_write_to_what_is_owned(self, world: World) -> None:
        process, story = await a_running(world)
        await process.control.acquire(story.execution_id)
        other = await world.open()
        late = Noted(at=world.clock.now(), execution_id=story.execution_id, kind="late")
        with pytest.raises(LeaseHeldError):
            await other.journal.submit(_note(late))

    async def test_a_cancelled_wait_does_not_undo_the_batch(self, world: World) -> None:
        process, story = await a_running(world)
        waiting = asyncio.ensure_future(_wait(process.journal, story.begin("a").batch()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await process.journal.flush()
        assert list(world.task_runs(story.execution_id)) == list(story.snapshot.tasks.values())

    async def test_closing_writes_what_is_queued_and_refuses_the_rest(self, world: World) -> None:
        process, story = await a_running(world)
        queued = process.journal.submit(story.begin("a").batch())
        await process.journal.close()
        await process.journal.close()
        assert (await queued).execution_events == 4
        with pytest.raises(UnavailableError):
            await process.journal.submit(story.end("a").batch())


def _note(event: Noted) -> Batch:
    return Batch(execution_id=event.execution_id, events=[event], changes=Changes(None, (), ()))


async def _wait(journal: Journal, batch: Batch) -> None:
    await journal.submit(batch)
