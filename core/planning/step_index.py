"""Steps and handlers of one mission by position, and the task runs that belong to them."""

from core.domain.fold import Snapshot
from core.domain.mission import Mission, MissionStep
from core.domain.states import TaskState
from core.planning.earlier_items import item_number


class StepIndex:
    """Positions are those of `Mission.all_steps`: the steps in file order, then the handlers."""

    def __init__(self, mission: Mission, snapshot: Snapshot) -> None:
        self.steps = mission.all_steps
        self.first_handler = len(mission.steps)
        """The position of the first handler; steps have lower ones."""
        self._snapshot = snapshot
        self._positions = {step.id: index for index, step in enumerate(self.steps)}

    def step_of(self, task_id: str) -> MissionStep:
        """Return the step a task run belongs to; an item belongs to its fan-out step."""
        return self.steps[self.locate(task_id)[0]]

    def locate(self, task_id: str) -> tuple[int, int]:
        """Return the position of a task run's step and its item number, -1 for the step itself."""
        index = self._positions.get(task_id)
        if index is not None:
            return index, -1
        parent = self._snapshot.tasks[task_id].parent_task_id
        return self._positions[task_id if parent is None else parent], item_number(task_id)

    def is_handler(self, task_id: str) -> bool:
        """Tell whether a task run belongs to a handler."""
        return self.locate(task_id)[0] >= self.first_handler

    def state(self, index: int) -> TaskState:
        """Return the state of the step at a position."""
        return self._snapshot.tasks[self.steps[index].id].state
