"""The step that `mission approve EXEC` means, and where to look when it is in a sub-mission."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from core.errors import AmbiguousError, ConflictError
from core.operations.waiting_approval import waiting_approval
from core.ports.execution_query import ExecutionQuery

PARENT = Execution(
    execution_id="p",
    workflow_id="w",
    mission_name="parent",
    mission_digest="d",
    run_number=1,
    state=ExecutionState.RUNNING,
    reason_code=Reason.STARTED,
    created_at=0,
    updated_at=0,
    actor="a@b",
)
CHILD = replace(PARENT, execution_id="c", mission_name="child", parent_execution_id="p")
GRANDCHILD = replace(CHILD, execution_id="g", mission_name="grandchild", parent_execution_id="c")


class Records:
    """The waiting steps of executions, by their ids."""

    def __init__(self, **waiting: list[str]) -> None:
        self._waiting = waiting

    def task_states(self, execution_id: str) -> tuple[int, list[TaskRun]]:
        return 0, [
            TaskRun(
                execution_id=execution_id,
                task_id=name,
                position=0,
                state=TaskState.WAITING,
                reason_code=Reason.AWAITING_APPROVAL,
                updated_at=0,
            )
            for name in self._waiting.get(execution_id, [])
        ]

    def executions(self, query: ExecutionQuery) -> list[Execution]:
        return [one for one in (CHILD, GRANDCHILD) if one.parent_execution_id == query.parent]


def found(**waiting: list[str]) -> str:
    records: Any = Records(**waiting)
    return waiting_approval(records, PARENT)


def test_the_only_step_that_waits_is_meant() -> None:
    assert found(p=["gate"], g=["other"]) == "gate"
    with pytest.raises(AmbiguousError):
        found(p=["gate", "gate2"])


def test_a_step_of_a_sub_mission_is_named_in_the_hint() -> None:
    with pytest.raises(ConflictError) as caught:
        found(g=["ask"])
    assert "`grandchild#1`" in (caught.value.hint or "")
    with pytest.raises(ConflictError) as caught:
        found()
    assert "mission why" in (caught.value.hint or "")
