"""A test harness for the engine: virtual time, a fake executor, a journal in memory."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.audit.chain.chain import SubChain
from core.domain.breaker_policy import BreakerPolicy
from core.domain.events import Event
from core.domain.fold import Snapshot, apply, fold
from core.domain.mission import Mission, MissionSource, MissionStep
from core.domain.mission_result import mission_result
from core.domain.reasons import Reason
from core.domain.records import MissionResult, TaskRun
from core.domain.states import TaskState
from core.engine.context import ExecutionContext
from core.engine.loop import Engine
from core.engine.preparation import RunContext
from core.graph.dag import Graph
from core.launch.order import Order, launch
from core.machine.system_clock import ClockWatch
from core.planning.earlier_items import RetriedExecution
from core.planning.ending import Ending
from core.planning.recovery import lost, resumed
from core.ports.claims import Claim, ClaimKind
from core.ports.control import Request, RequestKind, Slots
from core.ports.executor import Job
from core.ports.journal import Journal
from core.ports.pressure import PressureGauge
from core.security.attempt_gate import AttemptGate
from core.step_type.host import SubMissionEnd, SubMissions
from tests.support.fake_executor import Act, FakeExecutor
from tests.support.memory_journal import MemoryJournal, MemoryRun, MemoryWorld
from tests.support.simulation import a_step
from tests.support.virtual_loop import VirtualClock, run_virtually


def a_command(step_id: str, *needs: str, **fields: Any) -> MissionStep:
    """Return a command step whose act the rig's executor decides."""
    parameters = fields.pop("parameters", {"command": "act", "args": [step_id]})
    return a_step(step_id, *needs, step_type="command", parameters=parameters, **fields)


def an_order(mission: Mission) -> Order:
    """Return an order for a mission that was read from no file."""
    source = MissionSource(
        digest=hashlib.sha256(b"rig").hexdigest(),
        name=mission.name,
        content=b"rig",
        format="yaml",
    )
    return Order(mission=mission, source=source, actor="tester@rig")


class FakeMissions:
    """Runs sub-missions by a function of step id, file and parameters; none is ever left."""

    def __init__(self, run: Callable[[str, str, Mapping[str, Any]], Any]) -> None:
        self._run = run

    async def run(self, task: TaskRun, file: str, params: Mapping[str, Any]) -> SubMissionEnd:
        return SubMissionEnd(await self._run(task.task_id, file, params), None)

    async def run_text(self, task: TaskRun, content: bytes) -> SubMissionEnd:
        return SubMissionEnd(await self._run(task.task_id, "", json.loads(content)), None)

    def has_abandoned(self) -> bool:
        return False

    async def end_abandoned(self) -> None:
        raise AssertionError("nothing is left to end")


