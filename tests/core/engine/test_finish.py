"""A `finish` step ends a mission early and successfully: what has started goes on."""

from core.domain.mission import Mission, RetryPolicy
from core.domain.reasons import Reason
from core.domain.states import ExecutionState, OverallStatus, TaskState
from core.graph.dag import Graph
from core.launch.selection import select_retry
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

BAD = Act(exit_code=1)


def finishing(*others: object, **config: object) -> Mission:
    done = a_step("done", "look", step_type="finish", parameters={"message": "nothing is new"})
    return a_plan(a_command("look"), done, *others, **config)  # type: ignore[arg-type] # steps


def test_what_has_not_started_is_skipped_and_the_mission_is_a_success() -> None:
    rig = Rig(finishing(a_command("after", "done"), a_command("last", "long"), a_command("long")),
              {"long": Act(seconds=9)})  # fmt: skip
    ending = rig.run()
    assert (ending.state, ending.reason) == (ExecutionState.SUCCESS, Reason.FINISHED)
    assert ending.message == "`done` finished the mission: nothing is new"
    assert rig.state("long") is TaskState.SUCCESS, "what runs goes on to its end"
    for step in ("after", "last"):
        assert (rig.state(step), rig.reason(step)) == (TaskState.SKIPPED, Reason.FINISHED)
    assert rig.result().overall_status is OverallStatus.SUCCESS


def test_what_has_started_keeps_its_retries_and_its_items() -> None:
    other = a_command("flaky", retry=RetryPolicy(max_attempts=2))
    many = a_command("many", foreach=[1, 2, 3], max_parallel=1)
    rig = Rig(
        finishing(other, many),
        {"look": Act(seconds=1), "flaky": [Act(seconds=2, exit_code=1), Act()],
         "many": Act(seconds=5)},
    )  # fmt: skip
    assert rig.run().state is ExecutionState.SUCCESS
    assert rig.state("flaky") is TaskState.SUCCESS
    assert [rig.state(f"many[{n}]") for n in range(3)] == [TaskState.SUCCESS] * 3


def test_a_failure_of_what_runs_still_fails_and_a_retry_runs_that_alone() -> None:
    mission = finishing(a_command("after", "done"), a_command("long"), fail_fast=False)
    rig = Rig(mission, {"long": Act(seconds=9, exit_code=1)})
    assert rig.run().state is ExecutionState.FAILED
    chosen = select_retry(mission, Graph.of(mission), rig.snapshot)
    assert chosen.run == ("long",)
    assert set(chosen.reuse) == {"look", "done"}
    assert chosen.finished == chosen.unselected == {"after"}


def test_a_new_runner_remembers_that_the_mission_was_finished() -> None:
    rig = Rig(finishing(a_command("early"), a_command("long"), a_command("last", "long")),
              {"long": Act(seconds=9)})  # fmt: skip
    assert rig.run_twice(5, 60).reason is Reason.FINISHED
    assert rig.state("long") is TaskState.SUCCESS
    assert rig.state("last") is TaskState.SKIPPED


def test_a_handler_has_nothing_to_finish() -> None:
    loaded = load_mission(
        'version: "1.0"\nname: x\nsteps: [{id: a, run: "true"}]\n'
        "handlers: {always: [{id: f, step_type: finish}]}\n"
    )
    assert [found.code for found in loaded.diagnostics] == [Code.BAD_VALUE]
    assert loaded.diagnostics[0].line == 4
