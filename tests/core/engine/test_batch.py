"""What shares a transaction: steps without I/O do, from their start to their end, up to a limit."""

from itertools import pairwise
from typing import Any

import pytest

from core.domain.events import AttemptEnded, AttemptStarted, Event
from core.domain.fold import fold
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from core.engine.commit_delay import MAX_DELAY_SECONDS
from core.engine.loop import BATCH_EVENTS
from core.ports.control import RequestKind
from core.ports.journal import Batch
from tests.support.fake_executor import Act
from tests.support.memory_journal import MemoryJournal
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step
from tests.support.virtual_loop import START

MILLISECOND = 0.001
SPARE = 8
"""Events that one turn may add to a batch that has just not reached the limit."""


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Return the batches that are submitted, as they are."""
    found: list[Batch] = []
    submit = MemoryJournal.submit

    def noting(journal: MemoryJournal, batch: Batch) -> Any:
        found.append(batch)
        return submit(journal, batch)

    monkeypatch.setattr(MemoryJournal, "submit", noting)
    return found


def batch_of(batches: list[Batch], kind: type[Event], task_id: str) -> int:
    return next(
        number
        for number, batch in enumerate(batches)
        if any(isinstance(event, kind) and event.task == task_id for event in batch.events)
    )


def test_a_chain_of_noops_starts_and_ends_in_one_transaction(batches: list[Batch]) -> None:
    steps = [a_step("s0"), *(a_step(f"s{n}", f"s{n - 1}") for n in range(1, 20))]
    rig = Rig(a_plan(*steps, parallel_limit=1))
    assert rig.run().state is ExecutionState.SUCCESS
    assert {batch_of(batches, AttemptStarted, step.id) for step in steps} == {
        batch_of(batches, AttemptEnded, step.id) for step in steps
    }
    assert len({batch_of(batches, AttemptEnded, step.id) for step in steps}) == 1
    assert fold(rig.seen).tasks == rig.snapshot.tasks


def test_no_transaction_grows_without_bounds(batches: list[Batch]) -> None:
    steps = [a_step(f"s{n}") for n in range(600)]
    rig = Rig(a_plan(*steps, parallel_limit=4))
    assert rig.run().state is ExecutionState.SUCCESS
    sizes = [len(batch.events) for batch in batches]
    assert max(sizes) < BATCH_EVENTS + SPARE
    assert len(sizes) < 4 * 600 / BATCH_EVENTS + SPARE


def test_output_is_stored_behind_the_start_and_not_behind_the_end(batches: list[Batch]) -> None:
    rig = Rig(a_plan(a_step("talk", step_type="log", parameters={"message": "hello"})))
    known_at_output: list[bool] = []
    append = MemoryJournal.append_log

    def noting(journal: MemoryJournal, chunk: Any) -> None:
        kinds = {type(event) for event in journal.events}
        known_at_output.append(AttemptStarted in kinds and AttemptEnded not in kinds)
        append(journal, chunk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryJournal, "append_log", noting)
        assert rig.run().state is ExecutionState.SUCCESS
    assert known_at_output == [True]
    start = batch_of(batches, AttemptStarted, "talk")
    assert batch_of(batches, AttemptEnded, "talk") == start + 1
    attempt = rig.snapshot.attempts["talk"][0]
    assert (attempt.log_entry_count, attempt.log_bytes) == (1, len("hello\n"))


def test_a_command_behind_noops_still_waits_for_its_durable_start(batches: list[Batch]) -> None:
    rig = Rig(a_plan(a_step("join"), a_command("act", "join"), a_step("after", "act")))
    assert rig.run().state is ExecutionState.SUCCESS
    assert batch_of(batches, AttemptEnded, "join") == batch_of(batches, AttemptStarted, "act")
    assert batch_of(batches, AttemptStarted, "act") < batch_of(batches, AttemptEnded, "act")
    assert batch_of(batches, AttemptEnded, "act") == batch_of(batches, AttemptEnded, "after")


def test_a_failure_without_io_skips_the_rest_before_another_step_starts() -> None:
    bad = a_step("bad", step_type="assert", parameters={"that": "1 == 2"})
    rig = Rig(a_plan(bad, a_step("next"), a_command("never", "bad")))
    assert rig.run().state is ExecutionState.FAILED
    assert rig.snapshot.tasks["bad"].state is TaskState.FAILED
    assert rig.snapshot.tasks["never"].state is TaskState.SKIPPED
    assert rig.started() == []


def test_file_order_decides_among_ready_steps_also_within_a_transaction() -> None:
    steps = [a_step("a"), a_step("b", "c"), a_step("c"), a_step("d", "a")]
    rig = Rig(a_plan(*steps, parallel_limit=1))
    rig.run()
    begun = [event.task_id for event in rig.seen if isinstance(event, AttemptStarted)]
    assert begun == ["a", "c", "b", "d"]
    ends = [event for event in rig.seen if isinstance(event, AttemptEnded)]
    assert [end.reason_code for end in ends] == [Reason.STEP_DONE] * 4
    assert all(first.at < second.at for first, second in pairwise(rig.seen))


def seconds_until(at: int | None) -> float:
    assert at is not None
    return round((at - START) / 1e9, 4)


def test_short_attempts_that_end_together_share_a_transaction(batches: list[Batch]) -> None:
    layers = [[f"s{layer}{number}" for number in range(4)] for layer in range(5)]
    steps = [a_command(step_id) for step_id in layers[0]]
    for before, layer in pairwise(layers):
        steps += [a_command(step_id, *before) for step_id in layer]
    acts = {step.id: Act(seconds=int(step.id[-1]) * MILLISECOND) for step in steps}
    rig = Rig(a_plan(*steps, parallel_limit=4), acts)
    assert rig.run().state is ExecutionState.SUCCESS
    for layer in layers:
        assert len({batch_of(batches, AttemptEnded, step_id) for step_id in layer}) == 1
    for step in steps:  # an end whose commit is delayed has still ended when it ended
        attempt = rig.snapshot.attempts[step.id][0]
        assert attempt.ended_at is not None
        lasted = (attempt.ended_at - attempt.started_at) / 1e9
        assert lasted == pytest.approx(acts[step.id].seconds, abs=1e-5)


def test_a_short_end_waits_no_longer_than_the_others_may_be_short() -> None:
    steps = a_command("short"), a_command("long"), a_command("next", "short")
    acts = {"short": Act(seconds=MILLISECOND), "long": Act(seconds=60)}
    rig = Rig(a_plan(*steps, parallel_limit=4), acts)
    assert rig.run().state is ExecutionState.SUCCESS
    started = seconds_until(rig.snapshot.tasks["next"].started_at)
    assert started == pytest.approx(MAX_DELAY_SECONDS, abs=1e-4)


def test_the_end_of_a_longer_attempt_waits_for_nobody() -> None:
    steps = [
        a_command("first"),
        a_command("young", "first"),
        a_command("longer"),
        a_command("next", "longer"),
    ]
    acts = {
        "first": Act(seconds=8 * MILLISECOND),
        "young": Act(seconds=1),
        "longer": Act(seconds=10 * MILLISECOND),
    }
    rig = Rig(a_plan(*steps, parallel_limit=4), acts)
    assert rig.run().state is ExecutionState.SUCCESS
    started = seconds_until(rig.snapshot.tasks["next"].started_at)
    assert started == pytest.approx(0.010, abs=1e-4)


def test_a_request_is_not_held_up_by_a_commit_delay() -> None:
    steps = a_command("short"), a_command("long")
    acts = {"short": Act(seconds=MILLISECOND), "long": Act(seconds=60)}
    rig = Rig(a_plan(*steps, parallel_limit=4), acts)
    asked = 2 * MILLISECOND
    ending = rig.run((asked, lambda rig: rig.ask(RequestKind.CANCEL)))
    assert ending.state is ExecutionState.CANCELLED
    ended = seconds_until(rig.snapshot.tasks["long"].ended_at)
    assert ended == pytest.approx(asked, abs=1e-4)
