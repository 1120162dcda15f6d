"""Which executions a prune takes: old ones, never the newest, linked ones together."""

from typing import Any

from core.planning.retention.prune_choice import Candidate, choose


def one(number: int, **fields: Any) -> Candidate:
    usual: dict[str, Any] = {"workflow_id": "w", "ended_at": number, "is_sealed": True}
    return Candidate(execution_id=str(number), **(usual | fields))


def test_what_ended_before_the_instant_goes() -> None:
    assert choose([one(1), one(2), one(3)], ended_before=3, keep=0) == ["1", "2"]


def test_what_has_not_ended_or_is_not_sealed_stays() -> None:
    found = [one(1, ended_at=None, is_sealed=False), one(2, is_sealed=False), one(3)]
    assert choose(found, ended_before=9, keep=0) == ["3"]


def test_the_newest_of_each_workflow_stay() -> None:
    found = [one(1), one(2, workflow_id="v"), one(3), one(4)]
    assert choose(found, ended_before=9, keep=1) == ["1", "3"]
    assert choose(found, ended_before=9, keep=3) == []


def test_sub_missions_do_not_count_as_runs_of_their_mission() -> None:
    found = [one(1), one(2, is_root=False, linked=("1",))]
    assert choose(found, ended_before=9, keep=1) == []
    assert choose([one(3), *found], ended_before=9, keep=1) == ["3"]


def test_linked_executions_go_together_or_not_at_all() -> None:
    found = [one(1), one(2, linked=("1",)), one(3, linked=("2",), ended_at=8), one(4)]
    assert choose(found, ended_before=5, keep=0) == ["4"]
    assert choose(found, ended_before=9, keep=0) == ["1", "2", "3", "4"]


def test_what_holds_the_artifacts_of_a_later_run_stays_with_its_group_while_that_does() -> None:
    found = [one(1), one(2, linked=("1",)), one(3), one(4, uses=("2",)), one(5, uses=("4",))]
    assert choose(found, ended_before=5, keep=0) == ["3"]
    assert choose(found, ended_before=9, keep=0) == ["1", "2", "3", "4", "5"]
    assert choose(found, ended_before=9, keep=1) == ["3"]


def test_a_link_to_what_is_gone_does_not_matter() -> None:
    assert choose([one(2, linked=("gone",))], ended_before=9, keep=0) == ["2"]
