"""Titles of steps by id, with the value of the item for steps of a fan-out."""

from core.domain.item_label import step_title
from core.domain.records import TaskRun
from core.ports.reader import Reader


class StepTitles:
    """Loads the fan-out items of an execution when the first of them is requested."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._items: dict[str, dict[str, TaskRun]] = {}

    def item(self, execution_id: str | None, task_id: str | None) -> TaskRun | None:
        """Return the task run of a fan-out item, None for a plain step or an unknown id."""
        if execution_id is None or task_id is None or not task_id.endswith("]"):
            return None
        found = self._items.get(execution_id, {}).get(task_id)
        if found is None:  # not loaded yet, or its step was expanded since
            _, tasks = self._reader.task_states(execution_id)
            items = {task.task_id: task for task in tasks if task.parent_task_id is not None}
            self._items[execution_id] = items
            found = items.get(task_id)
        return found

    def title(self, execution_id: str | None, task_id: str) -> str:
        """Return the id, followed by the item if it belongs to a fan-out."""
        item = self.item(execution_id, task_id)
        return task_id if item is None else step_title(item)
