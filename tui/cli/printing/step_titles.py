"""Titles of steps for lines that know their ids alone: which item of a fan-out it is."""

from core.domain.item_label import step_title
from core.domain.records import TaskRun
from core.ports.reader import Reader


class StepTitles:
    """Looks the items of an execution up when the first of them is met."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._items: dict[str, dict[str, TaskRun]] = {}

    def item(self, execution_id: str | None, task_id: str | None) -> TaskRun | None:
        """Return the task run of an item, None for what is a step or unknown."""
        if execution_id is None or task_id is None or not task_id.endswith("]"):
            return None
        found = self._items.get(execution_id, {}).get(task_id)
        if found is None:  # not asked before, or its step was evaluated since
            _, tasks = self._reader.task_states(execution_id)
            items = {task.task_id: task for task in tasks if task.parent_task_id is not None}
            self._items[execution_id] = items
            found = items.get(task_id)
        return found

    def title(self, execution_id: str | None, task_id: str) -> str:
        """Return the id, with the item behind it where it is one of a fan-out."""
        item = self.item(execution_id, task_id)
        return task_id if item is None else step_title(item)
