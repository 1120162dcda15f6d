"""Runs sub-missions: linked executions that the runner of their parent drives."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.mission import EMPTY, Mission
from core.domain.mission_result import mission_result
from core.domain.records import Execution, TaskRun
from core.domain.states import AttemptState, ExecutionState, is_terminal
from core.errors import LeaseHeldError, UsageError
from core.explain.failure_line import failure_line
from core.launch.breakpoints import breakpoints_within
from core.launch.forced_steps import forced_within
from core.launch.order import Order, launch
from core.machine.ownership import is_owned
from core.mission_file.keys.param_values import resolve_params
from core.mission_file.load import load_mission
from core.operations.admission.policy_check import admit
from core.operations.mission_order import STDIN, make_order
from core.operations.mission_secret_check import require_secrets
from core.operations.recorded_mission import stored_mission
from core.operations.relaunch import earlier_of, retry_order
from core.operations.site import OpenStore, Site
from core.operations.snapshot import load_snapshot
from core.planning.earlier_items import RetriedExecution
from core.ports.control import RequestKind
from core.ports.journal import Receipt
from core.runner.execution_tree import ExecutionTree, Origin
from core.security.policy.policies import NO_POLICIES, Policies
from core.step_type.host import SubMissionEnd

OTHER_RUNNER_SECONDS = 0.2
"""How often to check whether another runner has ended a sub-mission."""


class Child(Struct, frozen=True):
    """A sub-mission's execution, new or stored."""

    mission: Mission
    snapshot: Snapshot


class Wanted(Struct, frozen=True, kw_only=True):
    """What a step runs: the mission file at `path` with `params`, or `content` without a file."""

    path: Path = Path()
    params: Mapping[str, Any] = EMPTY
    content: bytes | None = None


DriveChild = Callable[[str, Child, bool], Awaitable[Receipt | None]]
"""Drives a step's child to its end, or (True) to its cancelled end.

When cancelled, it cancels the child gracefully first.
"""


