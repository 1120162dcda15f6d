"""The exit code for the outcome of an execution, the same for every command that reports one.

| the execution | exit code |
|---|---|
| succeeded | 0 |
| failed | 1 |
| was cancelled, stopped by a policy, or failed only because an approval was rejected | 5 |
| lost its runner | 9 |
| is still running or paused | 6 |
"""

from collections.abc import Iterable

from core.domain.reasons import VIOLATIONS, Reason
from core.domain.records import Execution, TaskRun
from core.domain.states import ExecutionState, TaskState, is_terminal

EXIT_LOST = 9
EXIT_GOES_ON = 6


def is_over(execution: Execution) -> bool:
    """Tell whether waiting is pointless: the execution has ended or lost its runner."""
    return is_terminal(execution.state) or execution.reason_code is Reason.RUNNER_LOST


def exit_code(state: ExecutionState, reason: Reason, tasks: Iterable[TaskRun]) -> int:
    """Return the exit code for an execution in `state`, whose task runs are `tasks`."""
    if state is ExecutionState.SUCCESS:
        return 0
    if state is ExecutionState.CANCELLED or reason in VIOLATIONS:
        return 5
    if state is ExecutionState.FAILED:
        failed = {task.reason_code for task in tasks if task.state is TaskState.FAILED}
        return 5 if failed == {Reason.REJECTED} else 1
    return EXIT_LOST if reason is Reason.RUNNER_LOST else EXIT_GOES_ON
