"""What a run would find of steps that declare their files, if it began now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.events import item_task_id
from core.domain.fold import Snapshot, fold
from core.domain.item_label import step_title
from core.domain.mission import Mission, MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.engine.context import ExecutionContext, rendered_env
from core.engine.preparation import prepare
from core.engine.up_to_date.file_state import FileStates
from core.engine.up_to_date.step_check import question_of
from core.engine.up_to_date.step_comparison import Compared, StepComparer
from core.errors import UsageError
from core.graph.dag import Graph
from core.launch.order import Order, first_events
from core.machine.environment import value_text
from core.operations.admission.listing_now import is_listing, listing_now
from core.operations.mission_secret_check import mission_secrets
from core.operations.site import Site
from core.output.masker import Masker
from core.planning.fanout_items import ItemsError, items_of
from core.security.env_file import EnvFile, EnvFileError, read_env_files, values_of


class PlannedChange(Struct, frozen=True, kw_only=True):
    """What is known of a step, or of an item, before the run.

    `because` says what has changed. `after` names steps before it that would run, so that it is
    compared again then.
    """

    task_id: str
    title: str
    """The step for people: its id, followed by the item of a fan-out."""
    is_up_to_date: bool | None
    """None: that cannot be said before the run."""
    because: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class _Surroundings(Struct, frozen=True, kw_only=True):
    """What steps are prepared with."""

    mission: Mission
    context: ExecutionContext
    working_dir: Path
    folder: Path | None
    protected_paths: tuple[Path, ...]
    mission_env: Mapping[str, str]
    environ_error: str | None
    masker: Masker = field(default_factory=Masker)


def planned_changes(
    site: Site, order: Order, *, has_records: bool, protected: tuple[Path, ...] = ()
) -> list[PlannedChange]:
    """Return what is known of the steps that declare their files, in the order of the graph.

    Nothing where an input of the mission is missing. Raises `UnavailableError` when the records
    cannot be read.
    """
    mission = order.mission
    if not has_records or not any(step.declares_files for step in mission.steps):
        return []
    try:
        snapshot = fold(first_events(order, site.clock))
    except UsageError:
        return []
    with closing(site.open_step_records()) as records:
        folder = Path(order.working_dir)
        secrets = mission_secrets(mission, site, environ=site.environ, folder=folder)
        comparer = StepComparer(records, FileStates(), secrets)
        surroundings = _surroundings(order, snapshot, site, protected)
        forced = frozenset(order.forced or ())
        would_run: set[str] = set()
        found: list[PlannedChange] = []
        graph = Graph.of(mission)
        for number in graph.order:
            step = mission.steps[number]
            task = snapshot.tasks[step.id]
            if task.state is not TaskState.PENDING:
                continue  # left out, or reused
            after = tuple(name for name in step.depends_on if name in would_run)
            if not step.declares_files:
                listed = None
                if not after and is_listing(step):
                    prepared = prepare(surroundings, task, step)
                    listed = listing_now(prepared, folder, protected, site.permitted().folders)
                if listed is None:
                    would_run.add(step.id)
                else:  # it runs, too, and finds what it would find now
                    snapshot.tasks[step.id] = replace(
                        task, state=TaskState.SUCCESS, reason_code=Reason.STEP_DONE, outputs=listed
                    )
                continue
            answers = list(_compared(surroundings, comparer, step, task, forced))
            for one, answer in answers:
                found.append(_change(one, answer, after))
            if any(answer is None or answer.because for _, answer in answers):
                would_run.add(step.id)
            elif step.foreach is None and step.matrix is None:
                record = answers[0][1].record if answers and answers[0][1] else None
                outputs: Mapping[str, Any] = {} if record is None else record.result
                snapshot.tasks[step.id] = replace(
                    task,
                    state=TaskState.SKIPPED,
                    reason_code=Reason.UP_TO_DATE,
                    outputs=outputs,
                )
        return found


def _compared(
    surroundings: _Surroundings,
    comparer: StepComparer,
    step: MissionStep,
    task: TaskRun,
    forced: frozenset[str],
) -> Iterator[tuple[TaskRun, Compared | None]]:
    """Yield the answer for a step or each of its items; None where values of the run are needed."""
    tasks = [task]
    if step.foreach is not None or step.matrix is not None:
        try:
            items = items_of(step, surroundings.context.scope(task))
        except ItemsError:
            yield task, None
            return
        tasks = [
            replace(task, task_id=item_task_id(step.id, index), parent_task_id=step.id, item=item)
            for index, item in enumerate(items)
        ]
    for one in tasks:
        prepared = prepare(surroundings, one, step)
        if prepared.refusal is not None:
            yield one, None
        else:
            question = question_of(surroundings, prepared, forced)
            yield one, comparer.compare([question])[0]


def _change(task: TaskRun, answer: Compared | None, after: tuple[str, ...]) -> PlannedChange:
    because = () if answer is None else answer.because
    is_same = None if answer is None or (after and not because) else not because
    return PlannedChange(
        task_id=task.task_id,
        title=step_title(task),
        is_up_to_date=is_same,
        because=because,
        after=after,
    )


def _surroundings(
    order: Order, snapshot: Snapshot, site: Site, protected: tuple[Path, ...]
) -> _Surroundings:
    mission, folder = order.mission, Path(order.working_dir)
    source = snapshot.current.source_path
    context = ExecutionContext(mission, snapshot, clock=site.clock)
    context.environ = site.environ
    own_env, error = rendered_env(mission.env, context)
    file_folder = folder if source is None else Path(source).parent
    files: Sequence[EnvFile] = ()
    try:
        files = read_env_files(file_folder, mission.env_files, protected)
    except EnvFileError as problem:
        error = error or str(problem)
    env = {**values_of(files), **own_env}
    return _Surroundings(
        mission=mission,
        context=context,
        working_dir=folder,
        folder=file_folder,
        protected_paths=protected,
        mission_env={name: value_text(value) for name, value in env.items()},
        environ_error=error,
    )
