from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from core.domain.mission import Mission, MissionStep, Param
from core.domain.reasons import Reason
from core.domain.records import Attempt, AuditEvent, Execution, TaskRun
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.explain.change import MAX_VALUE_CHARACTERS, Aspect, Change, change_text
from core.explain.execution_changes import (
    RunFacts,
    StepFacts,
    environment_of,
    run_changes,
    step_changes,
)
from tests.core.explain.test_why import an_execution
from tests.support.missions import a_mission, a_step

SECOND_US = 1_000_000


def an_ended_task(task_id: str = "only", seconds: float = 1.0, **fields: Any) -> TaskRun:
    usual = TaskRun(
        execution_id="e",
        task_id=task_id,
        position=0,
        state=TaskState.SUCCESS,
        reason_code=Reason.EXIT_ZERO,
        updated_at=0,
        started_at=0,
        ended_at=1,
        duration_us=round(seconds * SECOND_US),
    )
    return replace(usual, **fields)


def an_attempt(**fields: Any) -> Attempt:
    usual: dict[str, Any] = {
        "execution_id": "e",
        "task_id": "only",
        "attempt": 1,
        "state": AttemptState.SUCCESS,
        "reason_code": Reason.EXIT_ZERO,
        "started_at": 0,
        "ended_at": 1,
        "exit_code": 0,
    }
    return Attempt(**(usual | fields))


def facts(
    step: MissionStep | None = None,
    *,
    mission: dict[str, Any] | None = None,
    attempt: Attempt | None = None,
    task: TaskRun | None = None,
    **fields: Any,
) -> StepFacts:
    return StepFacts(
        execution=fields.pop("execution", an_ended_execution()),
        mission=a_mission(steps=(step or a_step(),), **(mission or {})),
        task=task or an_ended_task(),
        attempt=attempt or an_attempt(),
        **fields,
    )


def an_ended_execution(seconds: float = 1.0, **fields: Any) -> Execution:
    usual = an_execution(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    times = {"started_at": 0, "ended_at": 1, "duration_us": round(seconds * SECOND_US)}
    return replace(usual, **(times | fields))


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.aspect.value, change.name) for change in changes]


def test_two_equal_executions_have_no_differences() -> None:
    assert step_changes(facts(), facts()) == []
    whole = RunFacts(
        execution=an_ended_execution(), mission=a_mission(), tasks={"only": an_ended_task()}
    )
    assert run_changes(whole, whole) == []


def test_every_kind_of_cause_is_named_before_the_outcome() -> None:
    before = facts(
        a_step(timeout_seconds=30.0, parameters={"a": {"x": 1}, "b": 2}),
        mission={"variables": {"region": "eu"}, "params": (Param(name="p", default=1),)},
        attempt=an_attempt(inputs={"a": {"x": 1}}, placement={"host": "one", "worker": "w"}),
        environment={"A": "step", "B": ".env"},
        env_files={".env": "0" * 64},
        execution=an_ended_execution(params={"target": "staging"}),
    )
    after = facts(
        a_step(timeout_seconds=20.0, parameters={"a": {"x": 2}, "c": 3}),
        mission={"variables": {"region": "us"}, "params": (Param(name="p", default=2),)},
        attempt=an_attempt(inputs={"a": {"x": 2}}, placement={"host": "two"}, exit_code=3),
        environment={"A": "step", "C": "secret"},
        env_files={".env": "1" * 64},
        execution=an_ended_execution(
            params={"target": "production"}, mission_digest="d2", working_dir="/srv"
        ),
        task=an_ended_task(seconds=9.0),
    )
    assert told(step_changes(before, after)) == [
        ("file", ""),
        ("definition", "timeout_seconds"),
        ("definition", "parameters.a.x"),
        ("definition", "parameters.b"),
        ("definition", "parameters.c"),
        ("definition", "variables.region"),
        ("definition", "params.p.default"),
        ("parameter", "target"),
        ("environment", "B"),
        ("environment", "C"),
        ("environment", ".env"),
        ("place", "working_dir"),
        ("place", "host"),
        ("input", "a.x"),
        ("exit", ""),
        ("duration", ""),
    ]


def test_what_a_step_has_not_got_to_is_no_difference() -> None:
    ran = facts(attempt=an_attempt(inputs={"a": 1}), environment={"A": "step"})
    waits = StepFacts(
        execution=ran.execution,
        mission=ran.mission,
        task=an_ended_task(state=TaskState.PENDING, started_at=None, ended_at=None),
    )
    assert step_changes(ran, waits) == []
    runs = replace(waits, attempt=an_attempt(inputs={"a": 1}, ended_at=None, exit_code=None))
    assert told(step_changes(ran, runs)) == [("environment", "A")]


def test_a_variable_of_the_definition_is_told_once() -> None:
    before = facts(a_step(env={"MODE": "a"}), environment={"MODE": "step"})
    after = facts(a_step(env={}), environment={})
    assert told(step_changes(before, after)) == [("definition", "env.MODE")]


