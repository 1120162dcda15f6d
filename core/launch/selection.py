"""Which steps a run covers, by `--only`, `--target`, `--skip` and `--resume-from` or as a retry.

Pure: from a mission, its graph and an earlier execution's records to sets of step ids.
"""

from collections.abc import Collection, Iterable

from msgspec import Struct

from core.domain.fold import Snapshot
from core.domain.mission import Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import has_succeeded
from core.domain.states import TaskState, is_terminal
from core.errors import ConflictError, NotFoundError
from core.graph.dag import Graph
from core.launch.order import Reuse
from core.planning.earlier_items import ItemFate, RetryScope, item_number, items_of_step
from core.step_type.registry import SUB_MISSION_TYPES
from core.value.suggestion import did_you_mean


class ItemSelection(Struct, frozen=True):
    """What a retry does with the items a fan-out step had, by the ids of their task runs."""

    run: tuple[str, ...]
    reused: tuple[str, ...]
    left_out: tuple[str, ...]


class Selection(Struct, frozen=True):
    """What a linked execution does with each step: run it, reuse its outputs, or leave it out.

    `run` is in file order. Of its fan-out steps that were evaluated before, `items` names the items
    that run again and those that are reused, as they were numbered then; `scope` is what the retry
    has to remember of that.
    """

    run: tuple[str, ...]
    reuse: dict[str, Reuse]
    unselected: frozenset[str]
    finished: frozenset[str] = frozenset()
    """Those of `unselected` that a `finish` step had skipped: they are left out again."""
    items: dict[str, ItemSelection] = {}
    scope: RetryScope = RetryScope()


def select(
    mission: Mission,
    *,
    only: Collection[str] = (),
    targets: Collection[str] = (),
    skip: Collection[str] = (),
) -> frozenset[str]:
    """Return the steps a fresh run leaves out; `NotFoundError` for a step that does not exist.

    It covers `only`, and `targets` with all that they depend on; without either, every step.
    """
    for step_id in (*only, *targets, *skip):
        require_step(mission, step_id)
    left: set[str] = set()
    if only or targets:
        left = {step.id for step in mission.steps} - {*only, *targets}
    if targets:
        graph = Graph.of(mission)
        left = left.difference(*(graph.ancestors(step_id) for step_id in targets))
    return frozenset(left | set(skip))


def select_from(mission: Mission, graph: Graph, first: str, earlier: Snapshot | None) -> Selection:
    """Select `first` and everything downstream; take what is before it from `earlier`."""
    require_step(mission, first)
    run = {first} | graph.descendants(first)
    return _selection(mission, graph, run, earlier)


def select_retry(
    mission: Mission,
    graph: Graph,
    earlier: Snapshot,
    *,
    steps: Collection[str] = (),
    downstream: bool = False,
    may_be_empty: bool = False,
) -> Selection:
    """Select what a retry of an ended execution runs: `steps`, or everything that did not succeed.

    One of `steps` may be an item of a fan-out, `STEP[NUMBER]`. What succeeded within a step, its
    items and the steps of its sub-mission, is not run again, unless the step as a whole succeeded
    and is named all the same. With `downstream` also what depends on them is run, whether it
    succeeded or not, and as a whole. Raises `ConflictError` when the execution has not ended, or
    when nothing is left to run but handlers and it may not be empty; `NotFoundError` for a step or
    item that it does not have.
    """
    if not is_terminal(earlier.current.state):
        raise ConflictError(
            f"execution {earlier.current.execution_id} has not ended: {earlier.current.state}",
            hint="cancel it first, or wait for its end",
        )
    chosen = _chosen_items(mission, earlier, steps)
    named = {
        step_id
        for step_id in steps
        if step_id not in earlier.tasks or not _is_item(earlier, step_id)
    }
    run = named | chosen.keys() or {
        step.id
        for step in mission.steps
        if not _has_succeeded(earlier, step.id) and not _was_finished(earlier, step.id)
    }
    if not run and not may_be_empty:
        raise ConflictError(
            "every step succeeded: there is nothing to retry",
            hint=f"`mission rerun {earlier.current.execution_id}` runs all of it again",
        )
    below = set().union(*(graph.descendants(step_id) for step_id in run)) if downstream else set()
    fresh = below | {name for name in named if _has_succeeded(earlier, name)}
    items = {
        step_id: numbers for step_id, numbers in chosen.items() if step_id not in fresh | named
    }
    parted = {step.id for step in mission.steps if _has_parts(step)}
    scope = RetryScope(frozenset(fresh & parted), items)
    return _selection(mission, graph, run | below, earlier, scope)


