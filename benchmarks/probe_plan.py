"""Prints the CPU seconds of planning and of folding one execution of a layered graph.

    python -m benchmarks.probe_plan STEPS

An execution without engine, storage or steps is driven to its end twice: once as it is, once
making and folding the same events. The difference is the planner's, building it included.
"""

import gc
import json
import sys
import time
from collections import deque

from benchmarks.workload import Workload
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import Mission, MissionConfig, MissionStep
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.graph.dag import Graph
from core.planning.planner import Planner

LIMIT = 8
REPEATS = 3
"""The least of each is taken: a difference of two times is easily disturbed."""
KEY = "0199a000-0000-7000-8000-000000000000"


def main(size: int) -> None:
    """Drive one execution."""
    mission = Mission(
        version="1.0",
        name="plan",
        steps=tuple(
            MissionStep(id=name, name=name, step_type="noop", depends_on=needs)
            for name, needs in Workload("layered", size).steps()
        ),
        config=MissionConfig(parallel_limit=LIMIT),
    )
    graph = Graph.of(mission)
    gc.collect()
    gc.freeze()
    gc.disable()
    both, fold = [], []
    for _ in range(REPEATS):
        events: list[Event] = []
        start = time.process_time()
        _drive(mission, graph, events)
        both.append(time.process_time() - start)
        start = time.process_time()
        again = _fold(events)
        fold.append(time.process_time() - start)
        assert again.counts == {"SUCCESS": size}
    print(json.dumps({"plan": min(both) - min(fold), "fold": min(fold)}))


def _fold(events: list[Event]) -> Snapshot:
    """Fold events, those anew that the driver and not the planner made."""
    snapshot = Snapshot()
    for event in events:
        if isinstance(event, AttemptStarted):
            apply(snapshot, _start(event.task_id))
        elif isinstance(event, AttemptEnded):
            for end in _ends(event.task_id):
                apply(snapshot, end)
        elif not isinstance(event, TaskStateChanged) or event.to_state is TaskState.READY:
            apply(snapshot, event)
    return snapshot


def _drive(mission: Mission, graph: Graph, events: list[Event]) -> None:
    snapshot = Snapshot()

    def fold(event: Event) -> None:
        apply(snapshot, event)
        events.append(event)

    fold(
        ExecutionCreated(
            at=1, execution_id=KEY, workflow_id="w", mission_name="plan", mission_digest="0" * 64,
            step_ids=tuple(step.id for step in mission.steps),
        )
    )  # fmt: skip
    fold(
        ExecutionStateChanged(
            at=2, execution_id=KEY, from_state=ExecutionState.PENDING,
            to_state=ExecutionState.RUNNING, reason_code=Reason.STARTED,
        )
    )  # fmt: skip
    planner = Planner(mission, graph, snapshot, condition=lambda _: None)
    running: deque[str] = deque()
    while True:
        while (change := planner.next_transition(3)) is not None:
            fold(change)
            planner.observe(change)
        while (task_id := planner.next_start()) is not None:
            started = _start(task_id)
            fold(started)
            planner.observe(started)
            running.append(task_id)
        if planner.outcome() is not None:
            return
        task_id = running.popleft()
        for event in _ends(task_id):
            fold(event)
            planner.observe(event)


def _start(task_id: str) -> AttemptStarted:
    return AttemptStarted(at=4, execution_id=KEY, task_id=task_id, attempt=1)


def _ends(task_id: str) -> tuple[Event, Event]:
    return (
        AttemptEnded(
            at=5, execution_id=KEY, task_id=task_id, attempt=1, to_state=AttemptState.SUCCESS,
            reason_code=Reason.EXIT_ZERO, outputs={},
        ),
        TaskStateChanged(
            at=6, execution_id=KEY, task_id=task_id, from_state=TaskState.RUNNING,
            to_state=TaskState.SUCCESS, reason_code=Reason.EXIT_ZERO,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]))
