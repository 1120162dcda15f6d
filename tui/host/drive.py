"""Drive one execution in this process: lease, heartbeat, requests, signals, engine, seal."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from core.domain.events import Event
from core.domain.fold import Snapshot
from core.domain.item_label import step_title
from core.domain.mission import Mission
from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.engine.context import ExecutionContext
from core.engine.loop import Engine
from core.engine.preparation import Surroundings
from core.errors import ConflictError, UnavailableError
from core.executors.local import LocalExecutor
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render
from core.graph.dag import Graph
from core.machine.daemon_threads import DaemonThreads
from core.machine.environment import base_environment
from core.machine.system_clock import ClockWatch
from core.operations.relaunch import earlier_of
from core.planning.cancel_scope import cancel_scope
from core.planning.ending import Ending
from core.planning.recovery import has_open_attempts, lost, needs_consent, resumed
from core.ports.clock import Clock
from core.ports.control import Lease, Request, RequestKind, Slots
from core.ports.journal import Receipt
from core.recording.recorder import Recorder
from storage.read.reader import open_reader
from storage.write.store import Store
from tui.host.child_runner import Child, ChildRunner
from tui.host.family import Family, Origin, origin_of, read_family, take_up
from tui.host.session import LEASE_SECONDS
from tui.host.stop_signal import StopSignals
from tui.host.version import VERSION
from tui.words.cancel_text import cancel_text

REQUEST_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """How a drive ended: the ending, the proof of the last commit, the signal that stopped it."""

    ending: Ending
    receipt: Receipt | None
    signal: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What is driven and how."""

    mission: Mission
    snapshot: Snapshot
    working_dir: Path
    actor: str
    environ: Mapping[str, str]
    protected: tuple[Path, ...] = ()
    slots: Slots | None = None
    consent: bool = False
    """Run lost attempts again even of steps that say they are not idempotent."""
    is_launched: bool = False
    """The process that started this one created the execution and holds its lease for it."""
    observer: Callable[[Sequence[Event], tuple[str, ...]], None] | None = None
    """Told of events once they are durable, of sub-missions too, and of the steps above them."""
    above: tuple[str, ...] = ()
    """The step that runs this as a sub-mission, behind those above it."""
    on_ready: Callable[[], None] | None = None
    """Called once the lease is held and the execution is about to run."""
    signals: StopSignals = field(default_factory=StopSignals)
    """Entered earlier by whoever created the execution."""
    say: Callable[[str], None] | None = None
    """Told what a signal did and what the next one does."""


async def drive(store: Store, clock: Clock, plan: Drive) -> Driven:
    """Take the lease and drive the execution to its end, sub-missions included.

    Raises `LeaseHeldError` while another runner lives, `ConflictError` when the execution has
    ended, and what the journal raises when it cannot be written.
    """
    executor = LocalExecutor()
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    try:
        driver = _Driver(store, clock, executor, plan, *_kin(store, plan.snapshot))
        async with driver.leased() as lease:
            asked = await store.control.take_requests(lease)
            await driver.resume(is_ending=any(one.kind is RequestKind.CANCEL for one in asked))
            _enter(plan.working_dir)
            engine = driver.engine()
            for request in asked:
                engine.request(request)
            if plan.on_ready is not None:
                plan.on_ready()
            _settle_memory()
            async with _watched(engine, plan, executor) as stopped_by:
                ending = await _run(store, engine, lease)
        return Driven(ending=ending, receipt=engine.receipt, signal=stopped_by.number)
    finally:
        await executor.close()


