"""The cause of a state: the sentence first, the code behind it, and no code that says nothing."""

import pytest

from core.domain.reasons import Reason
from core.domain.records import TaskError, TaskRun
from core.domain.states import TaskState
from tui.words.cause import UNREMARKABLE, Cause, cause_of, cause_of_task


def a_task(
    state: TaskState, reason: Reason, message: str | None, error: TaskError | None
) -> TaskRun:
    return TaskRun(
        execution_id="E",
        task_id="a",
        position=0,
        state=state,
        reason_code=reason,
        message=message,
        error=error,
        updated_at=0,
    )


ERROR = TaskError(
    kind="ExitCode", message="exit code 3", exit_code=3, stack_trace="ValueError: why\nbye"
)


@pytest.mark.parametrize(
    ("reason", "message", "told"),
    [
        (Reason.EXIT_NONZERO, "exit code 3", "exit 3: ValueError: why  EXIT_NONZERO"),
        (
            Reason.RETRIES_EXHAUSTED,
            "2 of 2 attempts failed; last: exit code 3 (EXIT_NONZERO)",
            "exit 3: ValueError: why (2 of 2 attempts failed)  RETRIES_EXHAUSTED",
        ),
        (Reason.TIMEOUT, "timed out after 1 s", "timed out after 1 s: ValueError: why  TIMEOUT"),
    ],
)
def test_a_failure_leads_with_the_line_that_matters(
    reason: Reason, message: str, told: str
) -> None:
    assert str(cause_of_task(a_task(TaskState.FAILED, reason, message, ERROR))) == told


def test_a_failure_without_words_has_its_code_once() -> None:
    task = a_task(TaskState.FAILED, Reason.REJECTED, None, None)
    assert cause_of_task(task) == Cause("", "REJECTED")


def test_what_goes_as_it_should_needs_no_code() -> None:
    for code in UNREMARKABLE:
        assert str(cause_of(code, None)) == ""
    assert str(cause_of("APPROVED", "by\nann")) == "by ann  APPROVED"
