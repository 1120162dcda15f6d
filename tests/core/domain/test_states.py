"""The transition table and the mapping to the result schema, both total."""

import itertools

import pytest

from core.domain.states import (
    TERMINAL,
    TRANSITIONS,
    USER_RETRY,
    AttemptState,
    ExecutionState,
    OverallStatus,
    State,
    StepStatus,
    TaskState,
    check_transition,
    is_terminal,
    overall_status,
    step_status,
)
from core.errors import IllegalTransitionError

KINDS = (ExecutionState, TaskState, AttemptState)


def test_every_transition_stays_within_its_entity() -> None:
    for (source, _), target in TRANSITIONS.items():
        assert type(source) is type(target)


def test_states_of_different_entities_with_equal_names_are_different_keys() -> None:
    assert len({ExecutionState.RUNNING, TaskState.RUNNING, AttemptState.RUNNING}) == 3


def test_terminal_states_are_those_of_the_specification() -> None:
    assert {
        ExecutionState.SUCCESS,
        ExecutionState.FAILED,
        ExecutionState.CANCELLED,
        TaskState.SUCCESS,
        TaskState.FAILED,
        TaskState.SKIPPED,
        TaskState.CANCELLED,
        AttemptState.SUCCESS,
        AttemptState.FAILED,
        AttemptState.CANCELLED,
        AttemptState.LOST,
    } == TERMINAL


def test_only_a_users_retry_leads_out_of_a_terminal_state_and_only_for_task_runs() -> None:
    for source, trigger in TRANSITIONS:
        if is_terminal(source):
            assert trigger in USER_RETRY
            assert isinstance(source, TaskState)


def test_success_of_a_task_run_is_never_reopened() -> None:
    assert not [t for (source, t) in TRANSITIONS if source is TaskState.SUCCESS]


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_reachable_from_the_first(kind: type[State]) -> None:
    first = next(iter(kind))
    reached = {first}
    while True:
        more = {t for (s, _), t in TRANSITIONS.items() if s in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_each_pair_is_either_in_the_table_or_raises(kind: type[State]) -> None:
    allowed = {(source, target) for (source, _), target in TRANSITIONS.items()}
    for source, target in itertools.product(kind, kind):
        if source is target or (source, target) in allowed:
            check_transition(source, target)
        else:
            with pytest.raises(IllegalTransitionError):
                check_transition(source, target)


def test_a_pair_of_states_has_one_trigger() -> None:
    pairs = [(source, target) for (source, _), target in TRANSITIONS.items()]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("state", list(TaskState))
def test_every_task_state_has_a_step_status(state: TaskState, started: bool) -> None:
    expected = {
        TaskState.SUCCESS: StepStatus.COMPLETED,
        TaskState.FAILED: StepStatus.FAILED,
        TaskState.CANCELLED: StepStatus.FAILED if started else StepStatus.SKIPPED,
    }.get(state, StepStatus.SKIPPED)
    assert step_status(state, started=started) is expected


@pytest.mark.parametrize(
    ("failed", "completed", "may_continue", "expected"),
    [
        (0, 3, False, OverallStatus.SUCCESS),
        (0, 0, False, OverallStatus.SUCCESS),
        (1, 2, True, OverallStatus.PARTIAL),
        (1, 2, False, OverallStatus.FAILED),
        (3, 0, True, OverallStatus.FAILED),
    ],
)
def test_overall_status_follows_the_rule(
    failed: int, completed: int, may_continue: bool, expected: OverallStatus
) -> None:
    assert overall_status(failed=failed, completed=completed, may_continue=may_continue) is expected
