"""Drives a planner without engine and I/O, and checks all invariants after every event."""

import random
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import Mission, MissionConfig, MissionStep
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.graph.dag import Graph
from core.planning.ending import Ending
from core.planning.planner import Planner
from core.planning.transition import Refusal

EXECUTION = "0190b5a0-0000-7000-8000-000000000000"


def a_step(step_id: str, *needs: str, **fields: object) -> MissionStep:
    """Return a no-op step."""
    step = MissionStep(id=step_id, name=step_id, step_type="noop", depends_on=needs)
    return replace(step, **fields)


def a_plan(*steps: MissionStep, **config: object) -> Mission:
    """Return a mission of `steps`."""
    settings = replace(MissionConfig(), **config)
    return Mission(version="1.0", name="a plan", steps=steps, config=settings)


class Simulation:
    """One execution whose attempts end as `fails` says, in an order that `seed` decides."""

    def __init__(
        self,
        mission: Mission,
        *,
        fails: Callable[[str], bool] = lambda _: False,
        seed: int = 0,
        items: Mapping[str, int] | None = None,
        refuses: Callable[[MissionStep], Refusal | None] = lambda _: None,
    ) -> None:
        self.mission = mission
        self.graph = Graph.of(mission)
        self.events: list[Event] = []
        self.started: list[str] = []
        self.most_at_once = 0
        self._fails = fails
        self._items = items or {}
        self._refuses = refuses
        self._chance = random.Random(seed)
        self._now = 0
        self.snapshot = Snapshot()
        self._fold(
            ExecutionCreated(
                at=self.tick(),
                execution_id=EXECUTION,
                workflow_id=mission.workflow_id,
                mission_name=mission.name,
                mission_digest="",
                step_ids=tuple(step.id for step in mission.all_steps),
            )
        )
        self.planner = self.rebuilt()
        self.emit(
            ExecutionStateChanged(
                at=self.tick(),
                execution_id=EXECUTION,
                from_state=ExecutionState.PENDING,
                to_state=ExecutionState.RUNNING,
                reason_code=Reason.STARTED,
            )
        )

    def rebuilt(self) -> Planner:
        """Return a planner made from the snapshot alone, as a recovery does."""
        return Planner(self.mission, self.graph, self.snapshot, condition=self._refuses)

    def tick(self) -> int:
        """Return the next instant."""
        self._now += 1
        return self._now

    def emit(self, event: Event) -> None:
        """Fold an event, tell the planner, check what must always hold."""
        self._fold(event)
        self.planner.observe(event)

    def run(self, *, on_turn: Callable[["Simulation"], None] | None = None) -> Ending:
        """Play to the end."""
        for _ in range(100_000):
            self.advance()
            ending = self.planner.outcome()
            if ending is not None:
                return ending
            if on_turn is not None:
                on_turn(self)
            running = sorted(self.planner.running)
            assert running, f"stuck: {[(t.task_id, t.state) for t in self.snapshot.tasks.values()]}"
            self.end(self._chance.choice(running))
        raise AssertionError("it never ends")

    def advance(self) -> None:
        """Take every transition and start the planner has."""
        while True:
            while (change := self.planner.next_transition(self.tick())) is not None:
                self.emit(change)
            task_id = self.planner.next_expansion()
            if task_id is not None:
                count = self._items.get(task_id, 0)
                self.emit(
                    StepExpanded(
                        at=self.tick(),
                        execution_id=EXECUTION,
                        task_id=task_id,
                        items=tuple(range(count)),
                    )
                )
                continue
            task_id = self.planner.next_start()
            if task_id is None:
                return
            self.begin(task_id)

    def begin(self, task_id: str) -> None:
        """Start an attempt, checking that its needs are met and slots are free."""
        step = self.planner.step_of(task_id)
        if step in self.mission.steps and step.trigger_rule == "all_success":
            for need in step.depends_on:
                task = self.snapshot.tasks[need]
                tolerated = self.planner.step_of(need).continue_on_error
                satisfied = task.state is TaskState.SUCCESS or (
                    tolerated and task.state in {TaskState.FAILED, TaskState.CANCELLED}
                )
                assert satisfied, f"{task_id} started before {need}"
        self.started.append(task_id)
        at_once = sum(self.state(one) is not TaskState.WAITING for one in self.planner.running)
        self.most_at_once = max(self.most_at_once, at_once)
        assert at_once <= self.mission.config.parallel_limit
        task = self.snapshot.tasks[task_id]
        self.emit(
            AttemptStarted(
                at=self.tick(), execution_id=EXECUTION, task_id=task_id, attempt=task.attempt + 1
            )
        )

    def end(self, task_id: str) -> None:
        """End a running attempt: cancelled when the planner stops, else as scripted."""
        stopping = self.planner.to_cancel()
        task = self.snapshot.tasks[task_id]
        if stopping is not None and task_id in stopping[1]:
            end, state, reason = AttemptState.CANCELLED, TaskState.CANCELLED, stopping[0].reason
        elif self._fails(task_id):
            end, state, reason = AttemptState.FAILED, TaskState.FAILED, Reason.EXIT_NONZERO
        else:
            end, state, reason = AttemptState.SUCCESS, TaskState.SUCCESS, Reason.EXIT_ZERO
        self.emit(
            AttemptEnded(
                at=self.tick(),
                execution_id=EXECUTION,
                task_id=task_id,
                attempt=task.attempt,
                to_state=end,
                reason_code=reason,
            )
        )
        self.emit(
            TaskStateChanged(
                at=self.tick(),
                execution_id=EXECUTION,
                task_id=task_id,
                from_state=task.state,
                to_state=state,
                reason_code=reason,
            )
        )

    def hold(self, task_id: str) -> None:
        """Let a running attempt wait for a person, its slot given back."""
        self.wait(task_id, Reason.AWAITING_APPROVAL)

    def back_off(self, task_id: str) -> None:
        """Let a running attempt fail and its step wait for the next one."""
        self.emit(
            AttemptEnded(
                at=self.tick(),
                execution_id=EXECUTION,
                task_id=task_id,
                attempt=self.snapshot.tasks[task_id].attempt,
                to_state=AttemptState.FAILED,
                reason_code=Reason.EXIT_NONZERO,
            )
        )
        self.wait(task_id, Reason.BACKOFF)

    def wait(self, task_id: str, reason: Reason) -> None:
        """Let a step wait."""
        self.emit(
            TaskStateChanged(
                at=self.tick(),
                execution_id=EXECUTION,
                task_id=task_id,
                from_state=TaskState.RUNNING,
                to_state=TaskState.WAITING,
                reason_code=reason,
            )
        )

    def state(self, task_id: str) -> TaskState:
        """Return a task run's state."""
        return self.snapshot.tasks[task_id].state

    def reason(self, task_id: str) -> Reason:
        """Return a task run's reason code."""
        return self.snapshot.tasks[task_id].reason_code

    def _fold(self, event: Event) -> None:
        apply(self.snapshot, event)
        self.events.append(event)
        tally: dict[str, int] = {}
        for task in self.snapshot.tasks.values():
            tally[task.state.value] = tally.get(task.state.value, 0) + 1
        assert tally == self.snapshot.counts


def all_settled(simulation: Simulation) -> bool:
    """Tell whether every task run has ended."""
    return all(is_terminal(task.state) for task in simulation.snapshot.tasks.values())
