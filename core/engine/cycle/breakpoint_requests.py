"""Breakpoints of a running execution: setting and clearing them, and the pause at one.

An execution pauses once at a breakpoint: reaching it uses it up, in the commit of the pause. So a
resume, also by a new runner, goes on with the step.
"""

from collections.abc import Container

from core.domain.events import AttemptDisarmed, BreakpointChange, BreakpointChanged
from core.domain.reasons import Reason
from core.domain.state_word import breakpoint_message
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.engine.engine_recorder import EngineRecorder
from core.planning.planner import Planner
from core.ports.control import Request, RequestKind


def pause_before(recorder: EngineRecorder, step_id: str) -> None:
    """Record that the execution pauses at the breakpoint before a step."""
    execution = recorder.snapshot.current
    recorder.emit(
        BreakpointChanged(
            at=recorder.now(),
            execution_id=execution.execution_id,
            task_id=step_id,
            change=BreakpointChange.REACHED,
        )
    )
    recorder.move(ExecutionState.PAUSED, Reason.BREAKPOINT, breakpoint_message(step_id))


def change_breakpoint(
    request: Request, recorder: EngineRecorder, planner: Planner, handlers: Container[str]
) -> str | None:
    """Set or clear the breakpoint before a step as requested; return why not, None when done."""
    snapshot, step_id = recorder.snapshot, request.task_id or ""
    is_set = request.kind is RequestKind.SET_BREAKPOINT
    task = snapshot.tasks.get(step_id)
    if task is None:
        return "there is no such step"
    if planner.has_breakpoint(step_id) is is_set:
        return "the step has a breakpoint already" if is_set else "the step has no breakpoint"
    if is_set and step_id in handlers:
        return "handlers have no breakpoints"
    if is_set and task.parent_task_id is not None:
        return "it is an item: a breakpoint stands before its whole step"
    if is_set and is_terminal(task.state):
        return "the step has ended"
    if is_set and (task.state is TaskState.RUNNING or step_id in planner.running):
        return "the step has started"
    at = recorder.now()
    if task.is_armed and is_set:
        recorder.emit(
            AttemptDisarmed(
                at=at,
                execution_id=task.execution_id,
                task_id=step_id,
                attempt=task.attempt + 1,
                message="it was not started",
            )
        )
    recorder.emit(
        BreakpointChanged(
            at=at,
            execution_id=task.execution_id,
            actor=request.actor,
            task_id=step_id,
            change=BreakpointChange.SET if is_set else BreakpointChange.CLEARED,
        )
    )
    return None