class ChildRunner(Struct, frozen=True, kw_only=True):
    """Implements the engine's `SubMissions` for one parent execution.

    `folder` is that of the parent's mission file; `above` are the origins of the executions from
    the root down to the parent. `is_resumed`: the parent had a runner before this one.
    """

    site: Site
    store: OpenStore
    parent: Snapshot
    earlier: RetriedExecution | None
    folder: Path
    actor: str
    tree: ExecutionTree
    environ: Mapping[str, str]
    above: Sequence[Origin]
    drive: DriveChild
    is_resumed: bool
    policies: Policies = NO_POLICIES
    under_way: set[str] = field(default_factory=set)
    """The steps whose sub-mission has no end here: it runs, or it was cut short."""

    async def run(self, task: TaskRun, file: str, params: Mapping[str, Any]) -> SubMissionEnd:
        """Run a mission for the running attempt of `task`.

        The attempt goes on with the execution that the attempt before it lost, and retries the one
        that failed, as long as it is the same file with the same parameters. Raises
        `MissionDeckError` for a file that is not there, not valid, above this one, or nested too
        deep.
        """
        return await self._run(task, Wanted(path=self.folder / file, params=params))

    async def run_text(self, task: TaskRun, content: bytes) -> SubMissionEnd:
        """Run the steps of a group for the running attempt of `task`, as `run` does."""
        return await self._run(task, Wanted(content=content))

    async def _run(self, task: TaskRun, wanted: "Wanted") -> SubMissionEnd:
        self.under_way.add(task.task_id)
        end = await self._run_wanted(task, wanted)
        self.under_way.discard(task.task_id)
        return end

    async def _run_wanted(self, task: TaskRun, wanted: "Wanted") -> SubMissionEnd:
        known = self._known(task)
        if known is not None and not self._is_same(known, wanted):
            await self._end(task.task_id, known)
            known = None
        if known is None:
            return await self._drive(task.task_id, await self._fresh(task, wanted))
        if not is_terminal(known.state):
            if known.parent_execution_id == self.parent.current.execution_id:
                return await self._drive(task.task_id, self._stored(known))
            await self._end(task.task_id, known)
        if known.state is ExecutionState.SUCCESS or self._is_unreported(known, task):
            return _end_of(self._stored(known), None)
        return await self._drive(task.task_id, await self._again(task, known))

    def has_abandoned(self) -> bool:
        """Tell whether a sub-mission is left that no step will take up again."""
        return (self.is_resumed or bool(self.under_way)) and bool(self._abandoned())

    async def end_abandoned(self) -> None:
        """Cancel the sub-missions that are left, and wait for their ends."""
        for child in self._abandoned():
            await self._end(child.parent_task_id or child.mission_name, child)

    # --- which execution ------------------------------------------------------------------------

    def _known(self, task: TaskRun) -> Execution | None:
        """Return the newest sub-mission that earlier attempts of `task` made, here or before."""
        if task.attempt <= 1:
            return None
        with closing(self.site.open_reader()) as reader:
            parent, earlier = self.parent.current, self.earlier
            while True:
                mine = [
                    child
                    for child in reader.children(parent.execution_id)
                    if child.parent_task_id == task.task_id
                ]
                if mine:
                    return mine[-1]
                before = None if earlier is None else earlier.counterpart(task)
                if earlier is None or before is None:
                    return None
                task, parent = before, earlier.execution
                earlier = earlier_of(self.site.open_reader, earlier.snapshot)

    def _is_same(self, known: Execution, wanted: "Wanted") -> bool:
        """Tell whether a known sub-mission is what the step asks for now."""
        if wanted.content is not None:
            return known.mission_digest == hashlib.sha256(wanted.content).hexdigest()
        path, params = wanted.path, wanted.params
        if known.source_path != str(path.absolute()):
            return False
        try:
            return resolve_params(self._stored(known).mission, params) == dict(known.params)
        except UsageError:
            return False

    def _is_unreported(self, known: Execution, task: TaskRun) -> bool:
        """Tell whether every attempt since the one that made it was lost: its end is still news."""
        if known.parent_execution_id != task.execution_id or known.parent_attempt is None:
            return False
        since = [
            attempt.state
            for attempt in self.parent.attempts[task.task_id]
            if known.parent_attempt <= attempt.attempt < task.attempt
        ]
        return bool(since) and all(state is AttemptState.LOST for state in since)

    def _abandoned(self) -> list[Execution]:
        with closing(self.site.open_reader()) as reader:
            children = reader.children(self.parent.current.execution_id)
        return [child for child in children if not is_terminal(child.state)]

    def _stored(self, execution: Execution) -> Child:
        with closing(self.site.open_reader()) as reader:
            snapshot = load_snapshot(reader, execution.execution_id)
            return Child(stored_mission(reader, snapshot.current)[0], snapshot)

    # --- making and driving it ------------------------------------------------------------------

    async def _fresh(self, task: TaskRun, wanted: "Wanted") -> Child:
        if wanted.content is not None:
            return await self._fresh_group(task, wanted.content)
        path, params = wanted.path, wanted.params
        loaded = await asyncio.to_thread(load_mission, path)
        order = make_order(loaded, reference=str(path), actor=self.actor, params=params)
        return await self._created(order, task)

    async def _fresh_group(self, task: TaskRun, content: bytes) -> Child:
        """Create the execution of a group: it has no file, and works where its parent does."""
        parent = self.parent.current
        loaded = await asyncio.to_thread(
            load_mission, content, name=f"the steps of {task.task_id}", fmt="json"
        )
        order = make_order(loaded, reference=STDIN, actor=self.actor, params={}, folder=self.folder)
        return await self._created(replace(order, working_dir=parent.working_dir), task)

    async def _again(self, task: TaskRun, known: Execution) -> Child:
        with closing(self.site.open_reader()) as reader:
            order, _ = retry_order(
                reader,
                known.execution_id,
                reason=f"`{task.task_id}` of {task.execution_id} is tried again",
                actor=self.actor,
                may_be_empty=True,
            )
        return await self._created(order, task)

    async def _created(self, order: Order, task: TaskRun) -> Child:
        self.tree.admit(order, self.above)
        require_secrets(self.site, order, self.environ)
        parent, step_id = self.parent.current, task.parent_task_id or task.task_id
        order = replace(
            order,
            parent_execution_id=task.execution_id,
            parent_task_id=task.task_id,
            parent_attempt=task.attempt,
            breakpoints=breakpoints_within(parent.breakpoints, step_id),
            forced=forced_within(parent.forced, step_id),
            keep_going=parent.keep_going,
        )
        order = await admit(self.site, self.policies, order, store=self.store)
        snapshot, _ = await launch(order, self.site.clock, self.store.journal)
        return Child(order.mission, snapshot)

    async def _drive(self, task_id: str, child: Child, *, to_cancel: bool = False) -> SubMissionEnd:
        receipt = None
        while not is_terminal(child.snapshot.current.state):
            try:
                receipt = await self.drive(task_id, child, to_cancel)
            except LeaseHeldError:  # somebody cancelled it meanwhile, and its own runner does so
                child = await self._left_by_another(child)
        return _end_of(child, receipt)

    async def _end(self, task_id: str, known: Execution) -> None:
        """Cancel a sub-mission that has not ended, if no runner does so already."""
        if not is_terminal(known.state):
            await self._drive(task_id, self._stored(known), to_cancel=True)

    async def _left_by_another(self, child: Child) -> Child:
        """Return a sub-mission once its other runner has ended it, or is gone itself.

        A cancel that comes meanwhile is passed on to that runner.
        """
        execution = child.snapshot.current
        try:
            while True:
                await asyncio.sleep(OTHER_RUNNER_SECONDS)
                found = self._stored(execution)
                if is_terminal(found.snapshot.current.state) or not self._is_owned(execution):
                    return found
        except asyncio.CancelledError:
            await self.store.control.request(
                execution.execution_id, RequestKind.CANCEL, actor=self.actor
            )
            raise

    def _is_owned(self, execution: Execution) -> bool:
        with closing(self.site.open_reader()) as reader:
            return is_owned(reader.lease(execution.execution_id), self.site.clock.now())


def _end_of(child: Child, receipt: Receipt | None) -> SubMissionEnd:
    result = mission_result(
        child.mission,
        child.snapshot,
        events_logged=0 if receipt is None else receipt.execution_events,
        integrity_verified=False,
    )
    execution = child.snapshot.current
    if execution.state is ExecutionState.SUCCESS:
        return SubMissionEnd(result, None)
    cause = None
    if execution.state is ExecutionState.FAILED:
        cause = failure_line(child.snapshot.tasks, child.mission)
    ended = f"{execution.mission_name} ended {execution.state} ({execution.reason_code})"
    message = f": {execution.message}" if execution.message else ""
    return SubMissionEnd(result, cause or f"{ended}{message}")
