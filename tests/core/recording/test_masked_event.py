"""Events are masked in every field whose content steps and people decide."""

from typing import Any

from core.domain import events
from core.domain.events import AttemptEnded, AttemptStarted, Event, ExecutionCreated, StepExpanded
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import AttemptState
from core.output.masker import Masker
from core.recording.masked_event import FREE_FIELDS, OTHER_FIELDS, mask_event

VALUE = "sesame-open"
MASKER = Masker({"CANARY": VALUE.encode(), "NUMBER": b"8675309123"})


def ended(**fields: Any) -> AttemptEnded:
    common = {"at": 1, "execution_id": "e", "task_id": "t", "attempt": 1}
    end = {"to_state": AttemptState.FAILED, "reason_code": Reason.STEP_ERROR}
    return AttemptEnded(**{**common, **end, **fields})


def test_every_field_of_every_event_is_masked_or_known_not_to_be() -> None:
    kinds = [
        one for one in vars(events).values() if isinstance(one, type) and issubclass(one, Event)
    ]
    found = {name for kind in kinds for name in kind.__struct_fields__}
    assert found == FREE_FIELDS | OTHER_FIELDS
    assert not FREE_FIELDS & OTHER_FIELDS


def test_texts_keys_numbers_and_errors_are_masked_and_counted() -> None:
    event = ended(
        message=f"it said {VALUE}",
        outputs={"a": [VALUE, {"b": (VALUE,)}], f"k{VALUE}": 8675309123, "n": 12},
        error=TaskError(message=VALUE, kind="ExitCode", stack_trace=f"1\n{VALUE}\n2"),
        redactions={"CANARY": 2},
    )
    masked = mask_event(event, MASKER)
    assert isinstance(masked, AttemptEnded)
    assert masked.message == "it said ***"
    assert masked.outputs == {"a": ["***", {"b": ["***"]}], "k***": "***", "n": 12}
    assert masked.error == TaskError(message="***", kind="ExitCode", stack_trace="1\n***\n2")
    assert masked.redactions == {"CANARY": 8, "NUMBER": 1}
    assert masked.details()["redactions"] == {"CANARY": 8, "NUMBER": 1}


def test_items_stay_a_tuple_and_inputs_and_params_are_masked() -> None:
    common: dict[str, Any] = {"at": 1, "execution_id": "e"}
    expanded = mask_event(StepExpanded(**common, task_id="t", items=(VALUE, 1)), MASKER)
    assert isinstance(expanded, StepExpanded)
    assert expanded.items == ("***", 1)
    started = mask_event(
        AttemptStarted(**common, task_id="t", attempt=1, inputs={"x": VALUE}), MASKER
    )
    assert isinstance(started, AttemptStarted)
    assert started.inputs == {"x": "***"}
    created = mask_event(
        ExecutionCreated(
            **common, workflow_id="w", mission_name="m", mission_digest="d", step_ids=(),
            params={"p": VALUE},
        ),
        MASKER,
    )  # fmt: skip
    assert isinstance(created, ExecutionCreated)
    assert created.params == {"p": "***"}


def test_an_event_without_a_secret_is_the_same_object() -> None:
    event = ended(message="nothing here", outputs={"a": 1})
    assert mask_event(event, MASKER) is event


def test_the_beginning_that_a_shortened_text_keeps_of_a_secret_is_masked() -> None:
    for cut in (VALUE[:8], VALUE[:8] + "…"):
        masked = mask_event(ended(message=f"said {cut}"), MASKER)
        assert isinstance(masked, AttemptEnded)
        assert (masked.message or "").rstrip("…") == "said ***"
    same = ended(message=f"said {VALUE[:7]}")
    assert mask_event(same, MASKER) is same
