"""Which steps a run covers: `--only`, `--skip`, `--resume-from`, and what a retry runs again.

Pure: from a mission, its graph and an earlier execution's records to sets of step ids.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from msgspec import Struct

from core.errors import ConflictError, NotFoundError
from core.fold import Snapshot
from core.graph import Graph
from core.launch import Reuse
from core.model import Mission
from core.states import TaskState, is_terminal


class Selection(Struct, frozen=True):
    """What a linked execution does with each step: run it, reuse its outputs, or leave it out.

    `run` is in file order.
    """

    run: tuple[str, ...]
    reuse: dict[str, Reuse]
    unselected: frozenset[str]


def select(
    mission: Mission, *, only: Collection[str] = (), skip: Collection[str] = ()
) -> frozenset[str]:
    """Return the steps a fresh run leaves out; `NotFoundError` for a step that does not exist."""
    for step_id in (*only, *skip):
        require_step(mission, step_id)
    every = {step.id for step in mission.steps}
    left = every - set(only) if only else set()
    return frozenset(left | set(skip))


def after(mission: Mission, graph: Graph, first: str, earlier: Snapshot | None) -> Selection:
    """Select `first` and everything downstream; take what is before it from `earlier`."""
    require_step(mission, first)
    run = {first} | graph.descendants(first)
    return _selection(mission, run, earlier)


def again(
    mission: Mission,
    graph: Graph,
    earlier: Snapshot,
    *,
    steps: Collection[str] = (),
    downstream: bool = False,
) -> Selection:
    """Select what a retry of an ended execution runs: `steps`, or everything that did not succeed.

    With `downstream` also what depends on them, whether it succeeded or not. Raises `ConflictError`
    when the execution has not ended, or when nothing is left to run.
    """
    if not is_terminal(earlier.current.state):
        raise ConflictError(
            f"execution {earlier.current.execution_id} has not ended: {earlier.current.state}",
            hint="cancel it first, or wait for its end",
        )
    for step_id in steps:
        require_step(mission, step_id)
    run = set(steps) or {
        step.id for step in mission.steps if earlier.tasks[step.id].state is not TaskState.SUCCESS
    }
    if downstream:
        run = run.union(*(graph.descendants(step_id) for step_id in run))
    if not run:
        raise ConflictError("every step succeeded: there is nothing to retry", hint="mission rerun")
    return _selection(mission, run, earlier)


def attempt_base(earlier: Snapshot, steps: Iterable[str]) -> dict[str, int]:
    """Return how many attempts `earlier` made of each of `steps`, zeroes left out."""
    return {
        step_id: earlier.tasks[step_id].attempt
        for step_id in steps
        if step_id in earlier.tasks and earlier.tasks[step_id].attempt
    }


def require_step(mission: Mission, step_id: str) -> None:
    """Raise `NotFoundError` unless the mission has that step."""
    known = [step.id for step in mission.steps]
    if step_id not in known:
        near = get_close_matches(step_id, known, n=3)
        hint = f"did you mean {', '.join(f'`{name}`' for name in near)}?" if near else None
        raise NotFoundError(f"the mission has no step `{step_id}`", hint=hint)


def _selection(mission: Mission, run: Collection[str], earlier: Snapshot | None) -> Selection:
    reuse: dict[str, Reuse] = {}
    unselected: set[str] = set()
    for step in mission.steps:
        if step.id in run:
            continue
        task = None if earlier is None else earlier.tasks.get(step.id)
        if earlier is not None and task is not None and task.state is TaskState.SUCCESS:
            origin = task.reused_from or earlier.current.execution_id
            reuse[step.id] = Reuse(origin, task.outputs or {})
        else:
            unselected.add(step.id)
    ordered = tuple(step.id for step in mission.steps if step.id in run)
    return Selection(ordered, reuse, frozenset(unselected))
