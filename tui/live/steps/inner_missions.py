"""The sub-missions that are open within a run, read anew when something was committed.

A step within them is named by its path: the ids of the steps that lead to it, from the run down.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.audit.replay.timeline import Moment
from core.domain.events import dump_json
from core.domain.mission import EMPTY, Mission, MissionSource, MissionStep
from core.domain.records import Execution, TaskRun
from core.domain.state_word import state_word
from core.domain.states import is_terminal
from core.errors import MissionDeckError, MissionInvalidError
from core.ports.reader import Reader
from core.step_type.registry import SUB_MISSION_TYPES
from tui.live.backend import Backend
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker, Start
from tui.live.execution_queries import read_mission
from tui.live.lookup import Lookup
from tui.live.past import Past, Place, shown
from tui.live.screen.as_of import AsOf
from tui.live.steps.step_path import SEPARATOR, joined, last_of, parent_of
from tui.words.run_label import run_name


def may_open(step: MissionStep | None, task: TaskRun | None) -> bool:
    """Tell whether a step has a sub-mission of its own; a fan-out has one for each item instead."""
    if step is None or step.step_type not in SUB_MISSION_TYPES:
        return False
    fans_out = step.foreach is not None or step.matrix is not None
    return not fans_out or (task is not None and task.parent_task_id is not None)


@dataclass(frozen=True, slots=True)
class InnerMission:
    """One open sub-mission. Without an execution it is a plan: no step of it has a task run."""

    mission: Mission | None = None
    execution: Execution | None = None
    tasks: Mapping[str, TaskRun] = field(default_factory=dict)
    title: str = ""
    plan: str = ""
    """What is known of what it would run, if there is no execution."""
    cursor: int = 0
    """Up to which event of the log its task runs are known."""
    folder: Path | None = None
    """The folder that files of its own sub-missions are relative to."""
    attempt: int = 0
    """The attempt of its step that made the execution."""

    @property
    def steps(self) -> Mapping[str, MissionStep]:
        """Its steps by id."""
        return {} if self.mission is None else {step.id: step for step in self.mission.all_steps}


class InnerMissions:
    """What is open, by the path of the step that runs it, outermost first.

    `changed` is called after `opened` has changed, with the paths whose task runs have (none if
    only an execution has); None when there are other steps than before.
    """

    def __init__(
        self,
        lookup: Lookup,
        backend: Callable[[], Backend],
        changed: Callable[[Mapping[str, TaskRun] | None], object],
        start: Start,
    ) -> None:
        self._lookup = lookup
        self._backend = backend
        self._changed = changed
        self._worker = CoalescingWorker(self._read, start)
        self._board: Board | None = None
        self._as_of: AsOf | None = None
        self._pasts: dict[str, Past] = {}
        self.moments: dict[str, Moment] = {}
        """The moment that each open sub-mission is shown at, by its execution; none for now."""
        self._wanted: list[str] = []
        self.opened: Mapping[str, InnerMission] = EMPTY

    def is_open(self, path: str) -> bool:
        """Tell whether the sub-mission of a step is open or about to be."""
        return path in self._wanted

    def open(self, path: str) -> None:
        """Open the sub-mission of a step; its steps follow once they are read."""
        if path not in self._wanted:
            self._wanted.append(path)
            self._wanted.sort(key=lambda one: one.count(SEPARATOR))
            self._worker.request()

    def fold(self, path: str) -> None:
        """Close the sub-mission of a step, with those within it."""
        inside = joined(path, "")
        self._wanted = [p for p in self._wanted if p != path and not p.startswith(inside)]
        self._keep({p: one for p, one in self.opened.items() if p in self._wanted})

    def refresh(self, board: Board, as_of: AsOf | None) -> None:
        """Read what is open again, as it is now or was at a moment, within the run of a board."""
        self._board, self._as_of = board, as_of
        if self._wanted:
            self._worker.request()

    async def _read(self) -> None:
        board, as_of = self._board, self._as_of
        if board is None:
            return
        found: dict[str, InnerMission] = {}
        if as_of is None:
            self.moments.clear()
        for path in list(self._wanted):
            owner = found.get(parent_of(path))
            if owner is None and parent_of(path):
                continue  # what it lies in was not read
            try:
                found[path] = await self._read_one(board, path, owner, as_of)
            except MissionDeckError as error:
                found[path] = InnerMission(title=f"cannot be read: {error.message}")
        self._keep({path: one for path, one in found.items() if path in self._wanted})

    async def _read_one(
        self, board: Board, path: str, owner: InnerMission | None, as_of: AsOf | None
    ) -> InnerMission:
        known, backend = self.opened.get(path), self._backend()
        task_id = last_of(path)
        execution = board.execution if owner is None else owner.execution
        mission = board.mission if owner is None else owner.mission
        tasks = board.tasks if owner is None else owner.tasks
        folder = _folder_of(board.execution.source_path) if owner is None else owner.folder
        task = tasks.get(task_id)

        def query(reader: Reader) -> InnerMission | None:
            if execution is None or task is None or not task.attempt:
                return None
            return _read_run(reader, backend, execution.execution_id, task, known, as_of)

        run = await self._lookup.read(query)
        if run is not None and run.execution is not None:
            return run if as_of is None else await self._as_it_was(run, run.execution, as_of)
        step_id = task_id if task is None else task.parent_task_id or task_id
        steps = () if mission is None else mission.all_steps
        step = next((one for one in steps if one.id == step_id), None)
        if known is None or known.execution is not None or known.mission is None:
            known = await self._lookup.read(lambda _reader: _plan(backend, step, folder))
        return replace(known, title=f"{_not_run(task)}: {known.plan}")

    async def _as_it_was(
        self, run: InnerMission, execution: Execution, as_of: AsOf
    ) -> InnerMission:
        execution_id = execution.execution_id
        past = self._pasts.setdefault(execution_id, Past(execution_id, self._lookup))
        await past.read(lambda _count: None)
        moment = await past.moment(past.number(Place(at=as_of.instant), None))
        self.moments[execution_id] = moment
        tasks = {task_id: shown(task) for task_id, task in moment.tasks.items()}
        return replace(run, execution=moment.execution, tasks=tasks)

    def _keep(self, found: Mapping[str, InnerMission]) -> None:
        before, self.opened = self.opened, found
        changed: dict[str, TaskRun] = {}
        told_anew = False
        for path, one in found.items():
            was = before.get(path)
            if was is None or was.tasks.keys() != one.tasks.keys() or was.title != one.title:
                self._changed(None)
                return
            told_anew = told_anew or was.execution != one.execution
            for task_id, task in one.tasks.items() if was.tasks is not one.tasks else ():
                if was.tasks[task_id] is not task:
                    changed[joined(path, task_id)] = task
        if before.keys() != found.keys():
            self._changed(None)
        elif changed or told_anew:
            self._changed(changed)


def _read_run(
    reader: Reader,
    backend: Backend,
    execution_id: str,
    step: TaskRun,
    known: InnerMission | None,
    as_of: AsOf | None,
) -> InnerMission | None:
    """Return the newest sub-mission that a step had run by then; None if there was none.

    Another one is looked for only when the step has made another attempt: a fan-out may have
    thousands of them.
    """
    run = None if known is None else known.execution
    if known is None or run is None or known.attempt != step.attempt or as_of is not None:
        runs = [
            one
            for one in reader.children(execution_id)
            if one.parent_task_id == step.task_id
            and (as_of is None or one.created_at <= as_of.instant)
        ]
        if not runs:
            return None
        before, run = run, runs[-1]
        if known is None or before is None or before.execution_id != run.execution_id:
            known = InnerMission(
                read_mission(reader, backend, run),
                run,
                title=run_name(run),
                folder=_folder_of(run.source_path),
            )
    if as_of is not None:
        return replace(known, cursor=0)
    run = reader.find_execution(run.execution_id)
    cursor, tasks = reader.task_states(run.execution_id, after_seq=known.cursor)
    merged = {**known.tasks, **{task.task_id: task for task in tasks}} if tasks else known.tasks
    attempt = run.parent_attempt or 0
    return replace(known, execution=run, tasks=merged, cursor=cursor, attempt=attempt)


def _not_run(task: TaskRun | None) -> str:
    """Say why a step has no sub-mission of its own."""
    if task is None or not is_terminal(task.state):
        return "not started"
    return f"{state_word(task.state, task.reason_code)}, not run here"


def _plan(backend: Backend, step: MissionStep | None, folder: Path | None) -> InnerMission:
    """Return what a step that has not started would run, as far as that is known."""
    if step is None:
        return InnerMission(plan="its mission is not known")
    if step.step_type == "group":
        content = dump_json(step.parameters.get("mission")).encode()
        digest = hashlib.sha256(content).hexdigest()
        source = MissionSource(digest=digest, name=step.id, content=content, format="json")
        return InnerMission(backend.read_mission(source), plan="the plan", folder=folder)
    file = step.parameters.get("file")
    if not isinstance(file, str) or "{{" in file or folder is None:
        return InnerMission(plan="its file is known at the start only")
    path = folder / file
    try:
        mission = backend.preview(str(path)).mission
    except MissionInvalidError:
        mission = None
    if mission is None:
        return InnerMission(plan=f"{file} is invalid as it is now")
    return InnerMission(mission, plan=f"{file} as it is now", folder=path.absolute().parent)


def _folder_of(source_path: str | None) -> Path | None:
    return None if source_path is None else Path(source_path).parent
