"""Decides whether a step with `repeat` is done when an attempt has succeeded."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from core.domain.mission import Repeat
from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import AttemptState, TaskState
from core.expression.condition import ConditionError, decide, without_braces


class Repetition(Struct, frozen=True, kw_only=True):
    """What becomes of a step: SUCCESS or FAILED, or WAITING for `pause` seconds."""

    state: TaskState
    reason: Reason | None = None
    """None: that of the attempt."""
    message: str | None = None
    pause: float | None = None


def after_success(
    repeat: Repeat, attempts: Sequence[Attempt], scope: Mapping[str, Any], output: Mapping[str, Any]
) -> Repetition:
    """Return what follows from the success of the last of `attempts`, whose result is `output`.

    Counted are the attempts that succeeded, whichever runner made them; after `limit` of them the
    count begins again, for a step that a person retries.
    """
    succeeded = sum(attempt.state is AttemptState.SUCCESS for attempt in attempts)
    number = (succeeded - 1) % repeat.limit + 1
    is_last = number >= repeat.limit
    if repeat.until is None:
        if is_last:
            return Repetition(state=TaskState.SUCCESS, message=f"repeated {number} times")
        return _again(repeat, number, "")
    try:
        is_done = decide(repeat.until, {**scope, "output": output})
    except ConditionError as error:
        return Repetition(
            state=TaskState.FAILED,
            reason=Reason.INVALID_PARAMETERS,
            message=f"repeat.until: {error}",
        )
    until = f"`{without_braces(repeat.until)}`"
    if is_done:
        tried = "" if number == 1 else f" in attempt {number}"
        return Repetition(state=TaskState.SUCCESS, message=f"{until} is true{tried}")
    if is_last:
        message = f"{until} was false after each of {number} attempts"
        return Repetition(state=TaskState.FAILED, reason=Reason.REPEATS_EXHAUSTED, message=message)
    return _again(repeat, number, f": {until} is false")


def _again(repeat: Repeat, number: int, why: str) -> Repetition:
    message = f"repetition {number + 1} of at most {repeat.limit} in {repeat.every:g} s{why}"
    return Repetition(
        state=TaskState.WAITING, reason=Reason.REPEATING, message=message, pause=repeat.every
    )
