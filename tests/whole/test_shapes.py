"""The JSON other programs rely on: names and kinds, exactly."""

from core.domain.reasons import Reason
from core.domain.records import (
    Attempt,
    AuditEvent,
    EntityKind,
    Execution,
    LogEntry,
    LogLevel,
    LogStream,
    MissionResult,
    StateChange,
    StepResult,
    TaskError,
    TaskRun,
)
from core.domain.states import AttemptState, ExecutionState, OverallStatus, StepStatus, TaskState
from core.errors import AmbiguousError, MissionInvalidError
from tui.output import json_shapes

AT = 1_737_374_782_001_002_003
TEXT = "2025-01-20T12:06:22.001002003Z"
ID = "01948383-0000-7000-8000-000000000001"

EXECUTION = Execution(
    execution_id=ID,
    workflow_id="w",
    mission_name="release",
    mission_digest="00",
    state=ExecutionState.FAILED,
    reason_code=Reason.STEP_FAILED,
    created_at=AT,
    started_at=AT,
    ended_at=AT + 1_500_000,
    updated_at=AT,
    actor="ada@host",
    log_entry_count=7,
    counts={"FAILED": 1},
)
TASK = TaskRun(
    execution_id=ID,
    task_id="build",
    position=0,
    state=TaskState.FAILED,
    reason_code=Reason.EXIT_NONZERO,
    updated_at=AT,
    attempt=1,
    started_at=AT,
    ended_at=AT + 2_000_000,
    inputs={"command": "make"},
    outputs={"exit_code": 2},
    error=TaskError(message="exit 2", kind="ProcessFailed", stack_trace="no rule", exit_code=2),
)
ATTEMPT = Attempt(
    execution_id=ID,
    task_id="build",
    attempt=1,
    state=AttemptState.FAILED,
    reason_code=Reason.EXIT_NONZERO,
    started_at=AT,
    ended_at=AT + 2_000_000,
    exit_code=2,
    log_entry_count=7,
)
CHANGE = StateChange(
    seq=9,
    at=AT,
    entity=EntityKind.TASK_RUN,
    execution_id=ID,
    task_id="build",
    attempt=None,
    from_state="RUNNING",
    to_state="FAILED",
    reason_code="EXIT_NONZERO",
    message=None,
    actor="engine",
)
EVENT = AuditEvent(
    seq=9,
    event_id="01948383-0000-7000-8000-000000000009",
    timestamp=AT,
    event_type="step.state_changed",
    actor="engine",
    target="step/build",
    details={"from": "RUNNING", "to": "FAILED", "reason_code": "EXIT_NONZERO", "message": "x"},
    hash="aa",
    previous_hash="bb",
    execution_id=ID,
)


def test_an_execution_has_the_fields_of_the_list() -> None:
    found = json_shapes.execution(EXECUTION)
    wanted = (
        "execution_id workflow_id mission_name state reason_code created_at started_at ended_at"
        " updated_at log_entry_count counts actor"
    )
    assert set(wanted.split()) <= set(found)
    assert found["state"] == "FAILED"
    assert found["created_at"] == TEXT
    assert found["duration_ms"] == 1.5
    assert found["counts"] == {"FAILED": 1}


def test_a_task_run_has_inputs_outputs_error_attempts_and_history() -> None:
    found = json_shapes.execution_detail(EXECUTION, [TASK], [ATTEMPT], [CHANGE], [EVENT])
    (task,) = found["task_runs"]
    assert task["task_run_id"] == TASK.task_run_id
    assert task["execution_id"] == ID
    assert task["inputs"] == {"command": "make"}
    assert task["outputs"] == {"exit_code": 2}
    assert task["error"] == {
        "message": "exit 2",
        "kind": "ProcessFailed",
        "stack_trace": "no rule",
        "exit_code": 2,
    }
    assert task["duration_ms"] == 2.0
    (attempt,) = task["attempts"]
    wanted = "attempt state reason_code started_at ended_at duration_ms exit_code log_entry_count"
    assert set(wanted.split()) <= set(attempt)
    (change,) = task["state_changes"]
    assert (change["seq"], change["from_state"], change["to_state"]) == (9, "RUNNING", "FAILED")
    assert found["audit_events"][0]["hash"] == "aa"


