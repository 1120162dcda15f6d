"""Attempts for which there is no worker, or no cluster: they wait, count for nothing, and go on."""

from core.domain.events import Noted
from core.domain.mission import RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.engine.settlement import UNPLACEABLE_SECONDS
from core.ports.control import RequestKind
from core.ports.executor import LateEnd, Outcome, OutcomeKind, Placement
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan

NOWHERE = Act(outcome=Outcome(kind=OutcomeKind.UNPLACEABLE, message="no worker has gpu: 1"))
LOST = Act(outcome=Outcome(kind=OutcomeKind.LOST, message="the worker is silent"))
GONE = Act(outcome=Outcome(kind=OutcomeKind.UNREACHABLE, message="the scheduler is gone"))


def test_a_step_waits_until_a_worker_can_hold_it() -> None:
    seen: list[tuple[TaskState, Reason, str | None]] = []
    rig = Rig(a_plan(a_command("a")), {"a": [NOWHERE, NOWHERE, NOWHERE, Act()]})

    def look(rig: Rig) -> None:
        task = rig.snapshot.tasks["a"]
        seen.append((task.state, task.reason_code, task.message))

    assert rig.run((2.0, look)).state is ExecutionState.SUCCESS
    assert seen == [(TaskState.WAITING, Reason.UNPLACEABLE, "no worker has gpu: 1")]


def test_it_fails_in_the_end_and_says_how_long_it_waited() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": NOWHERE})

    assert rig.run().state is ExecutionState.FAILED
    task = rig.snapshot.tasks["a"]
    assert task.reason_code is Reason.UNPLACEABLE
    assert "waited" in (task.message or "")
    assert ((task.ended_at or 0) - (task.started_at or 0)) / 1e9 >= UNPLACEABLE_SECONDS
    assert len(rig.snapshot.attempts["a"]) < 25


def test_waiting_for_a_worker_uses_up_no_attempt() -> None:
    step = a_command("a", retry=RetryPolicy(max_attempts=2))
    rig = Rig(a_plan(step), {"a": [NOWHERE, Act(exit_code=3), NOWHERE, Act()]})

    assert rig.run().state is ExecutionState.SUCCESS


def test_a_step_that_is_not_idempotent_waits_as_well_for_it_never_ran() -> None:
    rig = Rig(a_plan(a_command("a", idempotent=False)), {"a": [NOWHERE, Act()]})

    assert rig.run().state is ExecutionState.SUCCESS


def test_without_a_cluster_the_execution_is_paused_and_goes_on_when_resumed() -> None:
    seen: list[tuple[ExecutionState, Reason, TaskState]] = []
    rig = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": [GONE, GONE, Act()]})

    def look(rig: Rig) -> None:
        current = rig.snapshot.current
        seen.append((current.state, current.reason_code, rig.state("a")))
        rig.ask(RequestKind.RESUME)

    assert rig.run((5.0, look), (50.0, look)).state is ExecutionState.SUCCESS
    assert [one[:2] for one in seen] == [(ExecutionState.PAUSED, Reason.CLUSTER_LOST)] * 2
    states = [attempt.state for attempt in rig.snapshot.attempts["a"]]
    assert states == [AttemptState.LOST, AttemptState.LOST, AttemptState.SUCCESS]


def test_what_runs_elsewhere_meanwhile_ends_while_it_is_paused() -> None:
    rig = Rig(a_plan(a_command("a"), a_command("b")), {"a": [GONE, Act()], "b": Act(seconds=3)})

    ending = rig.run((10.0, lambda rig: rig.ask(RequestKind.RESUME)))

    assert ending.state is ExecutionState.SUCCESS


def test_a_cancel_ends_an_execution_that_waits_for_its_cluster() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": GONE})

    assert rig.run((10.0, lambda rig: rig.ask(RequestKind.CANCEL))).state is (
        ExecutionState.CANCELLED
    )


def test_the_end_of_a_lost_attempt_is_recorded_and_does_not_count() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": [LOST, Act(seconds=2)]})

    def tell(rig: Rig) -> None:
        key = f"{rig.snapshot.current.execution_id}/a/1"
        where = Placement(host="node1", worker="tls://node1:4711")
        rig.executor.late.append(LateEnd(key=key, placement=where, exit_code=0))

    assert rig.run((1.0, tell)).state is ExecutionState.SUCCESS
    [note] = [one for one in rig.seen if isinstance(one, Noted) and one.kind == "attempt.late"]
    assert (note.facts["attempt"], note.facts["host"], note.facts["exit_code"]) == (1, "node1", 0)
    assert [attempt.state for attempt in rig.snapshot.attempts["a"]] == [
        AttemptState.LOST,
        AttemptState.SUCCESS,
    ]
