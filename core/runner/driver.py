"""Drives one execution: takes its lease, resumes it, builds its engine, drives its sub-missions."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from msgspec.structs import replace

from core.domain.events import Event
from core.domain.item_label import step_title
from core.domain.mission import EMPTY, INPUT_PREFIX
from core.domain.records import Execution
from core.domain.states import ExecutionState, TaskState, is_terminal
from core.engine.context import ExecutionContext, rendered_env
from core.engine.loop import Engine
from core.engine.preparation import RunContext
from core.errors import ConflictError, UnavailableError
from core.graph.dag import Graph
from core.launch.group_name import group_of
from core.machine.environment import base_environment, value_text
from core.machine.machine_pressure import MachinePressure
from core.machine.system_clock import ClockWatch
from core.operations.abandoned_processes import end_processes, ended_text
from core.operations.lost import mark_lost
from core.operations.mission_secret_check import mission_secrets, needed_secrets
from core.operations.relaunch import earlier_of
from core.operations.site import OpenStore, Site
from core.planning.recovery import (
    AssumeLost,
    has_open_attempts,
    lost,
    may_have_acted,
    needs_consent,
    resumed,
    was_driven,
)
from core.ports.artifacts import ArtifactKeeper
from core.ports.claims import Claim, ClaimKind, Claims
from core.ports.control import Lease, RequestKind
from core.ports.executor import Executor
from core.ports.journal import Receipt
from core.recording.recorder import Recorder
from core.runner.child_runner import Child, ChildRunner
from core.runner.drive_plan import DrivePlan, breaker_policy
from core.runner.execution_tree import ExecutionTree, Origin, origin_of, recover_sub_missions
from core.runner.heartbeat import run_engine
from core.runner.leased_claims import LeasedClaims
from core.runner.signal_watch import cancel_request, killed_by_second_signal
from core.security.env_file import EnvFile, EnvFileError, read_env_files, secrets_of, values_of


class Driver:
    """One execution and what it takes to drive it; makes further drivers for sub-missions.

    `origins` are those of the executions from the root down to this one.
    """

    def __init__(
        self,
        site: Site,
        store: OpenStore,
        executor: Executor,
        plan: DrivePlan,
        tree: ExecutionTree,
        origins: Sequence[Origin],
    ) -> None:
        self._site = site
        self._store = store
        self._clock = site.clock
        self._executor = executor
        self._plan = plan
        self._tree = tree
        self._origins = origins
        self._is_resumed = False
        self._is_killed = False
        self._children: dict[Engine, DrivePlan] = {}
        self._secrets = mission_secrets(
            plan.mission, site, environ=plan.environ, folder=_folder_of(plan)
        )
        self._policies = plan.policies or site.policies(_folder_of(plan))
        self._gate = site.new_gate(self._policies)
        self._permitted = site.permitted()
        self._step_records = site.open_step_records()
        self._before: Lease | None = None
        self._lease: Lease | None = None

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[Lease]:
        """Hold the lease of the execution.

        Raises `ConflictError` when it has ended or was driven since it was read, `LeaseHeldError`
        while another runner lives.
        """
        execution = self._plan.snapshot.current
        if is_terminal(execution.state):
            raise ConflictError(f"execution {execution.execution_id} has ended: {execution.state}")
        if execution.state is not ExecutionState.PENDING:
            with closing(self._site.open_reader()) as reader:
                self._before = reader.lease(execution.execution_id)
        lease = await self._store.control.acquire(
            execution.execution_id, from_parent=self._plan.is_launched
        )
        try:
            if lease.epoch > 1:
                _require_unchanged(self._site, execution)
            self._lease = lease
            yield lease
        finally:
            self._step_records.close()
            await self._store.control.release(lease)

    async def resume(self, *, is_ending: bool) -> None:
        """Commit the events that a new runner starts with; none for an execution that never ran.

        The sub-missions of a lost runner are marked as lost, too, and wait for their steps.
        Raises `ConflictError` when a lost attempt must not be repeated without consent, unless
        the execution `is_ending`.
        """
        plan = self._plan
        if not is_ending:
            done = {one.task_id for one in plan.snapshot.tasks.values() if is_terminal(one.state)}
            self._secrets.require(needed_secrets(plan.mission, without=done))
        await self._mask_earlier_secrets()
        if plan.snapshot.current.state is ExecutionState.PENDING:
            return
        self._is_resumed = True
        ended = ended_text(await end_processes(plan.snapshot, self._before))
        if self._lease is not None:
            await self._store.control.give_back_claims(self._lease)
        if was_driven(plan.snapshot.current) or has_open_attempts(plan.snapshot):
            who = "nobody had noticed"
            await self._record(lost(plan.snapshot, self._clock, who=who, ended=ended))
            ended = None
        below = await recover_sub_missions(
            self._site, self._store, plan.snapshot.current.execution_id
        )
        unsafe = [*needs_consent(plan.mission, plan.snapshot), *below]
        if unsafe and plan.assume_lost is None and not is_ending:
            raise ConflictError(
                f"the runner was lost while `{unsafe[0]}` ran, which must not simply be run twice",
                hint="see what it did; `mission resume --assume-lost=retry"
                f" {plan.snapshot.current.execution_id}` repeats the attempt,"
                " `--assume-lost=fail` fails the step",
            )
        failed: Sequence[str] = ()
        if plan.assume_lost is AssumeLost.FAIL:
            failed = may_have_acted(plan.mission, plan.snapshot)
        await self._record(
            resumed(plan.snapshot, self._clock, actor=plan.actor, failed=failed, ended=ended)
        )

    async def _mask_earlier_secrets(self) -> None:
        """Mask the secrets that steps have read before this runner, here or in a retried run.

        These steps may have left a value where a later step finds and prints it.
        """
        mission, tasks = self._plan.mission, self._plan.snapshot.tasks
        if not mission.secrets:
            return
        tried = {
            one.parent_task_id or one.task_id
            for one in tasks.values()
            if one.attempt or one.state is TaskState.SUCCESS
        }
        names = [
            name for step in mission.all_steps if step.id in tried for name in step.secret_names
        ]
        for name, value in (await asyncio.to_thread(self._secrets.known, names)).items():
            self._plan.masker.add(name, value)

    async def _record(self, events: Iterable[Event]) -> None:
        """Fold events one by one and commit them."""
        recorder = Recorder(self._plan.snapshot, self._store.journal, self._plan.masker)
        recorder.emit_all(events)
        await recorder.commit()

    def engine(self) -> Engine:
        """Return the engine over the plan's snapshot."""
        plan, execution = self._plan, self._plan.snapshot.current
        context = ExecutionContext(plan.mission, plan.snapshot, clock=self._clock)
        hidden = plan.hidden | self._secrets.variables
        environ = {
            name: text
            for name, text in plan.environ.items()
            if name not in hidden and not name.startswith(INPUT_PREFIX)
        }
        context.environ = environ
        own_env, environ_error = rendered_env(plan.mission.env, context)
        files, file_error = _env_files(plan)
        mission_env = {**values_of(files), **own_env}
        run_context = RunContext(
            execution_id=execution.execution_id,
            mission=plan.mission,
            context=context,
            executor=self._executor,
            journal=self._store.journal,
            clock=self._clock,
            working_dir=plan.working_dir,
            environ=base_environment(environ, mission_env, execution.execution_id),
            environ_error=environ_error or file_error,
            folder=_folder_of(plan),
            protected_paths=(*plan.protected, *self._policies.folders),
            permitted=self._permitted,
            masker=plan.masker,
            mission_digest=execution.mission_digest,
            mission_env={name: value_text(value) for name, value in mission_env.items()},
            gate=self._gate,
            artifacts=_artifact_keeper(plan),
            secrets=self._secrets,
            step_records=self._step_records,
            forced=execution.forced or (),
        )
        data = () if plan.data_folder is None else (plan.data_folder,)
        folders = (*data, plan.working_dir)
        earlier = earlier_of(self._site.open_reader, plan.snapshot)
        return Engine(
            run_context,
            Graph.of(plan.mission),
            plan.snapshot,
            observer=self._tell,
            parallel_limit=execution.parallel_limit,
            facts={
                "version": plan.version,
                "pid": str(os.getpid()),
                "actor": plan.actor,
                "executor": self._site.executor_name(plan.mission.config),
                **self._permitted.facts(),
            },
            env_files=[file.facts for file in files],
            policies=self._policies.hashes,
            slots=plan.slots,
            pressure=MachinePressure(folders),
            breaker_policy=breaker_policy(plan),
            clock_watch=ClockWatch(),
            on_kill=self._kill,
            claims=self._claims(),
            group=self._group(),
            earlier=earlier,
            missions=ChildRunner(
                site=self._site,
                store=self._store,
                parent=plan.snapshot,
                earlier=earlier,
                folder=_folder_of(plan),
                actor=plan.actor,
                tree=self._tree,
                environ=plan.environ,
                above=self._origins,
                drive=self._drive_child,
                is_resumed=self._is_resumed,
                policies=self._policies,
            ),
        )

    def _claims(self) -> Claims | None:
        """Return the claims of the execution, None before its lease is held."""
        if self._lease is None:
            return None
        return LeasedClaims(
            self._store.control, self._lease, self._plan.actor, mark_lost=self._mark_lost
        )

    async def _mark_lost(self, execution_id: str) -> None:
        with closing(self._site.open_reader()) as reader:
            await mark_lost(self._store, self._clock, reader, execution_id)

    def _group(self) -> Claim | None:
        """Return the claim of the execution on its concurrency group, None without one."""
        execution = self._plan.snapshot.current
        name = group_of(self._plan.mission, execution.params)
        if name is None:
            return None
        return Claim(
            kind=ClaimKind.GROUP,
            name=name,
            execution_id=execution.execution_id,
            tree=self._plan.tree or execution.execution_id,
            priority=self._plan.mission.config.priority,
        )

    def _kill(self) -> None:
        """Kill the sub-missions that run, too, and those that are about to be cancelled."""
        self._is_killed = True
        for engine, plan in self._children.items():
            engine.request(cancel_request(plan, "its parent was killed", force=True))

    def _tell(self, events: Sequence[Event]) -> None:
        if self._plan.observer is not None:
            self._plan.observer(events, self._plan.above)

    async def _drive_child(self, task_id: str, child: Child, to_cancel: bool) -> Receipt | None:
        execution = child.snapshot.current
        task = self._plan.snapshot.tasks.get(task_id)
        title = task_id if task is None else step_title(task)
        plan = replace(
            self._plan,
            mission=child.mission,
            snapshot=child.snapshot,
            working_dir=Path(execution.working_dir),
            above=(*self._plan.above, title),
            tree=self._plan.tree or self._plan.snapshot.current.execution_id,
            hidden=self._plan.hidden | self._secrets.variables,
            policies=self._policies,
            on_ready=None,
            on_signal=None,
            is_launched=False,
        )
        origin = origin_of(execution.source_path, execution.mission_digest)
        origins = [*self._origins, origin]
        driver = Driver(self._site, self._store, self._executor, plan, self._tree, origins)
        async with driver.leased() as lease:
            asked = [*await self._store.control.take_requests(lease)]
            if to_cancel:
                asked.append(cancel_request(plan, "its parent has ended without it"))
            await driver.resume(is_ending=any(one.kind is RequestKind.CANCEL for one in asked))
            make_folder(plan.working_dir)
            engine = driver.engine()
            for request in asked:
                engine.request(request)
            running = asyncio.create_task(
                run_engine(engine, self._store.control, lease, self._executor), name="sub-mission"
            )
            with killed_by_second_signal(engine, plan):
                self._children[engine] = plan
                try:
                    await asyncio.shield(running)
                except asyncio.CancelledError:
                    what, force = "its parent was cancelled", self._is_killed
                    engine.request(cancel_request(plan, what, force=force))
                    await running
                    raise
                finally:
                    del self._children[engine]
            return engine.receipt


