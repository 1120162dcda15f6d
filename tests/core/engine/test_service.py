"""Services: dependents start when one is ready, it ends with the last of them, or they with it."""

from typing import Any

import pytest

from core.domain.mission import Mission, Ready, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.engine.gated_attempt import conditions_of
from core.engine.preparation import probes_of
from core.graph.dag import Graph
from core.launch.selection import select_retry
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from core.ports.control import RequestKind
from core.ports.executor import Job
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan

LONG = Act(seconds=10_000, out=b"starting\n")
UP = Act(seconds=10_000, out=b"listening on 5432\n")
BAD = Act(exit_code=1)


def a_service(step_id: str = "db", *needs: str, **fields: Any) -> Any:
    ready = fields.pop("ready", Ready(log="listening"))
    return a_command(step_id, *needs, service=True, ready=ready, **fields)


def plan(*others: Any, **config: Any) -> Mission:
    return a_plan(a_service(), a_command("migrate", "db"), a_command("test", "migrate"), *others,
                  **config)  # fmt: skip


def test_its_dependents_run_while_it_serves_and_it_ends_with_the_last_of_them() -> None:
    seen: list[Any] = []
    rig = Rig(plan(parallel_limit=1), {"db": UP, "test": Act(seconds=5)})
    ending = rig.run((3.0, lambda r: seen.append((r.reason("db"), r.state("test")))))
    assert ending.state is ExecutionState.SUCCESS
    assert seen == [(Reason.SERVICE_READY, TaskState.RUNNING)], "it holds no slot"
    task = rig.snapshot.tasks["db"]
    assert (task.state, task.reason_code) == (TaskState.SUCCESS, Reason.SERVICE_ENDED)
    assert rig.snapshot.attempts["db"][0].state is AttemptState.SUCCESS
    assert rig.started() == ["db", "migrate", "test"]
    ended, began = rig.snapshot.current.ended_at or 0, rig.snapshot.current.started_at or 0
    assert ended - began < 10e9


def test_without_a_probe_it_is_ready_as_soon_as_it_runs() -> None:
    rig = Rig(a_plan(a_service(ready=None), a_command("test", "db")), {"db": LONG})
    assert rig.run().state is ExecutionState.SUCCESS


def test_one_that_is_not_ready_in_time_fails_and_is_retried_by_its_policy() -> None:
    ready = Ready(log="listening", timeout=20)
    retry = RetryPolicy(max_attempts=2)
    mission = a_plan(a_service(ready=ready, retry=retry), a_command("test", "db"))
    rig = Rig(mission, {"db": [LONG, UP]})
    assert rig.run().state is ExecutionState.SUCCESS
    first = rig.snapshot.attempts["db"][0]
    assert (first.reason_code, first.message) == (
        Reason.TIMEOUT,
        "no line matches `listening` after 20 s",
    )
    rig = Rig(mission, {"db": LONG})
    assert rig.run().state is ExecutionState.FAILED
    assert rig.state("test") is TaskState.SKIPPED


def test_a_script_that_exits_with_0_tells_that_it_is_ready() -> None:
    asked: list[str] = []

    def act(job: Job) -> Act:
        if job.key.endswith("/db/1"):
            return LONG
        if job.key.endswith("/db/1/ready"):
            asked.append(job.env["WHERE"])
            return Act(exit_code=2, err=b"no response\n") if len(asked) < 3 else Act()
        return Act()

    mission = a_plan(
        a_service(ready=Ready(run="pg_isready\n"), env={"WHERE": "here"}), a_command("test", "db")
    )
    rig = Rig(mission, act)
    assert rig.run().state is ExecutionState.SUCCESS
    assert asked == ["here"] * 3
    assert rig.snapshot.tasks["db"].reason_code is Reason.SERVICE_ENDED


def test_a_script_that_never_exits_with_0_says_how_it_ended_last() -> None:
    ready = Ready(run="pg_isready\nexit 2", timeout=20)
    mission = a_plan(a_service(ready=ready), a_command("test", "db"))
    rig = Rig(mission, {"db": LONG, "db/ready": Act(exit_code=2, err=b"no response\n")})
    assert rig.run().state is ExecutionState.FAILED
    first = rig.snapshot.attempts["db"][0]
    assert (first.reason_code, first.message) == (
        Reason.TIMEOUT,
        "`pg_isready …` still exits with 2 after 20 s",
    )
    assert first.error is not None
    assert "no response" in (first.error.stack_trace or "")