class _Driver:
    """One execution and what drives it; makes further ones for sub-missions."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        executor: LocalExecutor,
        plan: Drive,
        family: Family,
        origins: Sequence[Origin],
    ) -> None:
        self._store = store
        self._clock = clock
        self._executor = executor
        self._plan = plan
        self._family = family
        self._origins = origins
        self._is_resumed = False

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[Lease]:
        execution = self._plan.snapshot.current
        if is_terminal(execution.state):
            raise ConflictError(f"execution {execution.execution_id} has ended: {execution.state}")
        lease = await self._store.control.acquire(
            execution.execution_id, from_parent=self._plan.is_launched
        )
        try:
            if lease.epoch > 1:
                _require_unchanged(self._store, execution)
            yield lease
        finally:
            await self._store.control.release(lease)

    async def resume(self, *, is_ending: bool) -> None:
        """Commit what a new runner starts with; nothing for an execution that never ran.

        The sub-missions that a lost runner left are marked lost, too, and wait for their steps.
        """
        plan = self._plan
        if plan.snapshot.current.state is ExecutionState.PENDING:
            return
        self._is_resumed = True
        if plan.snapshot.current.state is ExecutionState.RUNNING or has_open_attempts(
            plan.snapshot
        ):
            await self._record(lost(plan.snapshot, self._clock, who="nobody had noticed"))
        below = await take_up(self._store, self._clock, plan.snapshot.current.execution_id)
        unsafe = [*needs_consent(plan.mission, plan.snapshot), *below]
        if unsafe and not plan.consent and not is_ending:
            raise ConflictError(
                f"the runner was lost while `{unsafe[0]}` ran, which must not simply be run twice",
                hint="see what it did; `mission resume --run-again"
                f" {plan.snapshot.current.execution_id}` makes the attempt anew",
            )
        await self._record(resumed(plan.snapshot, self._clock, actor=plan.actor))

    async def _record(self, found: Iterable[Event]) -> None:
        """Fold events one by one and commit them."""
        recorder = Recorder(self._plan.snapshot, self._store.journal)
        recorder.emit_all(found)
        await recorder.commit()

    def engine(self) -> Engine:
        """Return the engine over the plan's snapshot."""
        plan, execution = self._plan, self._plan.snapshot.current
        context = ExecutionContext(plan.mission, plan.snapshot, clock=self._clock)
        context.environ = plan.environ
        mission_env, environ_error = _rendered(plan.mission.env, context)
        around = Surroundings(
            execution_id=execution.execution_id,
            mission=plan.mission,
            context=context,
            executor=self._executor,
            journal=self._store.journal,
            clock=self._clock,
            working_dir=plan.working_dir,
            environ=base_environment(plan.environ, mission_env, execution.execution_id),
            environ_error=environ_error,
            protected_paths=plan.protected,
        )
        source = execution.source_path
        earlier = earlier_of(partial(open_reader, self._store.path), plan.snapshot)
        return Engine(
            around,
            Graph.of(plan.mission),
            plan.snapshot,
            observer=self._tell,
            parallel_limit=execution.parallel_limit,
            facts={"version": VERSION, "pid": str(os.getpid()), "actor": plan.actor},
            slots=plan.slots,
            clock_watch=ClockWatch(),
            earlier=earlier,
            missions=ChildRunner(
                store=self._store,
                clock=self._clock,
                parent=plan.snapshot,
                earlier=earlier,
                folder=plan.working_dir if source is None else Path(source).parent,
                actor=plan.actor,
                family=self._family,
                above=self._origins,
                drive=self._drive_child,
                is_resumed=self._is_resumed,
            ),
        )

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
            on_ready=None,
            say=None,
            is_launched=False,
        )
        origin = origin_of(execution.source_path, execution.mission_digest)
        driver = _Driver(
            self._store, self._clock, self._executor, plan, self._family, [*self._origins, origin]
        )
        async with driver.leased() as lease:
            asked = [*await self._store.control.take_requests(lease)]
            if to_cancel:
                asked.append(_cancel_request(plan, "its parent has ended without it"))
            await driver.resume(is_ending=any(one.kind is RequestKind.CANCEL for one in asked))
            _make(plan.working_dir)
            engine = driver.engine()
            for request in asked:
                engine.request(request)
            running = asyncio.create_task(_run(self._store, engine, lease), name="sub-mission")
            with _insisting(engine, plan):
                try:
                    await asyncio.shield(running)
                except asyncio.CancelledError:
                    engine.request(_cancel_request(plan, "its parent was cancelled"))
                    await running
                    raise
            return engine.receipt


def _require_unchanged(store: Store, execution: Execution) -> None:
    """Raise `ConflictError` when somebody drove it between our reading of it and our lease."""
    with closing(open_reader(store.path)) as reader:
        now = reader.find_execution(execution.execution_id)
    if (now.state, now.updated_at) != (execution.state, execution.updated_at):
        raise ConflictError(
            f"execution {execution.execution_id} was driven by somebody else in the meantime",
            hint="`mission show` tells where it is; try again if it still waits",
        )


