"""A failure in one line."""

from core.domain.process_policy import LIMIT_EXCEEDED
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.explain.failure_line import failure_text


def test_a_limit_that_ended_a_step_is_told_instead_of_its_last_line() -> None:
    message = "exit code 3; the kernel refused it more than 4 processes (limits.processes)"
    error = TaskError(
        message=message, kind=LIMIT_EXCEEDED, stack_trace="fork: retry: no child", exit_code=3
    )
    assert failure_text(Reason.EXIT_NONZERO, message, error) == message
