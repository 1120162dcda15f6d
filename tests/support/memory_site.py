"""A site in memory, the counterpart of `tui.host.site.LocalSite`; it only records runner starts."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

from core.domain.mission import MissionConfig, MissionSource
from core.domain.records import Attempt, Execution, TaskRun
from core.errors import MissionDeckError, NotFoundError
from core.planning.recovery import AssumeLost
from core.ports.control import Lease, RequestOutcome
from core.ports.execution_query import NEWEST, ExecutionQuery
from core.ports.reader import Reader
from core.ports.step_record import StepRecordKey, StoredStepRecord
from core.security.attempt_gate import AttemptGate, Gates
from core.security.policy.policies import NO_POLICIES, Policies
from core.security.safety.safety_gate import SafetyGate
from core.step_type.permitted import NOTHING_MORE, Permitted
from tests.support.contract_journal import Process
from tests.support.fake_executor import FakeExecutor
from tests.support.memory_journal import MemoryControl, MemoryJournal, MemoryRun, MemoryWorld
from tests.support.memory_secrets import MemorySecrets
from tests.support.story import SteppingClock


@dataclass(slots=True)
class Runners:
    """The executions that runners were started for, and what starting one fails with."""

    started: list[str] = field(default_factory=list)
    refusal: MissionDeckError | None = None

    def start(self, execution_id: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.started.append(execution_id)


class MemoryReader:
    """What operations read of a `MemoryWorld`; the rest of `core.ports.Reader` is not here."""

    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def executions(self, query: ExecutionQuery = NEWEST) -> list[Execution]:
        found = [run.execution for run in self._world.runs.values()]
        return [one for one in reversed(found) if not query.states or one.state in query.states]

    def children(self, execution_id: str) -> list[Execution]:
        found = [run.execution for run in self._world.runs.values()]
        return [one for one in found if one.parent_execution_id == execution_id]

    def find_execution(self, reference: str) -> Execution:
        return self._run(reference).execution

    def mission_source(self, digest: str) -> MissionSource:
        return self._world.missions[digest]

    def task_runs(self, execution_id: str) -> list[TaskRun]:
        return list(self._run(execution_id).tasks.values())

    def task_run(self, execution_id: str, task_id: str) -> TaskRun:
        found = self._run(execution_id).tasks.get(task_id)
        if found is None:
            raise NotFoundError(f"there is no step {task_id}")
        return found

    def attempts(self, execution_id: str) -> Sequence[Attempt]:
        return list(self._run(execution_id).attempts.values())

    def cancels_under_way(self, execution_id: str) -> dict[str, int]:
        return {}

    def request_outcome(self, request_id: int) -> RequestOutcome | None:
        return self._world.outcomes.get(request_id)

    def lease(self, execution_id: str) -> Lease | None:
        lease, is_held = self._world.leases.get(execution_id, (None, False))
        return lease if is_held else None

    def close(self) -> None:
        """Nothing is open."""

    def _run(self, execution_id: str) -> MemoryRun:
        if execution_id not in self._world.runs:
            raise NotFoundError(f"there is no execution {execution_id}")
        return self._world.runs[execution_id]


class MemoryStepRecords:
    """Implements `core.ports.step_record.StepRecords`: no step has a record."""

    secret = bytes(32)

    def read(self, keys: Sequence[StepRecordKey]) -> Mapping[StepRecordKey, StoredStepRecord]:
        return {}

    def close(self) -> None:
        """Nothing is open."""


class MemorySite:
    """Implements `core.operations.site.Site`; every store it opens is another process's."""

    actor = "tester@memory"
    environ: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.clock = SteppingClock()
        self.runners = Runners()

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Process]:
        journal = MemoryJournal(clock=self.clock, world=self.world)
        yield Process(journal, MemoryControl(journal, clock=self.clock))
        await journal.close()

    def open_reader(self) -> Reader:
        # Operations call no more of the protocol than this class has.
        return cast("Reader", MemoryReader(self.world))

    def open_step_records(self) -> MemoryStepRecords:
        return MemoryStepRecords()

    def new_executor(self, config: MissionConfig) -> FakeExecutor:
        return FakeExecutor()

    def executor_name(self, config: MissionConfig) -> str:
        return "local"

    def with_executor(self, name: str | None) -> Self:
        return self

    def policies(self, folder: Path) -> Policies:
        return NO_POLICIES

    def new_gate(self, policies: Policies) -> AttemptGate:
        return Gates(())

    def permitted(self) -> Permitted:
        return NOTHING_MORE

    def safety_gate(self) -> SafetyGate:
        return SafetyGate()

    def open_secrets(self) -> MemorySecrets:
        return MemorySecrets({})

    async def start_runner(
        self, execution_id: str, *, assume_lost: AssumeLost | None = None, is_launch: bool = False
    ) -> None:
        self.runners.start(execution_id)