def _kin(store: Store, snapshot: Snapshot) -> tuple[Family, list[Origin]]:
    """Return the family and the origins of an execution; nothing is read for one that is new."""
    execution = snapshot.current
    if execution.state is ExecutionState.PENDING and execution.parent_execution_id is None:
        return Family(), [origin_of(execution.source_path, execution.mission_digest)]
    return read_family(store, execution)


def _rendered(
    env: Mapping[str, str], context: ExecutionContext
) -> tuple[Mapping[str, str], str | None]:
    """Resolve templates of the mission's own `env`; it knows no steps. Else say what is wrong."""
    if not has_template(env):
        return env, None
    try:
        found: Mapping[str, str] = render(env, context.scope())
    except (ExpressionError, TemplateSyntaxError) as error:
        return {}, f"env of the mission: {error}"
    return found, None


def _enter(folder: Path) -> None:
    """Make the mission's folder this process's: children inherit it at no cost."""
    _make(folder)
    try:
        os.chdir(folder)
    except OSError as error:
        raise UnavailableError(f"working_dir {folder}: {error.strerror or error}") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"working_dir {folder}: {error.strerror or error}") from error


async def _run(store: Store, engine: Engine, lease: Lease) -> Ending:
    """Run the engine beside its heartbeat and its mailbox; the first failure ends all three."""
    main = asyncio.create_task(engine.run(), name="engine")
    aides = [
        asyncio.create_task(_heartbeat(store, lease), name="heartbeat"),
        asyncio.create_task(_mailbox(store, engine, lease), name="mailbox"),
    ]
    try:
        await asyncio.wait({main, *aides}, return_when=asyncio.FIRST_COMPLETED)
        for aide in aides:
            if aide.done():
                main.cancel()
                await asyncio.gather(main, return_exceptions=True)
                await aide  # raises what ended it: the lease is lost, or the database gone
        return await main
    finally:
        for aide in aides:
            aide.cancel()
        await asyncio.gather(*aides, return_exceptions=True)


async def _heartbeat(store: Store, lease: Lease) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        lease = await store.control.renew(lease)


async def _mailbox(store: Store, engine: Engine, lease: Lease) -> None:
    while True:
        for request in await store.control.take_requests(lease):
            engine.request(request)
        await asyncio.sleep(REQUEST_POLL_SECONDS)


@dataclass(slots=True)
class _StoppedBy:
    number: int | None = None


@asynccontextmanager
async def _watched(
    engine: Engine, plan: Drive, executor: LocalExecutor
) -> AsyncIterator[_StoppedBy]:
    """Let SIGINT and SIGTERM stop gracefully first and kill next; SIGHUP never cancels."""
    stopped = _StoppedBy()

    def on_signal(number: int) -> None:
        name = signal.Signals(number).name
        if stopped.number is None:
            stopped.number = number
            if plan.say is not None:
                tasks = plan.snapshot.tasks
                repeated = plan.snapshot.current.cancel_requested_at is not None
                scope = cancel_scope(tasks.values(), plan.mission, is_repeated=repeated)
                told = cancel_text(scope, tasks, plan.mission)
                handlers = " and leaves the handlers out" if plan.mission.handlers.all else ""
                plan.say(f"{name}: stopping; {told} Once more kills what is left{handlers}.")
            engine.request(_cancel_request(plan, name))
        else:
            if plan.say is not None:
                plan.say(f"{name}: killing what still runs")
            executor.hurry()
            plan.signals.insist()

    with plan.signals, plan.signals.heard_by(on_signal), _insisting(engine, plan):
        yield stopped


def _insisting(engine: Engine, plan: Drive) -> AbstractContextManager[None]:
    """End an engine's handlers, too, when a second signal comes."""
    return plan.signals.insisting(
        lambda: engine.request(_cancel_request(plan, "a second signal", force=True))
    )


def _cancel_request(plan: Drive, name: str, *, force: bool = False) -> Request:
    execution = plan.snapshot.current
    return Request(
        request_id=0,
        execution_id=execution.execution_id,
        kind=RequestKind.CANCEL,
        actor=plan.actor,
        created_at=execution.updated_at,
        arguments={"message": name, "force": force},
    )


def _settle_memory() -> None:
    """Keep what was loaded out of every later collection: mission and graph live to the end."""
    gc.collect()
    gc.freeze()
