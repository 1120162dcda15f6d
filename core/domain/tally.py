"""How many steps and fan-out items are in which state, and which of them hold a slot.

The only place that counts them: command line, screen and explanations show the same numbers. Steps
and the items of fan-out steps are counted apart; a fan-out step is one step.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.state_word import WORDS
from core.domain.states import TaskState, is_terminal

ORDER: tuple[TaskState, ...] = (
    TaskState.SUCCESS,
    TaskState.RUNNING,
    TaskState.FAILED,
    TaskState.WAITING,
    TaskState.READY,
    TaskState.PENDING,
    TaskState.SKIPPED,
    TaskState.CANCELLED,
)
"""The order in which counts by state are written, everywhere."""

Counts = Mapping[TaskState, int]
"""Counts by state; a state that is absent has none."""


def holds_slot(task: TaskRun) -> bool:
    """Tell whether an attempt of a task run is under way that counts against `parallel_limit`.

    A fan-out step holds none, its items do. An approval that waits for a person has given
    its slot back. A step that runs a sub-mission keeps its slot until the sub-mission has ended.
    """
    return task.state is TaskState.RUNNING and task.reason_code is not Reason.EXPANDED


def keeps_slot(step: MissionStep | None) -> bool:
    """Tell whether the attempts of a step hold a slot from start to end.

    Those of an approval do not, nor do those of a service, which holds one until it is ready.
    """
    return step is None or not (step.service or step.step_type == "approval")


def slot_limit(execution: Execution, mission: Mission | None) -> int | None:
    """Return how many attempts may run at once; None where the mission cannot be read."""
    if execution.parallel_limit:
        return execution.parallel_limit
    return None if mission is None else mission.config.parallel_limit


class Tally(Struct):
    """Counts of one execution's task runs, kept as they change."""

    steps: dict[TaskState, int] = field(default_factory=dict)
    items: dict[TaskState, int] = field(default_factory=dict)
    slots: int = 0
    """Running attempts that hold a slot."""

    def add(self, task: TaskRun) -> None:
        """Count a task run."""
        self._count(task, 1)

    def remove(self, task: TaskRun) -> None:
        """Uncount a task run that was counted in the same state."""
        self._count(task, -1)

    @property
    def total(self) -> int:
        """How many steps and items there are."""
        return sum(self.steps.values()) + sum(self.items.values())

    @property
    def share_done(self) -> float:
        """The share of steps and items that have ended; 0 without any."""
        total = self.total
        parts = (self.steps, self.items)
        ended = sum(n for counts in parts for state, n in counts.items() if is_terminal(state))
        return ended / total if total else 0.0

    def _count(self, task: TaskRun, number: int) -> None:
        counts = self.steps if task.parent_task_id is None else self.items
        counts[task.state] = counts.get(task.state, 0) + number
        if holds_slot(task):
            self.slots += number


def tally_of(tasks: Iterable[TaskRun]) -> Tally:
    """Count task runs."""
    tally = Tally()
    for task in tasks:
        tally.add(task)
    return tally


def tally_of_execution(execution: Execution) -> Tally:
    """Return the counts in an execution's record, which does not say who holds a slot."""
    items = _by_state(execution.item_counts)
    every = _by_state(execution.counts)
    steps = {state: left for state, n in every.items() if (left := n - items.get(state, 0)) > 0}
    return Tally(steps, items)


def count_words(counts: Counts) -> str:
    """Write counts in words, `5 done, 1 failed`: in `ORDER`, without zero counts."""
    return ", ".join(f"{n:,} {WORDS[s.text]}" for s in ORDER if (n := counts.get(s, 0)))


def tally_words(tally: Tally) -> str:
    """Write steps and, where there are any, items: `2 done; items: 9 done, 1 failed`."""
    words = count_words(tally.steps)
    items = count_words(tally.items)
    return f"{words}; items: {items}" if items else words


def _by_state(counts: Mapping[str, int] = EMPTY) -> dict[TaskState, int]:
    return {state: n for state in ORDER if (n := counts.get(state.text, 0))}
