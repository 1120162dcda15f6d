"""Fan-out steps at run time: which items may start, and how their ends settle the step."""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.events import TaskStateChanged
from core.domain.fold import Snapshot
from core.domain.item_label import step_title
from core.domain.mission import Json, MissionStep
from core.domain.reasons import Reason
from core.domain.state_word import counted
from core.domain.states import TaskState, is_terminal
from core.planning.transition import transition


class Fan(Struct):
    """One expanded step: its items by task id, those that run, those that `max_parallel` delays."""

    step: MissionStep
    items: tuple[str, ...]
    running: set[str] = field(default_factory=set)
    held_back: deque[int] = field(default_factory=deque)
    unsettled: int = 0

    @property
    def is_full(self) -> bool:
        """Tell whether the step's own `max_parallel` forbids another item."""
        limit = self.step.max_parallel
        return limit is not None and len(self.running) >= limit


class Fans:
    """The fan-out steps that are expanded and not settled, and their items still to be started."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._new_items: deque[str] = deque()
        self.by_step: dict[str, Fan] = {}

    def add(self, step: MissionStep) -> None:
        """Take up a step if it is expanded and not settled."""
        fan = expanded_fan(self._snapshot, step)
        if fan is not None:
            self.by_step[step.id] = fan
            self._new_items.extend(fan.items)

    def next_item(self, at: int) -> TaskStateChanged | None:
        """Return the transition that makes the next PENDING item READY, None without any."""
        while self._new_items:
            item = self._snapshot.tasks[self._new_items.popleft()]
            if item.state is TaskState.PENDING:
                return transition(item, TaskState.READY, Reason.DEPS_MET, None, at)
        return None

    def next_ended(self, at: int) -> TaskStateChanged | None:
        """Return the end of a step all of whose items have ended, and forget the step."""
        for step_id, fan in self.by_step.items():
            if not fan.unsettled:
                end = fan_end(self._snapshot, fan.items)
                del self.by_step[step_id]
                event = transition(
                    self._snapshot.tasks[step_id], end.state, end.reason, end.message, at
                )
                return replace(event, outputs=end.outputs)
        return None

    def count_unsettled(self, step_id: str, change: int) -> None:
        """Count an item as settled (-1) or as open again (+1).

        A step that is not expanded is left alone: it was to be tried again, and a stop came first.
        """
        fan = self.by_step.get(step_id)
        if fan is not None:
            fan.unsettled += change


class FanEnd(Struct, frozen=True):
    """How a fan-out step ends when all its items have."""

    state: TaskState
    reason: Reason
    message: str | None
    outputs: dict[str, Json]


def fan_end(snapshot: Snapshot, items: Iterable[str]) -> FanEnd:
    """Aggregate items: outputs in item order under `items`, with `count` and `failed`.

    FAILED when any item failed, CANCELLED when any was cancelled or skipped, else SUCCESS. Items
    that a retry leaves out, or whose preconditions do not hold, do not count.
    """
    tasks = [snapshot.tasks[task_id] for task_id in items]
    left_out = sum(task.reason_code is Reason.NOT_SELECTED for task in tasks)
    unmet = sum(task.reason_code is Reason.PRECONDITION_UNMET for task in tasks)
    failed = [step_title(task) for task in tasks if task.state is TaskState.FAILED]
    stopped = [
        task.task_id
        for task in tasks
        if task.state in _STOPPED and task.reason_code not in _NOT_COUNTED
    ]
    outputs: dict[str, Json] = {
        "items": [None if task.outputs is None else dict(task.outputs) for task in tasks],
        "count": len(tasks),
        "failed": len(failed),
    }
    if failed:
        named = ", ".join(failed[:3]) + (f" and {len(failed) - 3} more" if failed[3:] else "")
        message = f"{len(failed)} of {counted(len(tasks), 'item')} failed: {named}"
        return FanEnd(TaskState.FAILED, Reason.ITEM_FAILED, message, outputs)
    if stopped:
        first = snapshot.tasks[stopped[0]]
        message = f"{len(stopped)} of {counted(len(tasks), 'item')} did not finish"
        return FanEnd(TaskState.CANCELLED, first.reason_code, message, outputs)
    message = counted(len(tasks), "item")
    up_to_date = sum(task.reason_code is Reason.UP_TO_DATE for task in tasks)
    if up_to_date:
        message += f", {up_to_date} of them up to date"
    if left_out:
        message += f", {left_out} of them not selected for this run"
    if unmet:
        message += f", {unmet} of them skipped by a precondition"
    return FanEnd(TaskState.SUCCESS, Reason.ALL_STEPS_DONE, message, outputs)


def expanded_fan(snapshot: Snapshot, step: MissionStep) -> Fan | None:
    """Return the state of a step that is expanded and not settled, else None."""
    task = snapshot.tasks[step.id]
    if task.state is not TaskState.RUNNING or task.reason_code is not Reason.EXPANDED:
        return None
    items = tuple(
        found.task_id for found in snapshot.tasks.values() if found.parent_task_id == step.id
    )
    unsettled = sum(not is_terminal(snapshot.tasks[item].state) for item in items)
    return Fan(step, items, unsettled=unsettled)


_NOT_COUNTED = frozenset({Reason.NOT_SELECTED, Reason.PRECONDITION_UNMET, Reason.UP_TO_DATE})
_STOPPED = frozenset({TaskState.CANCELLED, TaskState.SKIPPED})
