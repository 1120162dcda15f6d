"""Why something is in its state, for people: the sentence first, the reason code behind it."""

from typing import NamedTuple

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.explain.failure_line import failure_of

UNREMARKABLE = frozenset(
    reason.value
    for reason in (
        Reason.STARTED,
        Reason.DEPS_MET,
        Reason.ARMED,
        Reason.SLOT_ACQUIRED,
        Reason.EXIT_ZERO,
        Reason.STEP_DONE,
        Reason.ALL_STEPS_DONE,
    )
)
"""Codes of what goes as it should: beside the state they tell a reader nothing."""


class Cause(NamedTuple):
    """A sentence, empty if there is none, and the code, empty if it tells nothing more."""

    sentence: str
    code: str

    def __str__(self) -> str:
        """Return both in one line."""
        return "  ".join(part for part in self if part)


def cause_of(code: str, message: str | None) -> Cause:
    """Return the cause of a state with this reason code and message."""
    sentence = " ".join((message or "").split())
    return Cause(sentence, "" if code in UNREMARKABLE else code)


def cause_of_task(task: TaskRun) -> Cause:
    """Return the cause of a task run's state; of a failure with the decisive line of its output."""
    if task.state is TaskState.FAILED:
        sentence = failure_of(task)
        code = task.reason_code.value
        return Cause("" if sentence == code else sentence, code)
    return cause_of(task.reason_code.value, task.message)
