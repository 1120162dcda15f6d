"""Records with a direct constructor are the dataclasses they were."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest

from core.attempt import Ended, Prepared
from core.errors import BugError
from core.events import AttemptEnded, AttemptStarted, Event, TaskStateChanged
from core.model import Attempt, TaskRun
from core.reasons import Reason
from core.states import AttemptState, TaskState
from core.steps.base import StepCall
from core.swift import swift

RECORDS = (
    AttemptEnded,
    AttemptStarted,
    TaskStateChanged,
    TaskRun,
    Attempt,
    Prepared,
    Ended,
    StepCall,
)


def a_run() -> TaskRun:
    return TaskRun(
        execution_id="e", task_id="s", position=3, state=TaskState.READY,
        reason_code=Reason.DEPS_MET, updated_at=7,
    )  # fmt: skip


@pytest.mark.parametrize("record", RECORDS)
def test_the_constructor_takes_the_fields_by_name_with_their_defaults(record: type) -> None:
    parameters = list(signature(record).parameters.values())
    assert [p.name for p in parameters] == [f.name for f in fields(record)]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
    for parameter, found in zip(parameters, fields(record), strict=True):
        default = found.default
        assert parameter.default is (
            parameter.empty if type(default).__name__ == "_MISSING_TYPE" else default
        )


def test_defaults_equality_and_replace_work_as_ever() -> None:
    run = a_run()
    assert (run.message, run.attempt, run.inputs, run.item) == (None, 0, None, None)
    assert run == a_run()
    assert run != replace(run, attempt=1)
    assert replace(run, attempt=1).position == 3
    assert "position=3" in repr(run)


def test_a_record_stays_frozen_and_slotted() -> None:
    run = a_run()
    with pytest.raises(FrozenInstanceError):
        run.attempt = 2  # type: ignore[misc]  # what must not work
    assert not hasattr(run, "__dict__")


def test_slots_of_a_base_class_are_set_too() -> None:
    end = AttemptEnded(
        at=5, execution_id="e", task_id="s", attempt=1, to_state=AttemptState.SUCCESS,
        reason_code=Reason.EXIT_ZERO,
    )  # fmt: skip
    assert isinstance(end, Event)
    assert (end.at, end.execution_id, end.actor, end.task) == (5, "e", "engine", "s")


def test_a_missing_or_unknown_field_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="position"):
        TaskRun(execution_id="e", task_id="s")  # type: ignore[call-arg]  # what must not work
    with pytest.raises(TypeError, match="colour"):
        Ended(task_id="s", attempt=1, outcome=None, colour="red")  # type: ignore[call-arg]  # as above


def test_what_it_cannot_set_is_refused_when_the_class_is_made() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fresh:
        found: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Placed:
        found: int = 0

    for kind in (Fresh, Placed):
        with pytest.raises(BugError, match="found"):
            swift(kind)