def test_a_mission_that_can_no_longer_be_read_is_compared_by_its_digest() -> None:
    before = replace(facts(a_step(timeout_seconds=1.0)), mission=None)
    after = facts(execution=an_ended_execution(mission_digest="d2"))
    assert told(step_changes(before, after)) == [("file", "")]


@pytest.mark.parametrize(
    ("before", "after", "is_notable"),
    [(10.0, 14.0, False), (10.0, 16.0, True), (0.01, 0.9, False), (60.0, 5.0, True)],
)
def test_only_a_notable_difference_of_durations_counts(
    before: float, after: float, is_notable: bool
) -> None:
    changes = step_changes(
        facts(task=an_ended_task(seconds=before)), facts(task=an_ended_task(seconds=after))
    )
    assert bool(changes) is is_notable


def test_runs_are_compared_step_by_step() -> None:
    before = RunFacts(
        execution=an_ended_execution(),
        mission=a_mission(steps=(a_step("a"), a_step("b"), a_step("gone"))),
        tasks={"a": an_ended_task("a"), "b": an_ended_task("b"), "gone": an_ended_task("gone")},
    )
    failed = an_ended_task("a", 5.0, state=TaskState.FAILED)
    reused = an_ended_task("b", 5.0, reused_from="x")
    after = RunFacts(
        execution=an_ended_execution(9.0, state=ExecutionState.FAILED),
        mission=a_mission(steps=(a_step("a", when="true"), a_step("b"), a_step("new"))),
        tasks={"a": failed, "b": reused, "new": an_ended_task("new")},
    )
    found = [(one.aspect.value, one.task_id, one.name) for one in run_changes(before, after)]
    assert found == [
        ("definition", "a", "when"),
        ("definition", "new", ""),
        ("definition", "gone", ""),
        ("outcome", None, ""),
        ("duration", None, ""),
        ("outcome", "a", ""),
        ("duration", "a", ""),
    ]


def test_an_environment_is_known_by_names_and_origins_alone() -> None:
    mission: Mission = a_mission(
        steps=(a_step(env={"A": "1", "X": "s"}, secrets=("TOKEN",)),), env={"M": "m", "X": "m"}
    )
    started = {"env_files": [{"path": "all.env", "sha256": "0" * 64, "names": ["F", "X"]}]}
    read = {"attempt": 1, "files": [{"path": "my.env", "sha256": "1" * 64, "names": ["F"]}]}
    events = [an_event("engine.started", started), an_event("env.read", read)]
    origins, files = environment_of(mission, an_ended_task(), events)
    assert origins == {
        "F": "my.env", "M": "mission", "A": "step", "X": "step", "TOKEN": "secret",
    }  # fmt: skip
    assert files == {"all.env": "0" * 64, "my.env": "1" * 64}
    broken = [an_event("env.read", {"files": [{"path": 1}]}), an_event("env.read", {"files": 3})]
    assert environment_of(None, an_ended_task(), broken) == ({}, {})


def an_event(kind: str, details: dict[str, Any]) -> AuditEvent:
    return AuditEvent(
        seq=1,
        event_id="",
        timestamp=0,
        event_type=kind,
        actor="engine",
        target="",
        details=details,
        hash="",
        previous_hash="",
    )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"aspect": Aspect.PARAMETER, "name": "p", "before": 1, "after": "x"},
         "parameter `p`: 1 → x"),
        ({"aspect": Aspect.DEFINITION, "name": "env.A", "after": {"a": [1, None]}},
         'definition `env.A`: new: {"a":[1,null]}'),
        ({"aspect": Aspect.ENVIRONMENT, "name": "A", "before": "step"},
         "environment `A`: gone, was step"),
        ({"aspect": Aspect.DURATION, "before": 1.0, "after": 90.0}, "duration: 1s → 1m30s"),
        ({"aspect": Aspect.FILE, "before": "0" * 64, "after": "1" * 64},
         "mission file: sha256 000000000000… → sha256 111111111111…"),
        ({"aspect": Aspect.INPUT, "name": "a", "before": "", "after": "b"}, 'input `a`: "" → b'),
    ],
)  # fmt: skip
def test_a_change_is_told_in_one_line(fields: dict[str, Any], text: str) -> None:
    assert change_text(Change(**fields)) == text


def test_of_long_texts_the_first_difference_is_shown() -> None:
    same = "x" * 500
    change = Change(aspect=Aspect.INPUT, name="s", before=f"{same}a{same}", after=f"{same}b{same}")
    text = change_text(change)
    assert "a" in text.partition("→")[0]
    assert "b" in text.partition("→")[2]
    assert len(text) < 3 * MAX_VALUE_CHARACTERS
    assert change.to_json()["before"] == change.before
    assert "after" not in Change(aspect=Aspect.INPUT, before=1, after=UNSET).to_json()
