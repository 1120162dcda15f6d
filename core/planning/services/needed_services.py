"""Which steps need which services, and what follows for them: waiting, ending, failing.

A service is needed by every step below it in the graph, not only by its direct dependents, until
that step has ended. Reads the snapshot, never writes.
"""

from collections import deque

from core.domain.fold import Snapshot
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState, is_terminal
from core.graph.dag import Graph
from core.planning.earlier_items import items_of_step

_BAD = frozenset({TaskState.FAILED, TaskState.CANCELLED})


def is_serving(task: TaskRun) -> bool:
    """Tell whether a service is ready: its process runs, and those that need it may start."""
    return task.state is TaskState.WAITING and task.reason_code is Reason.SERVICE_READY


class NeededServices:
    """The services of one mission. Steps are named by their position."""

    def __init__(self, steps: tuple[MissionStep, ...], graph: Graph, snapshot: Snapshot) -> None:
        self._steps = steps
        self._snapshot = snapshot
        positions = {step.id: index for index, step in enumerate(steps)}
        self._users = {
            index: sorted(positions[name] for name in graph.descendants(step.id))
            for index, step in enumerate(steps)
            if step.service
        }
        self._above: dict[int, list[int]] = {}
        for service, users in self._users.items():
            for user in users:
                self._above.setdefault(user, []).append(service)
        self._open = {
            service: sum(not self._has_ended(user) for user in users)
            for service, users in self._users.items()
        }
        self._to_end: deque[str] = deque()
        self._held: deque[str] = deque()
        self._without: deque[tuple[str, str]] = deque()
        """Task runs whose service is gone, and the service."""

    def is_needed(self, index: int) -> bool:
        """Tell whether a step that needs this service has not ended."""
        return self._open[index] > 0

    # --- what has happened ------------------------------------------------------------------------

    def settled(self, index: int) -> None:
        """Take note that a step has ended: it needs no service any more."""
        if index in self._users:
            self._service_ended(index)
        for service in self._above.get(index, ()):
            self._open[service] -= 1
            if not self._open[service]:
                self._to_end.append(self._steps[service].id)

    def reopened(self, index: int) -> None:
        """Take note that a step is tried again."""
        for service in self._above.get(index, ()):
            self._open[service] += 1

    def ready(self, index: int) -> None:
        """Take note that a service is ready; one that nothing needs any more ends at once."""
        if not self.is_needed(index):
            self._to_end.append(self._steps[index].id)

    def _service_ended(self, index: int) -> None:
        step = self._steps[index]
        if self._snapshot.tasks[step.id].state not in _BAD or step.continue_on_error:
            return
        for user in self._users[index]:
            name = self._steps[user].id
            task = self._snapshot.tasks[name]
            if is_terminal(task.state):
                continue
            self._without.append((name, step.id))
            for item in items_of_step(self._snapshot, name):
                if not is_terminal(item.state):
                    self._without.append((item.task_id, step.id))

    # --- what follows -----------------------------------------------------------------------------

    def hold(self, task_id: str, index: int) -> bool:
        """Keep a READY task run back while a service that it needs is not ready; tell whether."""
        for service in self._above.get(index, ()):
            task = self._snapshot.tasks[self._steps[service].id]
            if not is_terminal(task.state) and not is_serving(task):
                self._held.append(task_id)
                return True
        return False

    def take_held(self) -> list[str]:
        """Return the task runs that were kept back, and forget them."""
        held = list(self._held)
        self._held.clear()
        return held

    def next_without(self) -> tuple[str, str] | None:
        """Return the next task run that has lost a service, and the service; None without any."""
        return self._without.popleft() if self._without else None

    def next_to_end(self) -> str | None:
        """Return the next service that nothing needs any more; None without any."""
        return self._to_end.popleft() if self._to_end else None

    def _has_ended(self, index: int) -> bool:
        return is_terminal(self._snapshot.tasks[self._steps[index].id].state)
