"""On which worker of a cluster an attempt runs is recorded when it is known, not at its end."""

from core.domain.events import AttemptPlaced
from core.domain.states import AttemptState, ExecutionState
from core.ports.executor import Outcome, OutcomeKind, Placement
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan
from tests.support.story import Story

FIRST = Placement(host="node-1", worker="tls://10.0.0.1:4000")
SECOND = Placement(host="node-2", worker="tls://10.0.0.2:4000")


def test_the_worker_is_recorded_before_the_attempt_ends_and_said_in_its_log() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": Act(where=FIRST, seconds=5.0)})

    assert rig.run().state is ExecutionState.SUCCESS
    kinds = [event.type for event in rig.seen if event.task == "a"]
    assert kinds.index("attempt.started") < kinds.index("attempt.placed")
    assert kinds.index("attempt.placed") < kinds.index("attempt.ended")
    placed = next(event for event in rig.seen if isinstance(event, AttemptPlaced))
    ended = next(event for event in rig.seen if event.type == "attempt.ended")
    assert placed.at < ended.at
    assert rig.snapshot.attempts["a"][-1].placement == {
        "host": "node-1",
        "worker": "tls://10.0.0.1:4000",
    }
    told = b"".join(chunk.data for chunk in rig.journal.world.chunks)
    assert told == b"runs on node-1, worker tls://10.0.0.1:4000\n"


def test_a_lost_attempt_keeps_its_worker_and_the_next_has_its_own() -> None:
    lost = Outcome(kind=OutcomeKind.LOST, message="no answer")
    acts = [Act(where=FIRST, outcome=lost), Act(where=SECOND)]
    rig = Rig(a_plan(a_command("a")), {"a": acts})

    assert rig.run().state is ExecutionState.SUCCESS
    first, second = rig.snapshot.attempts["a"]
    assert first.state is AttemptState.LOST
    assert (first.placement or {})["host"] == "node-1"
    assert (second.placement or {})["host"] == "node-2"


def test_the_record_of_the_running_attempt_is_written_with_the_event() -> None:
    story = Story("a").create().move(ExecutionState.RUNNING).begin("a")
    story.batch()

    story.emit(
        AttemptPlaced(
            at=9, execution_id=story.execution_id, task_id="a", attempt=1, host="n", worker="w"
        )
    )

    [written] = story.batch().changes.attempts
    assert (written.state, written.placement) == (
        AttemptState.RUNNING,
        {"host": "n", "worker": "w"},
    )
