"""What a retry reuses of the execution it retries: fan-out items, matched by value.

Steps are matched by id. Items are not matched by number, because `foreach` may give another list
this time: two items are the same when their values are equal as JSON; of several equal ones, that
with the same number is taken first, then the lowest left. So an item that succeeded is not run
again wherever it is now, and a new value always runs.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct

from core.domain.events import item_task_id
from core.domain.fold import Snapshot
from core.domain.mission import EMPTY
from core.domain.records import Execution, TaskRun, has_succeeded
from core.value.json_encoder import make_encoder


class ItemFate(Enum):
    """What happens to an item when its step is expanded in a retry."""

    RUN = "run"
    REUSE = "reuse"
    LEAVE_OUT = "leave out"


class RetryScope(Struct, frozen=True):
    """What a retry runs again within a failed step; by default what did not succeed.

    `fresh`: steps of which nothing is reused, though parts of them succeeded. `items`: by fan-out
    step, the numbers of the chosen items in the earlier execution; of the others, those that
    succeeded are reused and the rest is left out.
    """

    fresh: frozenset[str] = frozenset()
    items: Mapping[str, tuple[int, ...]] = EMPTY

    def to_json(self) -> dict[str, Any] | None:
        """Return the JSON object stored with the execution, None for the default."""
        found: dict[str, Any] = {}
        if self.fresh:
            found["fresh"] = sorted(self.fresh)
        if self.items:
            found["items"] = {step: list(numbers) for step, numbers in self.items.items()}
        return found or None

    def fate_of(self, before: TaskRun | None, step_id: str | None = None) -> ItemFate:
        """Return what happens to an item of `step_id`; `before` is its earlier task run, if any."""
        step_id = step_id or (before and before.parent_task_id) or ""
        succeeded = before is not None and has_succeeded(before)
        if step_id in self.fresh:
            return ItemFate.RUN
        chosen = self.items.get(step_id)
        if chosen is None:
            return ItemFate.REUSE if succeeded else ItemFate.RUN
        if before is not None and item_number(before.task_id) in chosen:
            return ItemFate.RUN
        return ItemFate.REUSE if succeeded else ItemFate.LEAVE_OUT

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> "RetryScope":
        """Return the scope that `to_json` gave."""
        if not stored:
            return cls()
        items = {step: tuple(numbers) for step, numbers in stored.get("items", {}).items()}
        return cls(frozenset(stored.get("fresh", ())), items)


class RetriedExecution:
    """The execution that another one retries, loaded on first use."""

    def __init__(self, current: Snapshot, load: Callable[[], Snapshot]) -> None:
        """Compare `current`, the retry, with what `load` returns."""
        self._current = current
        self._load = load
        self._snapshot: Snapshot | None = None
        self._scope = RetryScope.from_json(current.current.retry_scope)
        self._matches: dict[str, Mapping[str, TaskRun]] = {}

    @property
    def execution(self) -> Execution:
        """The execution that is retried."""
        return self._earlier.current

    @property
    def snapshot(self) -> Snapshot:
        """All of its records."""
        return self._earlier

    def counterpart(self, task: TaskRun) -> TaskRun | None:
        """Return the earlier execution's task run of a step or item of the retry.

        None if there is none, or if nothing of it is reused.
        """
        step_id = task.parent_task_id or task.task_id
        if step_id in self._scope.fresh:
            return None
        if task.parent_task_id is None:
            return self._earlier.tasks.get(task.task_id)
        return self._matched(step_id).get(task.task_id)

    def last_attempt(self, task: TaskRun) -> int:
        """Return the number of the last attempt the earlier execution made of an item."""
        if task.parent_task_id is None:
            return 0
        found = self._matched(task.parent_task_id).get(task.task_id)
        return 0 if found is None else found.attempt

    def fate_of(self, item: TaskRun) -> tuple[ItemFate, TaskRun | None]:
        """Return what happens to an item, and its task run in the earlier execution."""
        before = self.counterpart(item)
        return self._scope.fate_of(before, item.parent_task_id), before

    @property
    def _earlier(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = self._load()
        return self._snapshot

    def _matched(self, step_id: str) -> Mapping[str, TaskRun]:
        found = self._matches.get(step_id)
        if found is None:
            now = items_of_step(self._current, step_id)
            then = items_of_step(self._earlier, step_id)
            found = self._matches[step_id] = match_items(now, then)
        return found


def match_items(now: Sequence[TaskRun], then: Sequence[TaskRun]) -> dict[str, TaskRun]:
    """Return, by the id of an item of `now`, the item of `then` with an equal value.

    Every item of `then` is matched at most once, first with an equal one of the same number.
    """
    left: dict[str, dict[int, TaskRun]] = {}
    for task in then:
        left.setdefault(_key(task.item), {})[item_number(task.task_id)] = task
    found: dict[str, TaskRun] = {}
    moved: list[TaskRun] = []
    for task in now:
        same = left.get(_key(task.item), {}).pop(item_number(task.task_id), None)
        if same is None:
            moved.append(task)
        else:
            found[task.task_id] = same
    for task in moved:
        equal = left.get(_key(task.item))
        if equal:
            found[task.task_id] = equal.pop(next(iter(equal)))
    return found


def items_of_step(snapshot: Snapshot, step_id: str) -> list[TaskRun]:
    """Return the items of a fan-out step in order, empty if it was not expanded."""
    found: list[TaskRun] = []
    while (task := snapshot.tasks.get(item_task_id(step_id, len(found)))) is not None:
        found.append(task)
    return found


def item_number(item_id: str) -> int:
    """Return the number of an item from the id of its task run, `STEP[NUMBER]`."""
    return int(item_id[item_id.rindex("[") + 1 : -1])


def _key(value: object) -> str:
    return "".join(_encode(value, 0))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value)  # type: ignore[call-overload] # JSON data holds nothing else


_encode = make_encoder(ensure_ascii=True, sort_keys=True, default=_plain)