def _require_unchanged(site: Site, execution: Execution) -> None:
    """Raise `ConflictError` when it was driven between the time it was read and our lease."""
    with closing(site.open_reader()) as reader:
        now = reader.find_execution(execution.execution_id)
    if (now.state, now.updated_at) != (execution.state, execution.updated_at):
        raise ConflictError(
            f"execution {execution.execution_id} was driven by somebody else in the meantime",
            hint="`mission show` tells where it is; try again if it still waits",
        )


def _env_files(plan: DrivePlan) -> tuple[list[EnvFile], str | None]:
    """Read the environment files of the mission and mask the secrets in them, and in its steps'.

    Returns the files, or why they cannot be used. What steps have read before this runner is masked
    as far as it is still there.
    """
    folder = _folder_of(plan)
    for step in plan.mission.all_steps:
        for name in step.env_files:
            with suppress(EnvFileError):  # a step before it may have to write it
                _mask(plan, read_env_files(folder, (name,), plan.protected))
    try:
        files = read_env_files(folder, plan.mission.env_files, plan.protected)
    except EnvFileError as error:
        return [], str(error)
    _mask(plan, files)
    return files, None


def _mask(plan: DrivePlan, files: Iterable[EnvFile]) -> None:
    for name, value in secrets_of(files).items():
        plan.masker.add(name, value)


def _artifact_keeper(plan: DrivePlan) -> ArtifactKeeper | None:
    """Return what keeps the artifacts of the execution, None when its mission declares none."""
    if plan.artifacts is None or not any(step.artifacts for step in plan.mission.all_steps):
        return None
    from core.output.content_store import ContentStore  # few missions have artifacts
    from core.steps.file.artifact_folder import ArtifactFolder, ArtifactLimits

    kept = sum(
        int(facts["bytes"])
        for tries in plan.snapshot.attempts.values()
        for attempt in tries
        for facts in (attempt.artifacts or EMPTY).values()
    )
    place = plan.artifacts
    return ArtifactFolder(ContentStore(place.folder), ArtifactLimits(**place.limits), kept)


def _folder_of(plan: DrivePlan) -> Path:
    """Return the folder of the mission file, the working directory for one that has no file."""
    source = plan.snapshot.current.source_path
    return plan.working_dir if source is None else Path(source).parent


def make_folder(folder: Path) -> None:
    """Create a working directory if need be; `UnavailableError` when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"working_dir {folder}: {error.strerror or error}") from error
