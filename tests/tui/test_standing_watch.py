"""What the header of a run says of sub-missions that stand still, at any depth."""

from typing import Any

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState
from core.ports.execution_query import ExecutionQuery
from tui.live.steps.standing_watch import standing_text

KID = Execution(
    execution_id="kid",
    workflow_id="w",
    mission_name="kid",
    mission_digest="d",
    run_number=2,
    parent_execution_id="run",
    state=ExecutionState.RUNNING,
    reason_code=Reason.STARTED,
    created_at=0,
    updated_at=0,
    actor="a@b",
)
GRANDKID = replace(KID, execution_id="grandkid", mission_name="grandkid", parent_execution_id="kid")


class Records:
    """Sub-missions, and the steps that wait for an approval."""

    def __init__(self, *executions: Execution, asking: dict[str, str]) -> None:
        self._executions = executions
        self._asking = asking

    def executions(self, query: ExecutionQuery) -> list[Execution]:
        below = [one for one in self._executions if one.parent_execution_id == query.parent]
        return [one for one in below if one.state in query.states]

    def open_approvals(self, limit: int) -> list[TaskRun]:
        waiting = [
            TaskRun(
                execution_id=execution_id,
                task_id=step,
                position=0,
                state=TaskState.WAITING,
                reason_code=Reason.AWAITING_APPROVAL,
                updated_at=0,
            )
            for execution_id, step in self._asking.items()
        ]
        return waiting[:limit]


def told(*executions: Execution, **asking: str) -> str:
    records: Any = Records(*executions, asking=asking)
    return standing_text(records, "run")


def test_the_first_that_stands_still_is_named_and_the_others_are_counted() -> None:
    paused = replace(
        KID, state=ExecutionState.PAUSED, reason_code=Reason.USER_PAUSED, message="paused by ada"
    )
    queued = replace(GRANDKID, state=ExecutionState.PAUSED, reason_code=Reason.QUEUED, run_number=3)
    assert told(KID, GRANDKID) == ""
    assert told(KID, GRANDKID, grandkid="ok", other="x") == "grandkid#2 waits for approval: ok"
    assert told(paused, GRANDKID) == "kid#2 paused by ada"
    assert told(paused, queued) == "kid#2 paused by ada, and 1 more"
    assert told(KID, queued) == "grandkid#3 waits for its turn"
    ended = replace(GRANDKID, state=ExecutionState.SUCCESS, reason_code=Reason.ALL_STEPS_DONE)
    assert told(KID, ended, grandkid="ok") == ""