class Rig:
    """One execution of a mission, driven to its end in virtual time."""

    def __init__(
        self,
        mission: Mission,
        acts: Callable[[Job], Act] | Mapping[str, Act | Sequence[Act]] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        unselected: frozenset[str] = frozenset(),
        breakpoints: tuple[str, ...] | None = None,
        working_dir: Path | None = None,
    ) -> None:
        self.mission = mission
        self.executor = FakeExecutor(acts)
        self.clock = VirtualClock()
        self.seen: list[Event] = []
        self.at_start: list[bool] = []
        self._params = params or {}
        self._unselected = unselected
        self._breakpoints = breakpoints
        self._working_dir = working_dir or Path("/")
        self.snapshot = Snapshot()
        self.slots: Slots | None = None
        self.clock_watch: ClockWatch | None = None
        self.missions: SubMissions | None = None
        self.earlier: RetriedExecution | None = None
        self.pressure: PressureGauge | None = None
        self.breaker_policy: BreakerPolicy | None = None
        self.gate: AttemptGate | None = None
        self.claims: Any = None
        self.journal: Any = None
        self.journals: list[MemoryJournal] = []
        self._asked = 0
        self.engine: Engine | None = None
        self.ending: Ending | None = None

    def run(self, *script: tuple[float, Callable[["Rig"], None]]) -> Ending:
        """Run to the end; `script` calls functions at virtual seconds."""
        return run_virtually(lambda: self._main(script))  # type: ignore[no-any-return] # any loop result

    def run_twice(
        self,
        until: float,
        away: float,
        *script: tuple[float, Callable[["Rig"], None]],
        first: Callable[["Rig"], None] | None = None,
    ) -> Ending:
        """Lose the runner at `until` seconds, leave for `away` seconds, resume and run to the end.

        `first` is called before the second engine runs, `script` at seconds from then on.
        """
        return run_virtually(lambda: self._twice(until, away, script, first))  # type: ignore[no-any-return] # any loop result

    async def _twice(
        self,
        until: float,
        away: float,
        script: Sequence[tuple[float, Callable[["Rig"], None]]],
        first: Callable[["Rig"], None] | None,
    ) -> Ending:
        running = asyncio.ensure_future(self._main(()))
        await asyncio.sleep(until)
        running.cancel()
        await asyncio.wait({running})
        await asyncio.sleep(away)
        self.snapshot = fold(self.seen)  # what is durable; the rest died with the runner
        self._take(lost(self.snapshot, self.clock, who="a test"))
        self._take(resumed(self.snapshot, self.clock, actor="tester@rig"))
        self.engine = self.build(MemoryJournal(world=self._adopted()))
        loop = asyncio.get_running_loop()
        if first is not None:
            first(self)
        for seconds, act in script:
            loop.call_later(seconds, act, self)
        self.ending = await self.engine.run()
        return self.ending

    def _adopted(self) -> MemoryWorld:
        """Return a world that knows the execution as the snapshot does."""
        execution = self.snapshot.current
        run = MemoryRun(execution, SubChain(execution.execution_id))
        return MemoryWorld(runs={execution.execution_id: run})

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            apply(self.snapshot, event)
            self.seen.append(event)
        self.snapshot.take_changes()

    async def _main(self, script: Sequence[tuple[float, Callable[["Rig"], None]]]) -> Ending:
        self.journal = MemoryJournal()
        order = replace(
            an_order(self.mission),
            params=self._params,
            unselected=self._unselected,
            breakpoints=self._breakpoints,
        )
        self.snapshot, events = await launch(order, self.clock, self.journal)
        self.seen.extend(events)
        self.engine = self.build(self.journal)
        loop = asyncio.get_running_loop()
        for seconds, act in script:
            loop.call_at(seconds, act, self)
        self.ending = await self.engine.run()
        return self.ending

    def build(self, journal: Journal) -> Engine:
        """Return an engine over the rig's snapshot."""
        if isinstance(journal, MemoryJournal):
            self.journals.append(journal)
        run_context = RunContext(
            execution_id=self.snapshot.current.execution_id,
            mission=self.mission,
            context=ExecutionContext(self.mission, self.snapshot),
            executor=self.executor,
            journal=journal,
            clock=self.clock,
            working_dir=self._working_dir,
            environ={"PATH": "/usr/bin:/bin"},
            gate=self.gate,
        )
        return Engine(
            run_context,
            Graph.of(self.mission),
            self.snapshot,
            observer=self.seen.extend,
            chance=lambda: 0.0,
            slots=self.slots,
            clock_watch=self.clock_watch,
            missions=self.missions,
            earlier=self.earlier,
            pressure=self.pressure,
            breaker_policy=self.breaker_policy,
            claims=self.claims,
            group=self._group(),
        )

    def _group(self) -> Claim | None:
        """Return the claim of the execution on its group."""
        if self.mission.concurrency is None:
            return None
        name = self.mission.concurrency.group
        return Claim(kind=ClaimKind.GROUP, name=name, execution_id="mine", tree="mine")

    # --- what tests ask -------------------------------------------------------------------------

    def ask(self, kind: RequestKind, task_id: str | None = None, **arguments: Any) -> None:
        """Hand a request to the engine."""
        assert self.engine is not None
        self._asked += 1
        self.engine.request(
            Request(
                request_id=self._asked,
                execution_id=self.snapshot.current.execution_id,
                kind=kind,
                actor="operator@rig",
                created_at=self.clock.now(),
                task_id=task_id,
                arguments=arguments,
            )
        )

    def state(self, task_id: str) -> TaskState:
        """Return a task run's state."""
        return self.snapshot.tasks[task_id].state

    def reason(self, task_id: str) -> Reason:
        """Return a task run's reason code."""
        return self.snapshot.tasks[task_id].reason_code

    def started(self) -> list[str]:
        """Return the steps whose jobs were started, in order."""
        return [job.key.split("/")[1] for job in self.executor.jobs]

    def result(self) -> MissionResult:
        """Return the result of the ended execution."""
        return mission_result(
            self.mission, self.snapshot, events_logged=len(self.seen), integrity_verified=True
        )