def _chosen_items(
    mission: Mission, earlier: Snapshot, names: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Return the numbers of the items among `names` by step; `NotFoundError` for unknown names."""
    found: dict[str, tuple[int, ...]] = {}
    for name in names:
        if _is_item(earlier, name):
            step_id = earlier.tasks[name].parent_task_id or name
            found[step_id] = (*found.get(step_id, ()), item_number(name))
        else:
            require_step(mission, name, known_items(earlier) if "[" in name else ())
    return found


def known_items(snapshot: Snapshot) -> list[str]:
    """Return the ids of all items of an execution's fan-outs."""
    return [task.task_id for task in snapshot.tasks.values() if task.parent_task_id is not None]


def _has_succeeded(snapshot: Snapshot, step_id: str) -> bool:
    """Tell whether a step succeeded as a whole, with no item left out."""
    return has_succeeded(snapshot.tasks[step_id]) and not any(
        item.reason_code is Reason.NOT_SELECTED for item in items_of_step(snapshot, step_id)
    )


def _was_finished(snapshot: Snapshot, step_id: str) -> bool:
    """Tell whether a step was skipped because a `finish` step ended the mission."""
    task = snapshot.tasks[step_id]
    return task.state is TaskState.SKIPPED and task.reason_code is Reason.FINISHED


def _has_parts(step: MissionStep) -> bool:
    """Tell whether parts of a step can have succeeded: its items, or a sub-mission's steps."""
    return (
        step.foreach is not None or step.matrix is not None or step.step_type in SUB_MISSION_TYPES
    )


def _is_item(snapshot: Snapshot, name: str) -> bool:
    task = snapshot.tasks.get(name)
    return task is not None and task.parent_task_id is not None


def _item_selection(
    mission: Mission, run: Collection[str], earlier: Snapshot, scope: RetryScope
) -> dict[str, ItemSelection]:
    found: dict[str, ItemSelection] = {}
    for step in mission.steps:
        if step.id not in run or (step.foreach is None and step.matrix is None):
            continue
        known = items_of_step(earlier, step.id)
        if not known:
            continue
        fates = {task.task_id: scope.fate_of(task) for task in known}

        def those(fate: ItemFate, fates: dict[str, ItemFate] = fates) -> tuple[str, ...]:
            return tuple(name for name, one in fates.items() if one is fate)

        found[step.id] = ItemSelection(
            those(ItemFate.RUN), those(ItemFate.REUSE), those(ItemFate.LEAVE_OUT)
        )
    return found


def attempt_base(earlier: Snapshot, steps: Iterable[str]) -> dict[str, int]:
    """Return how many attempts `earlier` made of each of `steps`, zeroes left out."""
    return {
        step_id: earlier.tasks[step_id].attempt
        for step_id in steps
        if step_id in earlier.tasks and earlier.tasks[step_id].attempt
    }


def require_step(mission: Mission, step_id: str, items: Collection[str] = ()) -> None:
    """Raise `NotFoundError` unless the mission has that step; `items` are near misses, too."""
    known = [*(step.id for step in mission.steps), *items]
    if step_id not in known:
        raise NotFoundError(
            f"the mission has no step `{step_id}`", hint=did_you_mean(step_id, known)
        )


def _selection(
    mission: Mission,
    graph: Graph,
    chosen: Collection[str],
    earlier: Snapshot | None,
    scope: RetryScope = RetryScope(),  # noqa: B008 - frozen
) -> Selection:
    services = (step.id for step in mission.steps if step.service)
    needed = {name for name in services if not graph.descendants(name).isdisjoint(chosen)}
    run = needed.union(chosen)  # a service that ran before does not run any more
    reuse: dict[str, Reuse] = {}
    unselected: set[str] = set()
    for step in mission.steps:
        if step.id in run:
            continue
        task = None if earlier is None else earlier.tasks.get(step.id)
        if earlier is not None and task is not None and _has_succeeded(earlier, step.id):
            origin = task.reused_from or earlier.current.execution_id
            reuse[step.id] = Reuse(origin, task.outputs or {})
        else:
            unselected.add(step.id)
    ordered = tuple(step.id for step in mission.steps if step.id in run)
    items = {} if earlier is None else _item_selection(mission, run, earlier, scope)
    finished = frozenset(
        name for name in unselected if earlier is not None and _was_finished(earlier, name)
    )
    return Selection(ordered, reuse, frozenset(unselected), finished, items, scope)