def test_an_event_leaves_out_what_does_not_apply() -> None:
    assert json_shapes.event(EVENT) == {
        "v": 1,
        "seq": 9,
        "ts": TEXT,
        "type": "step.state_changed",
        "execution_id": ID,
        "task_id": "build",
        "from_state": "RUNNING",
        "state": "FAILED",
        "reason_code": "EXIT_NONZERO",
        "message": "x",
        "actor": "engine",
    }


def test_the_step_of_an_event_is_read_from_its_target() -> None:
    def event(target: str) -> AuditEvent:
        return AuditEvent(
            seq=1,
            event_id="i",
            timestamp=AT,
            event_type="t",
            actor="a",
            target=target,
            details={},
            hash="",
            previous_hash="",
        )

    assert json_shapes.task_of(event("step/a.b-c")) == "a.b-c"
    assert json_shapes.task_of(event("attempt/3/fetch[0]")) == "fetch[0]"
    assert json_shapes.task_of(event("execution/x")) is None
    assert json_shapes.task_of(event("log/x")) is None


def test_a_log_entry_has_exactly_the_fields_of_the_stream() -> None:
    entry = LogEntry(
        execution_id=ID,
        task_id="build",
        attempt=1,
        seq=3,
        timestamp=AT,
        level=LogLevel.WARN,
        source="process",
        stream=LogStream.STDERR,
        message="no rule",
    )
    assert json_shapes.log_entry(entry) == {
        "execution_id": ID,
        "task_id": "build",
        "attempt": 1,
        "seq": 3,
        "timestamp": TEXT,
        "level": "WARN",
        "source": "process",
        "stream": "err",
        "message": "no rule",
    }


def test_a_result_is_the_result_schema_and_then_ours() -> None:
    def step(status: StepStatus, state: TaskState, error: str | None) -> StepResult:
        return StepResult(
            step_id="s",
            status=status,
            output={"k": 1},
            error=error,
            duration_ms=2.5,
            timestamp=AT,
            state=state,
            reason_code=Reason.EXIT_ZERO,
            attempts=1,
        )

    result = MissionResult(
        mission_id=ID,
        workflow_id="w",
        overall_status=OverallStatus.PARTIAL,
        state=ExecutionState.FAILED,
        reason_code=Reason.STEP_FAILED,
        start_time=AT,
        end_time=AT + 3_000_000,
        step_results={
            "a": step(StepStatus.COMPLETED, TaskState.SUCCESS, None),
            "b": step(StepStatus.FAILED, TaskState.FAILED, "exit 2"),
        },
        steps_completed=1,
        steps_failed=1,
        steps_skipped=0,
        events_logged=12,
        integrity_verified=True,
    )
    found = json_shapes.result(result)
    assert list(found)[:5] == [
        "mission_id",
        "overall_status",
        "start_time",
        "end_time",
        "total_duration_ms",
    ]
    assert found["overall_status"] == "Partial"
    assert found["total_duration_ms"] == 3.0
    assert found["audit_summary"] == {"events_logged": 12, "integrity_verified": True}
    assert found["execution_id"] == found["mission_id"] == ID
    done, failed = found["step_results"].values()
    assert done == {
        "status": "Completed",
        "output": {"k": 1},
        "duration_ms": 2.5,
        "timestamp": TEXT,
        "state": "SUCCESS",
        "reason_code": "EXIT_ZERO",
        "attempts": 1,
    }
    assert failed["status"] == "Failed"
    assert failed["error"] == "exit 2"


def test_an_error_is_code_message_and_hint() -> None:
    found = json_shapes.failure(AmbiguousError("two fit", hint="give more of it"))
    assert found == {
        "error": {"code": "AMBIGUOUS", "message": "two fit", "hint": "give more of it"}
    }
    assert json_shapes.failure(MissionInvalidError("no"))["error"]["hint"] is None
