"""Ready task runs in file order, and the slots that say how many of them may run at once."""

import heapq
from collections.abc import Mapping

from core.domain.fold import Snapshot
from core.domain.states import TaskState
from core.planning.fanout import Fan
from core.planning.step_index import StepIndex


class StartQueue:
    """The heap of ready task runs, and which task runs have an attempt under way.

    `fans` are the expanded fan-out steps by id, kept by the planner: their own `max_parallel` may
    hold items back.
    """

    def __init__(
        self, index: StepIndex, snapshot: Snapshot, fans: Mapping[str, Fan], limit: int
    ) -> None:
        self._index = index
        self._snapshot = snapshot
        self._fans = fans
        self.limit = limit
        """How many attempts may run at once."""
        self._ready: list[tuple[int, int]] = []
        """Position of the step and item number, -1 for a step without items."""
        self._in_slot: set[str] = set()
        self._outside_slot: set[str] = set()
        """Attempts that wait for a person: they gave their slot back."""

    @property
    def has_running(self) -> bool:
        """Tell whether an attempt holds a slot."""
        return bool(self._in_slot)

    @property
    def under_way(self) -> frozenset[str]:
        """The task runs with a running attempt, those that wait for a person among them."""
        return frozenset(self._in_slot | self._outside_slot)

    def is_under_way(self, task_id: str) -> bool:
        """Tell whether a task run has a running attempt."""
        return task_id in self._in_slot or task_id in self._outside_slot

    def push(self, index: int, item: int) -> None:
        """Queue a READY task run, named by the position of its step and its item number or -1."""
        heapq.heappush(self._ready, (index, item))

    def pop(self) -> str | None:
        """Return the READY task run that comes first in the file, if a slot is free; reserve it."""
        if len(self._in_slot) >= self.limit:
            return None
        while self._ready:
            index, item = heapq.heappop(self._ready)
            task_id = self._index.steps[index].id
            if item >= 0:
                fan = self._fans.get(task_id)
                if fan is None:
                    continue
                if fan.is_full:
                    fan.held_back.append(item)
                    continue
                task_id = fan.items[item]
            task = self._snapshot.tasks[task_id]
            if task.state is TaskState.READY and not task.is_armed:
                self.take_slot(task_id)
                return task_id
        return None

    def peek(self) -> str | None:
        """Return the task run that `pop` would return if a slot were free; leave it queued.

        None also where the `max_parallel` of its fan-out step decides.
        """
        while self._ready:
            index, item = self._ready[0]
            task_id = self._index.steps[index].id
            if item >= 0:
                fan = self._fans.get(task_id)
                if fan is None or fan.step.max_parallel is not None:
                    return None
                task_id = fan.items[item]
            task = self._snapshot.tasks[task_id]
            if task.state is TaskState.READY and not task.is_armed:
                return task_id
            heapq.heappop(self._ready)
        return None

    def drop(self) -> None:
        """Take out what `peek` returned: it is armed and starts outside of the queue."""
        heapq.heappop(self._ready)

    @property
    def has_free_slot(self) -> bool:
        """Tell whether one more attempt may run."""
        return len(self._in_slot) < self.limit

    def holds_slot(self, task_id: str) -> bool:
        """Tell whether an attempt of a task run holds a slot."""
        return task_id in self._in_slot

    def take_slot(self, task_id: str) -> None:
        """Give a task run its slot: reserved at the decision, confirmed at the start."""
        if task_id in self._in_slot:
            return
        self._in_slot.add(task_id)
        index, item = self._index.locate(task_id)
        if item >= 0:
            self._fans[self._index.steps[index].id].running.add(task_id)

    def leave_slot_to_wait(self, task_id: str) -> None:
        """Record that an attempt waits for a person and holds no slot meanwhile."""
        self._outside_slot.add(task_id)

    def release(self, task_id: str, index: int, item: int) -> None:
        """Free a task run's slot, and queue an item that its step's `max_parallel` held back."""
        self._in_slot.discard(task_id)
        self._outside_slot.discard(task_id)
        fan = self._fans.get(self._index.steps[index].id) if item >= 0 else None
        if fan is None:
            return
        fan.running.discard(task_id)
        while fan.held_back and not fan.is_full:
            self.push(index, fan.held_back.popleft())
            if fan.step.max_parallel is not None:
                break