def test_the_script_is_shown_to_safety_and_policies() -> None:
    step = a_service(ready=Ready(run="rm -rf /"))
    assert [one.script for one in conditions_of(step, probes_of(step.ready))] == ["rm -rf /"]


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("fail_fast", [True, False])
def test_its_death_fails_what_needs_it_and_nothing_else(code: int, fail_fast: bool) -> None:
    dying = Act(seconds=4, out=UP.out, exit_code=code)
    retry = RetryPolicy(max_attempts=3)
    mission = a_plan(
        a_service(retry=retry), a_command("migrate", "db"), a_command("test", "migrate"),
        a_command("last", "test"), a_command("other"), fail_fast=fail_fast,
    )  # fmt: skip
    rig = Rig(mission, {"db": dying, "test": Act(seconds=60), "other": Act(seconds=60)})
    assert rig.run().state is ExecutionState.FAILED
    assert rig.reason("db") is Reason.SERVICE_DIED
    assert f"exited with {code}" in (rig.snapshot.tasks["db"].message or "")
    assert (rig.state("migrate"), rig.state("test"), rig.state("last")) == (
        TaskState.SUCCESS,
        TaskState.CANCELLED,
        TaskState.SKIPPED,
    )
    assert rig.state("other") is (TaskState.CANCELLED if fail_fast else TaskState.SUCCESS)
    assert len(rig.snapshot.attempts["db"]) == 1, "nothing brings back what was in it"


def test_a_stop_and_a_cancel_end_it() -> None:
    rig = Rig(plan(), {"db": UP, "test": Act(seconds=60)})
    ending = rig.run((3.0, lambda one: one.ask(RequestKind.CANCEL)))
    assert ending.state is ExecutionState.CANCELLED
    assert rig.state("db") is TaskState.CANCELLED


def test_a_new_runner_starts_it_again_before_what_needs_it() -> None:
    rig = Rig(plan(), {"db": UP, "test": Act(seconds=60)})
    assert rig.run_twice(5, 60).state is ExecutionState.SUCCESS
    assert rig.started() == ["db", "migrate", "test", "db", "test"]
    assert [one.state for one in rig.snapshot.attempts["db"]] == [
        AttemptState.LOST,
        AttemptState.SUCCESS,
    ]


def test_a_retry_runs_it_again_for_what_failed() -> None:
    mission = plan()
    rig = Rig(mission, {"db": UP, "test": BAD})
    assert rig.run().state is ExecutionState.FAILED
    assert rig.state("db") is not TaskState.FAILED
    chosen = select_retry(mission, Graph.of(mission), rig.snapshot)
    assert chosen.run == ("db", "test")
    assert set(chosen.reuse) == {"migrate"}


def test_one_that_nothing_needs_is_skipped() -> None:
    mission = a_plan(
        a_command("up"), a_service("db", "up"), a_command("test", "db", "bad"), a_command("bad"),
        fail_fast=False,
    )  # fmt: skip
    rig = Rig(mission, {"up": Act(seconds=5), "bad": BAD})
    rig.run()
    assert (rig.state("db"), rig.reason("db")) == (TaskState.SKIPPED, Reason.SERVICE_ENDED)


def test_what_is_wrong_is_refused_where_it_stands() -> None:
    head = (
        'version: "1.0"\nname: x\nsteps:\n  - {id: t, run: "true", depends_on: s}\n  - id: s\n    '
    )
    for text, code in (
        ("step_type: noop\n    service: true", Code.BAD_VALUE),
        ("run: x\n    ready: {port: 80}", Code.BAD_VALUE),
        ("run: x\n    service: true\n    ready: {port: 99999}", Code.BAD_PARAMETER),
        ("run: x\n    service: true\n    ready: {url: 'ftp://x'}", Code.BAD_PARAMETER),
        ("run: x\n    service: true\n    ready: {}", Code.BAD_VALUE),
        ("run: x\n    service: true\n    ready: {log: '('}", Code.BAD_VALUE),
        ("run: x\n    service: true\n    ready: {run: '{{ execution.id }}'}", Code.SCRIPT_TEMPLATE),
        ("run: x\n    service: true\n    foreach: [1]", Code.BAD_VALUE),
    ):
        (found,) = load_mission(f"{head}{text}\n").diagnostics
        assert found.code is code, found
        assert (found.line or 0) >= 6, found
    alone = load_mission('version: "1.0"\nname: x\nsteps:\n  - {id: s, run: x, service: true}\n')
    assert [found.line for found in alone.diagnostics] == [4]
