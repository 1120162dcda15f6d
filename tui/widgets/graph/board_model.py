"""Builds the model of a graph from a board and the sub-missions that are open in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.domain.item_label import step_title
from core.domain.mission import EMPTY, Mission, MissionStep
from core.domain.records import TaskRun
from tui.layout.dag import dag_of
from tui.layout.frames.cluster import OUTSIDE
from tui.live.board import Board
from tui.live.node_status import IDLE, NodeStatus, status_of
from tui.live.steps.inner_missions import InnerMission, may_open
from tui.live.steps.step_path import joined, last_of, parent_of
from tui.widgets.graph.graph_model import GraphModel, model_of
from tui.words.safe_text import clean_line

_MAY_OPEN, _IS_OPEN = " ▸", " ▾"


@dataclass(slots=True)
class _Entry:
    """A node to be: its path, and the paths that it depends on."""

    path: str
    name: str
    needs: list[str]
    status: NodeStatus
    cluster: int
    is_conditional: bool = False
    is_handler: bool = False


@dataclass(slots=True)
class _Collected:
    """All entries, the clusters, and what takes the place of an open step as a dependency."""

    opened: Mapping[str, InnerMission]
    entries: list[_Entry] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    exits: dict[str, list[str]] = field(default_factory=dict)


def board_model(
    board: Board,
    ids: Sequence[str],
    tasks: Mapping[str, TaskRun],
    opened: Mapping[str, InnerMission] = EMPTY,
) -> GraphModel:
    """Build what is drawn of these task runs; an item of a fan-out hangs on its step.

    The steps of an open sub-mission stand between the step that runs it and what depends on that.
    Of the board it reads only what no news change, so it may run in a thread.
    """
    found = _Collected(opened)
    handlers = () if board.mission is None else board.mission.handlers.all
    handler_ids = {step.id for step in handlers}
    for task_id in ids:
        _add(found, "", task_id, board.steps, tasks, board.mission, OUTSIDE, handler_ids)
    index = {entry.path: number for number, entry in enumerate(found.entries)}
    upstream = [
        [index[one] for one in _resolved(found, entry.needs) if one in index]
        for entry in found.entries
    ]
    model = model_of(
        [entry.path for entry in found.entries],
        dag_of(upstream),
        {entry.path: entry.name for entry in found.entries},
        [entry.path for entry in found.entries if entry.is_conditional],
        [entry.path for entry in found.entries if entry.is_handler],
    )
    model.statuses = [entry.status for entry in found.entries]
    if found.parents:
        model.cluster_of = [entry.cluster for entry in found.entries]
        model.cluster_parents, model.cluster_titles = found.parents, found.titles
        model.openers = {index[path]: number for number, path in enumerate(found.paths)}
    return model


def statuses_within(
    opened: Mapping[str, InnerMission], changed: Mapping[str, TaskRun]
) -> dict[str, NodeStatus]:
    """Return the statuses of steps of open sub-missions, by path."""
    found = {}
    for path, task in changed.items():
        inner = opened.get(parent_of(path))
        step = None if inner is None else inner.steps.get(task.parent_task_id or task.task_id)
        found[path] = status_of(task, _attempts(step, None if inner is None else inner.mission))
    return found


def _add(
    found: _Collected,
    path: str,
    task_id: str,
    steps: Mapping[str, MissionStep],
    tasks: Mapping[str, TaskRun],
    mission: Mission | None,
    cluster: int,
    handlers: Iterable[str],
) -> None:
    """Add one step of the run, or of the sub-mission at `path`, and what is open in it."""
    task = tasks.get(task_id)
    parent = None if task is None else task.parent_task_id
    step = steps.get(parent or task_id)
    name = task_id if step is None else step.name
    if task is not None and parent is not None:
        name = step_title(task)
    own = joined(path, task_id)
    inner = found.opened.get(own)
    if may_open(step, task):
        name += _MAY_OPEN if inner is None else _IS_OPEN
    needs = [] if step is None else [joined(path, need) for need in step.depends_on]
    if parent is not None and parent in tasks:
        needs = [joined(path, parent)]
    found.entries.append(
        _Entry(
            own,
            name,
            needs,
            IDLE if task is None else status_of(task, _attempts(step, mission)),
            cluster,
            step is not None and step.when is not None and parent is None,
            cluster == OUTSIDE and task_id in handlers,
        )
    )
    if inner is not None:
        _add_inner(found, own, inner, cluster)


def _add_inner(found: _Collected, path: str, inner: InnerMission, around: int) -> None:
    cluster = len(found.parents)
    found.parents.append(around)
    found.titles.append(clean_line(inner.title))
    found.paths.append(path)
    steps = inner.steps
    handlers = () if inner.mission is None else tuple(s.id for s in inner.mission.handlers.all)
    first = len(found.entries)
    for task_id in list(inner.tasks) or list(steps):
        _add(found, path, task_id, steps, inner.tasks, inner.mission, cluster, ())
    own = [entry for entry in found.entries[first:] if entry.cluster == cluster]
    steps_alone = [entry for entry in own if not _is_item(inner, entry.path)]
    needed = {need for entry in steps_alone for need in entry.needs}
    of_handlers = {joined(path, one) for one in handlers}
    last = [
        entry.path
        for entry in steps_alone
        if entry.path not in needed and entry.path not in of_handlers
    ]
    found.exits[path] = last or [path]
    for entry in own:
        if entry.path in of_handlers:  # they run after its end, if it ends in their way
            entry.needs, entry.is_conditional = list(last), True
        elif not entry.needs:
            entry.needs = [path + _ENTRY]


_ENTRY = "\x1e"
"""Marks a need of the step itself, not of what its sub-mission ends with."""


def _resolved(found: _Collected, needs: Sequence[str]) -> list[str]:
    """Return dependencies with open steps replaced by the last steps of their sub-missions."""
    out: list[str] = []
    for need in needs:
        if need.endswith(_ENTRY):
            out.append(need.removesuffix(_ENTRY))
        elif (exits := found.exits.get(need)) is None or exits == [need]:
            out.append(need)
        else:
            out += _resolved(found, exits)
    return list(dict.fromkeys(out))


def _is_item(inner: InnerMission, path: str) -> bool:
    task = inner.tasks.get(last_of(path))
    return task is not None and task.parent_task_id is not None


def _attempts(step: MissionStep | None, mission: Mission | None) -> int:
    """Return how many attempts a step may take; 1 until its mission is known."""
    if step is None or mission is None:
        return 1
    return (step.retry or mission.config.retry).max_attempts
