"""`mission why`."""

from msgspec.structs import replace

from core.domain.item_label import step_title
from core.domain.records import Attempt, Execution
from core.domain.states import is_terminal
from core.explain.execution_facts import ExecutionFacts
from core.explain.why import explain, explain_execution
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with, standing_below
from core.operations.history.last_success import last_success
from core.operations.history.outdated_text import changes_before_start
from core.operations.recorded_mission import mission_of
from core.ports.reader import Reader
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import (
    execution_argument,
    find_execution,
    find_step,
    label_of,
    step_argument,
)
from tui.output import json_shapes
from tui.output.json_shapes import last_success_json, reference_of
from tui.words.last_success_text import NO_CHANGE, last_success_lines
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line


@declare("why")
@execution_argument
@step_argument(required=False)
def command(invocation: Invocation, execution: str, step: str | None) -> None:
    """Explain the state of STEP of EXEC with its chain of causes; without STEP, that of EXEC.

    A step of a group or sub-mission is STEP/STEP.

    Of a step it also says when it last succeeded in an earlier run of the mission, how long it
    usually takes, and what has changed since: the mission file, the step's definition, parameters,
    names in its environment, its inputs, and the files of steps before it that declare them.
    """
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        if step is not None:
            found, step = find_step(reader, found, step)
        task = None if step is None else reader.task_run(found.execution_id, step)
        facts = _scene(invocation, reader, found)
        earlier = None if task is None else last_success(reader, found, task, facts.mission)
        if task is not None:
            events = reader.step_events(found.execution_id, task.task_id)
            facts = replace(facts, outdated=changes_before_start(events))
        label = label_of(reader, found)
    told = explain_execution(facts) if task is None else explain(task.task_id, facts)
    attempts = () if task is None else facts.attempts.get(task.task_id, ())
    place = json_shapes.place(attempts[-1]) if attempts else {}
    console = invocation.console
    if invocation.json:
        console.out_json(
            {
                "execution_id": found.execution_id,
                "reference": reference_of(found),
                "task_id": None if task is None else task.task_id,
                "state": (found if task is None else task).state.value,
                "reason_code": (found if task is None else task).reason_code.value,
                "explanation": told,
                "last_success": None if earlier is None else last_success_json(earlier),
                **place,
            }
        )
        return
    name = label if task is None else f"{safe_line(step_title(task))} of {label}"
    first, *causes = [safe_line(line) for line in told]
    console.out(f"{console.palette.paint(name, 'bold')} {first}")
    arrow = console.palette.sign("└", "-")
    console.out_lines([f"  {arrow} {line}" for line in causes])
    if task is not None:
        lines = last_success_lines(earlier, task, invocation.now)
        if facts.outdated:  # the causes above say what of its files and values has changed
            lines = [line for line in lines if line.strip() != NO_CHANGE]
        console.out_lines([safe_line(line) for line in lines])


def _scene(invocation: Invocation, reader: Reader, found: Execution) -> ExecutionFacts:
    attempts: dict[str, list[Attempt]] = {}
    for attempt in reader.attempts(found.execution_id):
        attempts.setdefault(attempt.task_id, []).append(attempt)
    now = invocation.now
    whole = resumed_with(reader, found)
    return ExecutionFacts(
        execution=found,
        tasks={task.task_id: task for task in reader.task_runs(found.execution_id)},
        now=now,
        mission=mission_of(reader, found),
        attempts=attempts,
        is_owned=is_terminal(found.state) or is_owned(reader.lease(found.execution_id), now),
        standing_below=standing_below(reader, found, now),
        resumed_with=None if whole is found else full_argument(whole),
    )
