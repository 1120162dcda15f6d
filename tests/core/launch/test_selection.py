"""Parts of a mission: --only, --target, --skip, --resume-from, and what a retry covers."""

import pytest

from core.domain.mission import Mission
from core.errors import ConflictError, NotFoundError
from core.graph.dag import Graph
from core.launch.selection import attempt_base, select, select_from, select_retry
from tests.support.simulation import Simulation, a_plan, a_step

DIAMOND = a_plan(
    a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "b", "c"), fail_fast=False
)


def ended(mission: Mission, *fails: str) -> Simulation:
    simulation = Simulation(mission, fails=set(fails).__contains__)
    ending = simulation.run()
    from core.domain.events import ExecutionStateChanged

    simulation.emit(
        ExecutionStateChanged(
            at=simulation.tick(),
            execution_id=simulation.snapshot.current.execution_id,
            from_state=simulation.snapshot.current.state,
            to_state=ending.state,
            reason_code=ending.reason,
        )
    )
    return simulation


def test_only_leaves_everything_else_out() -> None:
    assert select(DIAMOND, only=["b", "d"]) == {"a", "c"}


def test_a_target_is_run_with_all_that_it_depends_on() -> None:
    assert select(DIAMOND, targets=["b"]) == {"c", "d"}
    assert select(DIAMOND, targets=["b", "c"]) == {"d"}
    assert select(DIAMOND, targets=["d"], skip=["c"]) == {"c"}
    assert select(DIAMOND, targets=["a"], only=["d"]) == {"b", "c"}


def test_skip_leaves_those_out() -> None:
    assert select(DIAMOND, skip=["c"]) == {"c"}
    assert select(DIAMOND, only=["b", "c"], skip=["c"]) == {"a", "c", "d"}


def test_an_unknown_step_is_named_with_what_was_meant() -> None:
    with pytest.raises(NotFoundError) as caught:
        select(a_plan(a_step("build")), only=["biuld"])
    assert "`build`" in (caught.value.hint or "")


def test_resume_from_runs_the_step_and_what_depends_on_it_and_reuses_the_rest() -> None:
    earlier = ended(DIAMOND)
    chosen = select_from(DIAMOND, Graph.of(DIAMOND), "b", earlier.snapshot)
    assert chosen.run == ("b", "d")
    assert set(chosen.reuse) == {"a", "c"}
    assert not chosen.unselected


def test_resume_from_without_an_earlier_run_leaves_the_rest_out() -> None:
    chosen = select_from(DIAMOND, Graph.of(DIAMOND), "b", None)
    assert chosen.unselected == {"a", "c"}


def test_a_retry_covers_what_did_not_succeed() -> None:
    earlier = ended(DIAMOND, "b")
    chosen = select_retry(DIAMOND, Graph.of(DIAMOND), earlier.snapshot)
    assert chosen.run == ("b", "d")
    assert set(chosen.reuse) == {"a", "c"}
    assert attempt_base(earlier.snapshot, chosen.run) == {"b": 1}


def test_a_retry_of_one_step_leaves_what_did_not_succeed_out() -> None:
    earlier = ended(DIAMOND, "b")
    chosen = select_retry(DIAMOND, Graph.of(DIAMOND), earlier.snapshot, steps=["b"])
    assert (chosen.run, chosen.unselected) == (("b",), frozenset({"d"}))


def test_a_retry_with_downstream_runs_what_succeeded_below_it_again() -> None:
    earlier = ended(DIAMOND)
    chosen = select_retry(
        DIAMOND, Graph.of(DIAMOND), earlier.snapshot, steps=["c"], downstream=True
    )
    assert chosen.run == ("c", "d")


def test_nothing_to_retry_is_a_conflict() -> None:
    with pytest.raises(ConflictError, match="every step succeeded"):
        select_retry(DIAMOND, Graph.of(DIAMOND), ended(DIAMOND).snapshot)


def test_an_execution_that_has_not_ended_cannot_be_retried_as_a_new_one() -> None:
    simulation = Simulation(DIAMOND)
    with pytest.raises(ConflictError, match="has not ended"):
        select_retry(DIAMOND, Graph.of(DIAMOND), simulation.snapshot)
