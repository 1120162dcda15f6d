"""An in-memory backend for the screen without a database, using the real fold.

`FakeWorld` holds executions and is driven by tests; `FakeReader` and `FakeBackend` are its faces.
"""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from textual.app import App
from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from core.audit.verify.log_checked import LogChecked
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    CancelRequested,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    TaskStateChanged,
    event_type,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import EMPTY, Mission, MissionConfig, MissionSource, MissionStep
from core.domain.reasons import Reason
from core.domain.records import (
    Attempt,
    AuditEvent,
    EntityKind,
    Execution,
    LogEntry,
    LogLevel,
    LogStream,
    StateChange,
    TaskError,
    TaskRun,
)
from core.domain.states import AttemptState, Coverage, ExecutionState, TaskState, is_terminal
from core.errors import ConflictError, NotFoundError, UnavailableError
from core.operations.admission.planned_verdicts import PlannedVerdict
from core.operations.amending.amendment import Wish
from core.operations.relaunch import RetryLinked, plan_retry
from core.ports.claims import Claim
from core.ports.control import Lease, RequestKind, RequestOutcome, RunnerIdentity
from core.ports.execution_query import NEWEST, ExecutionQuery
from core.ports.executor import JobUsage
from core.ports.reader import LogQuery, Reader, RunOutcome
from core.value.regex import compile_pattern
from core.value.terminal_text import without_sequences
from tests.support import execution_list
from tests.support.story import without_data
from tui.app import MissionDeckApp
from tui.live.backend import (
    DEFAULT_OPTIONS,
    AppContext,
    LaunchOptions,
    MissionFile,
    Preview,
    Progress,
    Receipt,
)

START = 1_760_000_000_000_000_000
SECOND = 1_000_000_000


class StillClock:
    """A clock that stands until it is put forward; thread-safe enough for one writer."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        self.at += 1
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += int(seconds * SECOND)


def step(step_id: str, *needs: str, **more: Any) -> MissionStep:
    return MissionStep(
        id=step_id,
        name=more.pop("name", step_id),
        step_type=more.pop("step_type", "command"),
        depends_on=needs,
        **more,
    )


def mission_of(name: str, *steps: MissionStep, **more: Any) -> Mission:
    return Mission(
        version="1.0",
        name=name,
        steps=steps,
        config=more.pop("config", MissionConfig(parallel_limit=8)),
        **more,
    )


def wide_mission(name: str, size: int) -> Mission:
    """Layers of about the square root of `size` steps, each needing two of the layer before."""
    width = max(1, int(size**0.5))
    steps = []
    for number in range(size):
        layer, place = divmod(number, width)
        needs: tuple[str, ...] = ()
        if layer:
            first = (layer - 1) * width
            needs = tuple(dict.fromkeys((f"s{first + place}", f"s{first + (place + 1) % width}")))
        steps.append(step(f"s{number}", *needs))
    return mission_of(name, *steps)


@dataclass
class Run:
    """One execution of the world."""

    mission: Mission
    snapshot: Snapshot = field(default_factory=Snapshot)
    events: list[tuple[int, Event]] = field(default_factory=list)
    touched: dict[str, int] = field(default_factory=dict)
    logs: list[tuple[int, LogEntry]] = field(default_factory=list)
    unfinished: dict[str, LogEntry] = field(default_factory=dict)
    lease: Lease | None = None

    def execution(self) -> Execution:
        """The record with the counts of this moment."""
        snapshot = self.snapshot
        return replace(
            snapshot.current,
            counts=dict(snapshot.counts),
            item_counts=dict(snapshot.item_counts),
        )


class FakeWorld:
    """Executions in memory. Every change is one commit that watchers notice."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.claims: list[Claim] = []
        self.lock = threading.RLock()
        self.version = 1
        self.seq = 0
        self.chunk = 0
        self.runs: dict[str, Run] = {}
        self.sources: dict[str, Mission] = {}
        self.source_texts: dict[str, bytes] = {}
        self.broken = ""
        self.outcomes: dict[int, RequestOutcome] = {}
        self.cancels: dict[str, dict[str, int]] = {}

    # --- driving ---------------------------------------------------------------------------------

    def launch(
        self, mission: Mission, *, started: bool = True, actor: str = "ada", **more: Any
    ) -> str:
        with self.lock:
            execution_id = f"0199{len(self.runs):04x}-7000-7000-8000-{len(self.runs):012x}"
            self.runs[execution_id] = Run(mission)
            digest = f"digest-of-{mission.name}"
            self.sources[digest] = mission
            self.commit(
                ExecutionCreated(
                    at=self.clock.now(),
                    execution_id=execution_id,
                    actor=actor,
                    workflow_id=mission.workflow_id,
                    mission_name=mission.name,
                    mission_digest=digest,
                    step_ids=tuple(step.id for step in mission.all_steps),
                    **{"run_number": self._next_number(mission.workflow_id), **more},
                )
            )
            self.own(execution_id)
            if started:
                self.execution(execution_id, ExecutionState.RUNNING, Reason.STARTED)
            return execution_id

    def _next_number(self, workflow_id: str) -> int:
        runs = (run.snapshot.execution for run in self.runs.values())
        return 1 + sum(one is not None and one.workflow_id == workflow_id for one in runs)

    def own(self, execution_id: str, *, seconds: float = 3600) -> None:
        identity = RunnerIdentity(pid=1, start_time=1, boot_id="b", host="here")
        self.runs[execution_id].lease = Lease(
            execution_id=execution_id,
            owner="runner",
            epoch=1,
            expires_at=self.clock.at + int(seconds * SECOND),
            identity=identity,
        )

    def orphan(self, execution_id: str) -> None:
        with self.lock:
            self.runs[execution_id].lease = None
            self.version += 1

    def commit(self, *events: Event) -> None:
        with self.lock:
            for event in events:
                run = self.runs[event.execution_id]
                self.seq += 1
                apply(run.snapshot, event)
                run.events.append((self.seq, event))
                changes = run.snapshot.take_changes()
                for task in changes.tasks:
                    run.touched[task.task_id] = self.seq
            self.version += 1

    def execution(self, execution_id: str, state: ExecutionState, reason: Reason) -> None:
        current = self.runs[execution_id].snapshot.current
        self.commit(
            ExecutionStateChanged(
                at=self.clock.now(),
                execution_id=execution_id,
                from_state=current.state,
                to_state=state,
                reason_code=reason,
            )
        )
        if is_terminal(state):
            self.runs[execution_id].lease = None

    def task(
        self,
        execution_id: str,
        task_id: str,
        state: TaskState,
        reason: Reason,
        message: str | None = None,
        resume_in: float | None = None,
    ) -> None:
        before = self.runs[execution_id].snapshot.tasks[task_id]
        at = self.clock.now()
        self.commit(
            TaskStateChanged(
                at=at,
                execution_id=execution_id,
                task_id=task_id,
                from_state=before.state,
                to_state=state,
                reason_code=reason,
                message=message,
                resume_at=None if resume_in is None else at + int(resume_in * SECOND),
            )
        )

    def begin(self, execution_id: str, task_id: str, **inputs: Any) -> None:
        run = self.runs[execution_id]
        if run.snapshot.tasks[task_id].state is not TaskState.READY:
            self.task(execution_id, task_id, TaskState.READY, Reason.DEPS_MET)
        self.commit(
            AttemptStarted(
                at=self.clock.now(),
                execution_id=execution_id,
                task_id=task_id,
                attempt=run.snapshot.tasks[task_id].attempt + 1,
                inputs=inputs,
            )
        )

    def say(
        self,
        execution_id: str,
        task_id: str,
        *lines: str,
        stream: LogStream = LogStream.STDOUT,
        is_rest: bool = False,
    ) -> None:
        with self.lock:
            run = self.runs[execution_id]
            attempt = run.snapshot.tasks[task_id].attempt
            seq = sum(e.task_id == task_id and e.attempt == attempt for _c, e in run.logs)
            self.chunk += 1
            for number, line in enumerate(lines, seq + 1):
                run.logs.append(
                    (
                        self.chunk,
                        LogEntry(
                            execution_id=execution_id,
                            task_id=task_id,
                            attempt=attempt,
                            seq=number,
                            timestamp=self.clock.now(),
                            level=LogLevel.INFO,
                            source="process",
                            stream=stream,
                            message=line,
                            is_rest=is_rest,
                        ),
                    )
                )
                if number % 500 == 0:
                    self.chunk += 1
            self.version += 1

    def write_unfinished(self, execution_id: str, task_id: str, text: str) -> None:
        """Let a step's line in progress be this; empty ends it."""
        with self.lock:
            run = self.runs[execution_id]
            if text:
                self.say(execution_id, task_id, text)
                run.unfinished[task_id] = run.logs.pop()[1]
            else:
                del run.unfinished[task_id]
            self.version += 1

    def end(
        self,
        execution_id: str,
        task_id: str,
        *,
        exit_code: int = 0,
        error: TaskError | None = None,
        outputs: Mapping[str, Any] | None = None,
        retry_in: float | None = None,
        reason: Reason | None = None,
        message: str | None = None,
        dropped: int = 0,
    ) -> None:
        run = self.runs[execution_id]
        good = exit_code == 0 and error is None
        why = reason or (Reason.EXIT_ZERO if good else Reason.EXIT_NONZERO)
        self.commit(
            AttemptEnded(
                at=self.clock.now(),
                execution_id=execution_id,
                task_id=task_id,
                attempt=run.snapshot.tasks[task_id].attempt,
                to_state=AttemptState.SUCCESS if good else AttemptState.FAILED,
                reason_code=why,
                exit_code=exit_code,
                outputs=outputs,
                error=error,
                log_entry_count=sum(e.task_id == task_id for _c, e in run.logs),
                log_dropped_bytes=dropped,
                log_digest="ab" * 32,
            )
        )
        if retry_in is not None:
            waits = (TaskState.WAITING, Reason.BACKOFF, message)
            self.task(execution_id, task_id, *waits, resume_in=retry_in)
        else:
            state = TaskState.SUCCESS if good else TaskState.FAILED
            self.task(execution_id, task_id, state, why)

    def run_step(self, execution_id: str, task_id: str, *lines: str, **ending: Any) -> None:
        self.begin(execution_id, task_id)
        if lines:
            self.say(execution_id, task_id, *lines)
        self.end(execution_id, task_id, **ending)


class FakeReader(Reader):
    """The reading side of a world."""

    def claims(self) -> list[Claim]:
        return self.world.claims

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.closed = False
        self.thread = threading.get_ident()

    def _check(self) -> None:
        assert not self.closed, "a closed reader was used"
        assert threading.get_ident() == self.thread, "a reader was used in another thread"
        if self.world.broken:
            raise UnavailableError(self.world.broken)

    def data_version(self) -> int:
        self._check()
        return self.world.version

    def last_seq(self) -> int:
        return self.world.seq

    def _every(self) -> list[Execution]:
        self._check()
        with self.world.lock:
            return [run.execution() for run in self.world.runs.values()]

    def executions(self, query: ExecutionQuery = NEWEST) -> list[Execution]:
        return execution_list.select(self._every(), query)

    def count_executions(self, query: ExecutionQuery = NEWEST) -> dict[ExecutionState, int]:
        return execution_list.count(self._every(), query)

    def child_counts(self, execution_ids: Sequence[str]) -> dict[str, dict[ExecutionState, int]]:
        every = self._every()
        counts = {one: execution_list.count(every, ExecutionQuery(parent=one))
                  for one in execution_ids}  # fmt: skip
        return {one: found for one, found in counts.items() if found}

    def mission_names(self) -> list[str]:
        return sorted({one.mission_name for one in self._every()})

    def latest_runs(self, mission_names: Iterable[str]) -> dict[str, Execution]:
        every = self._every()
        found: dict[str, Execution] = {}
        for name in mission_names:
            query = ExecutionQuery(mission_name=name, coverage=Coverage.FULL, limit=1)
            found.update((name, one) for one in execution_list.select(every, query))
        return found

    def recent_outcomes(
        self, mission_names: Iterable[str], *, limit: int
    ) -> dict[str, list[RunOutcome]]:
        every = self._every()
        found = {
            name: execution_list.select(every, ExecutionQuery(mission_name=name, limit=limit))
            for name in mission_names
        }
        return {
            name: [RunOutcome(one.state, one.coverage) for one in runs]
            for name, runs in found.items()
            if runs
        }

    def unattended_failures(self, *, limit: int) -> list[Execution]:
        every = self._every()
        linked = {one.retry_of for one in every} | {one.rerun_of for one in every}
        query = ExecutionQuery(states=frozenset({ExecutionState.FAILED}), limit=len(every))
        found = execution_list.select(every, query)
        return [one for one in found if one.execution_id not in linked][:limit]

    def open_approvals(self, *, limit: int) -> list[TaskRun]:
        self._check()
        with self.world.lock:
            return [
                task
                for run in self.world.runs.values()
                for task in run.snapshot.tasks.values()
                if task.state is TaskState.WAITING and task.reason_code is Reason.AWAITING_APPROVAL
            ][:limit]

    def find_execution(self, reference: str, *, folder: str | None = None) -> Execution:
        self._check()
        with self.world.lock:
            run = self._run(reference)
            return run.execution()

    def cancels_under_way(self, execution_id: str) -> dict[str, int]:
        return dict(self.world.cancels.get(execution_id, {}))

    def request_outcome(self, request_id: int) -> RequestOutcome | None:
        return self.world.outcomes.get(request_id)

    def source_paths(self, *, limit: int) -> list[str]:
        found = [one.source_path for one in reversed(self._every()) if one.source_path]
        return list(dict.fromkeys(found))[:limit]

    def children(self, execution_id: str) -> list[Execution]:
        """Return the sub-missions of an execution."""
        return [one for one in self._every() if one.parent_execution_id == execution_id]

    def find_run_key(self, workflow_id: str, run_key: str) -> Execution | None:
        found = self._every()
        return next(
            (e for e in found if (e.workflow_id, e.run_key) == (workflow_id, run_key)), None
        )

    def _run(self, execution_id: str) -> Run:
        if execution_id not in self.world.runs:
            raise NotFoundError(f"no execution {execution_id}")
        return self.world.runs[execution_id]

    def short_ids(self, execution_ids: Sequence[str]) -> dict[str, str]:
        return {execution_id: execution_id[:8] for execution_id in execution_ids}

    def mission_source(self, digest: str) -> MissionSource:
        self._check()
        text = self.world.source_texts.get(digest)
        if text is None:
            rows = ["steps:"]
            for one in self.world.sources[digest].steps:
                rows += [f"  - id: {one.id}", f"    step_type: {one.step_type}"]
            text = "\n".join(rows).encode()
        return MissionSource(
            digest=digest, name=self.world.sources[digest].name, content=text, format="yaml"
        )

    def step_events(self, execution_id: str, task_id: str) -> list[AuditEvent]:
        return []

    def task_runs(self, execution_id: str) -> list[TaskRun]:
        self._check()
        with self.world.lock:
            return list(self._run(execution_id).snapshot.tasks.values())

    def task_runs_in(
        self, execution_id: str, states: frozenset[TaskState], *, limit: int
    ) -> list[TaskRun]:
        return [one for one in self.task_runs(execution_id) if one.state in states][:limit]

    def task_run(self, execution_id: str, task_id: str) -> TaskRun:
        self._check()
        with self.world.lock:
            return self._run(execution_id).snapshot.tasks[task_id]

    def task_states(self, execution_id: str, *, after_seq: int = 0) -> tuple[int, list[TaskRun]]:
        self._check()
        with self.world.lock:
            run = self._run(execution_id)
            return self.world.seq, without_data(
                task
                for task in run.snapshot.tasks.values()
                if run.touched[task.task_id] > after_seq
            )

    def earlier_task_runs(
        self, execution_id: str, task_id: str, *, states: Sequence[TaskState] = (), limit: int
    ) -> list[TaskRun]:
        self._check()
        with self.world.lock:
            task = self._run(execution_id).snapshot.tasks[task_id]
            name = self._run(execution_id).snapshot.current.mission_name
            found: list[TaskRun] = []
            for run in list(self.world.runs.values()):
                if run.snapshot.current.execution_id == execution_id:
                    break
                if run.snapshot.current.mission_name == name:
                    found += [
                        one
                        for one in run.snapshot.tasks.values()
                        if _same_work(one, task)
                        and one.reason_code is not Reason.REUSED
                        and (not states or one.state in states)
                    ]
            return found[::-1][:limit]

    def attempts(self, execution_id: str, task_id: str | None = None) -> list[Attempt]:
        self._check()
        with self.world.lock:
            tries = self._run(execution_id).snapshot.attempts
            if task_id is not None:
                return list(tries.get(task_id, ()))
            return [attempt for several in tries.values() for attempt in several]

    def state_changes(self, execution_id: str, task_id: str | None = None) -> list[StateChange]:
        self._check()
        changes = []
        with self.world.lock:
            for seq, event in self._run(execution_id).events:
                if task_id is not None and event.task != task_id:
                    continue
                details = event.details()
                if "to" not in details:
                    continue
                entity = EntityKind.EXECUTION
                if event.task is not None:
                    entity = EntityKind.TASK_RUN
                if isinstance(event, AttemptEnded):
                    entity = EntityKind.ATTEMPT
                changes.append(
                    StateChange(
                        seq=seq,
                        at=event.at,
                        entity=entity,
                        execution_id=execution_id,
                        task_id=event.task,
                        attempt=details.get("attempt"),
                        from_state=details["from"],
                        to_state=details["to"],
                        reason_code=details["reason_code"],
                        message=details.get("message"),
                        actor=event.actor,
                    )
                )
        return changes

    def audit_events(
        self, *, after_seq: int = 0, execution_id: str | None = None, limit: int = 1000
    ) -> list[AuditEvent]:
        self._check()
        with self.world.lock:
            found = [
                AuditEvent(
                    seq=seq,
                    event_id=f"e{seq}",
                    timestamp=event.at,
                    event_type=event_type(event),
                    actor=event.actor,
                    target=f"step/{event.task}" if event.task else f"execution/{name}",
                    details=event.details(),
                    hash="00" * 32,
                    previous_hash="00" * 32,
                    execution_id=name,
                )
                for name, run in self.world.runs.items()
                if execution_id in (None, name)
                for seq, event in run.events
                if seq > after_seq
            ]
        return sorted(found, key=lambda event: event.seq)[:limit]

    def logs(self, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        self._check()
        with self.world.lock:
            lines = [
                (chunk, entry)
                for chunk, entry in self._run(query.execution_id).logs
                if chunk > query.after_chunk
                and (query.up_to_chunk is None or chunk <= query.up_to_chunk)
                and query.task_id in (None, entry.task_id)
                and (query.task_id or not query.task_ids or entry.task_id in query.task_ids)
                and query.attempt in (None, entry.attempt)
                and (not query.streams or entry.stream in query.streams)
                and (query.until is None or entry.timestamp <= query.until)
                and (query.search is None or query.search.lower() in shown(entry).lower())
                and (query.pattern is None or is_found(query.pattern, shown(entry)))
            ]
        return iter(lines if query.tail is None else lines[-query.tail :])

    def dropped_bytes(self, query: LogQuery) -> int:
        return sum(
            attempt.log_dropped_bytes
            for attempt in self.attempts(query.execution_id, query.task_id)
            if query.attempt in (None, attempt.attempt)
            and (query.task_id or not query.task_ids or attempt.task_id in query.task_ids)
            and (query.until is None or (attempt.ended_at or query.until) <= query.until)
        )

    def unfinished_lines(self, query: LogQuery) -> list[LogEntry]:
        self._check()
        with self.world.lock:
            run = self._run(query.execution_id)
            found = run.unfinished.get(query.task_id or "")
        return [] if found is None or query.until is not None else [found]

    def lease(self, execution_id: str) -> Lease | None:
        self._check()
        return self._run(execution_id).lease

    def close(self) -> None:
        self.closed = True


def _same_work(one: TaskRun, other: TaskRun) -> bool:
    if other.parent_task_id is None:
        return one.task_id == other.task_id
    return (one.parent_task_id, one.item) == (other.parent_task_id, other.item)


class FakeMemory:
    """What the screen remembers, for as long as the object lives."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.kept: dict[str, int] = {}

    def looked_at(self) -> frozenset[str]:
        return frozenset(self.seen)

    def look_at(self, execution_ids: Iterable[str], now: int) -> None:
        self.seen |= dict.fromkeys(execution_ids, now)

    def sizes(self) -> Mapping[str, int]:
        return dict(self.kept)

    def keep_size(self, pane: str, cells: int) -> None:
        self.kept[pane] = cells


class FakeBackend:
    """The port of the screen over a world; it records what was asked of it."""

    def __init__(self, world: FakeWorld, *missions: Mission, folder: Path | None = None) -> None:
        self.world = world
        self.memory = FakeMemory()
        self.known = {f"/missions/{mission.name}.yaml": mission for mission in missions}
        self.files: list[MissionFile] = []
        self.asked: list[tuple[str, RequestKind, str | None, dict[str, Any]]] = []
        self.decides = True
        """Whether requests are done at once, as by a runner; else `decide` does it."""
        self.is_owned = True
        self.calls: list[tuple[str, Any]] = []
        self.usage: dict[str, JobUsage] = {}
        self.refuse = ""
        self.planned: Callable[[Mapping[str, Any]], Sequence[PlannedVerdict]] = lambda _params: ()
        """What safety and policies say of a launch with these inputs."""
        self.noticed = 0
        self.judge: Callable[[bool, Progress | None], LogChecked] = lambda _full, _progress: (
            LogChecked(events=world.seq)
        )
        """What a verification of the audit log says."""
        self.on_launch: Callable[[str], None] = lambda _execution_id: None
        self.app_context = AppContext(
            database="/home/ada/.local/share/mission/missions.db",
            actor="ada",
            version="0.1.0",
            mission_folders=("./missions",),
            export_folder=folder or Path("/nonexistent"),
        )

    def remap(self, keymap: Mapping[str, str]) -> None:
        self.app_context = replace(self.app_context, keymap=keymap)

    def open_reader(self) -> Reader:
        if self.world.broken:
            raise UnavailableError(self.world.broken)
        return FakeReader(self.world)

    def notice_lost(self) -> None:
        self.noticed += 1

    def discover_missions(self) -> Sequence[MissionFile]:
        return [
            *(
                MissionFile(
                    path=path,
                    name=mission.name,
                    steps=len(mission.steps),
                    valid=True,
                    description=mission.description,
                    params=mission.params,
                )
                for path, mission in self.known.items()
            ),
            *self.files,
        ]

    def templates(self) -> Mapping[str, str]:
        return {"pipeline": "three steps", "nightly": "a schedule"}

    def new_mission(self, template: str, name: str) -> str:
        self._refuse()
        self.calls.append(("new_mission", (template, name)))
        path = f"/missions/{name}.yaml"
        self.known[path] = mission_of(name, step("first"))
        return path

    def preview(self, path: str) -> Preview:
        for file in self.files:
            if file.path == path:
                return Preview(mission=None, findings=file.findings)
        if path not in self.known:
            raise NotFoundError(f"no mission file {path}")
        return Preview(mission=self.known[path])

    def verdicts(self, path: str, params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
        return self.planned(params)

    def read_mission(self, source: MissionSource) -> Mission:
        return self.world.sources[source.digest]

    def launch(
        self, path: str, params: Mapping[str, Any], options: LaunchOptions = DEFAULT_OPTIONS
    ) -> str:
        self._refuse()
        self.calls.append(("launch", (path, dict(params))))
        execution_id = self.world.launch(self.known[path], params=dict(params), source_path=path)
        self.on_launch(execution_id)
        return execution_id

    def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> Receipt:
        self._refuse()
        self.asked.append((execution_id, kind, task_id, dict(arguments)))
        request_id = len(self.asked)
        if self.decides:
            self.decide(request_id)
        if kind is RequestKind.CANCEL:
            self.world.commit(
                CancelRequested(at=self.world.clock.now(), execution_id=execution_id, actor="ada")
            )
        return Receipt(request_id=request_id, is_owned=self.is_owned)

    def job_usage(self, runner: RunnerIdentity, key: str) -> JobUsage | None:
        return self.usage.get(key)

    def decide(self, request_id: int, why: str | None = None) -> None:
        """Decide a request as a runner does: do it, or refuse it for a reason."""
        self.world.outcomes[request_id] = RequestOutcome(
            request_id=request_id, done=why is None, why=why
        )

    def plan_retry(
        self,
        execution_id: str,
        *,
        steps: Sequence[str] = (),
        downstream: bool = False,
        wish: Wish | None = None,
        set_success: Sequence[str] = (),
    ) -> RetryLinked:
        reader = self.open_reader()
        planned = plan_retry(
            reader,
            reader.find_execution(execution_id),
            steps=steps,
            downstream=downstream,
            actor="ada",
            wish=wish,
            set_success=set_success,
        )
        assert isinstance(planned, RetryLinked)
        return planned

    def retry_verdicts(self, planned: RetryLinked) -> Sequence[PlannedVerdict]:
        return self.planned(planned.order.params)

    def start_retry(self, planned: RetryLinked, reason: str) -> str:
        self._refuse()
        self.calls.append(("start_retry", (planned, reason)))
        retried = planned.order.retry_of or ""
        return self.world.launch(self.world.runs[retried].mission, retry_of=retried)

    def log_status(self) -> LogChecked:
        return LogChecked(events=self.world.seq)

    def verify_log(
        self, *, full: bool, progress: Progress | None = None, most_events: int | None = None
    ) -> LogChecked:
        return self.judge(full, progress)

    def export_evidence(self, execution_id: str, progress: Progress | None = None) -> Path:
        self._refuse()
        self.calls.append(("export", execution_id))
        return self.app_context.export_folder / "nightly-etl-1.zip"

    def resume(self, execution_id: str) -> None:
        self._refuse()
        self.calls.append(("resume", execution_id))
        self.world.own(execution_id)

    def retry(
        self, execution_id: str, task_id: str, *, downstream: bool, reason: str
    ) -> Receipt | str:
        run = self.world.runs[execution_id]
        if not is_terminal(run.snapshot.current.state):
            arguments = {"downstream": downstream, "reason": reason}
            return self.request(
                execution_id, RequestKind.RETRY, task_id=task_id, arguments=arguments
            )
        self._refuse()
        self.calls.append(("retry", (execution_id, task_id, downstream, reason)))
        return self.world.launch(run.mission, retry_of=execution_id)

    def retry_failed(self, execution_id: str, *, reason: str) -> str:
        self._refuse()
        self.calls.append(("retry_failed", (execution_id, reason)))
        return self.world.launch(self.world.runs[execution_id].mission, retry_of=execution_id)

    def rerun(self, execution_id: str) -> str:
        self._refuse()
        self.calls.append(("rerun", execution_id))
        return self.world.launch(self.world.runs[execution_id].mission, rerun_of=execution_id)

    def _refuse(self) -> None:
        if self.refuse:
            raise ConflictError(self.refuse)


def shown(entry: LogEntry) -> str:
    """Return what of a line a search looks at."""
    return without_sequences(entry.message)


def is_found(pattern: str, text: str) -> bool:
    """Tell whether a regular expression is found in a text."""
    return compile_pattern(pattern).is_found_in(text)


def nightly() -> Mission:
    """A mission with a bit of everything."""
    steps = [step(f"extract-{x}") for x in "abcdef"]
    steps += [step(f"clean-{x}", f"extract-{x}", name=f"Clean part {x}") for x in "abcdef"]
    steps += [
        step("join-1", "clean-a", "clean-b", "clean-c"),
        step("join-2", "clean-d", "clean-e", "clean-f"),
        step("fetch-12", "join-1"),
        step("promote-7", "join-1", "join-2"),
        *(step(f"load-{n}", "promote-7") for n in range(1, 9)),
        step("publish", *(f"load-{n}" for n in range(1, 9))),
    ]
    return mission_of("nightly-etl", *steps, description="Nightly extract, transform and load")


def busy_world() -> tuple[FakeWorld, str]:
    """A world with a nightly run in the middle: done, failed, retrying, running, queued."""
    world = FakeWorld()
    mission = nightly()
    for _ in range(6):
        earlier = world.launch(mission)
        world.clock.forward(200 + 60 * len(world.runs))
        for one in mission.steps:
            world.run_step(earlier, one.id)
        world.execution(earlier, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    world.clock.forward(3600)
    run = world.launch(mission)
    for x in "abcdef":
        world.begin(run, f"extract-{x}")
        world.clock.forward(7.3)
        world.end(run, f"extract-{x}", outputs={"rows": 1200, "path": f"/data/{x}.csv"})
        world.begin(run, f"clean-{x}")
        world.clock.forward(3.1)
        world.end(run, f"clean-{x}")
    world.begin(run, "join-1")
    world.begin(run, "join-2")
    world.clock.forward(21)
    world.end(run, "join-1")
    world.begin(run, "fetch-12", url="https://example.org/data")
    world.say(run, "fetch-12", "GET https://example.org/data", "503 Service Unavailable")
    world.clock.forward(4)
    world.end(run, "fetch-12", exit_code=22, retry_in=90)
    world.end(run, "join-2")
    for number in (1, 2, 3):
        world.begin(run, "promote-7", command="promote", args=["--slot", "7"])
        world.say(
            run, "promote-7", f"attempt {number}: connecting to replica", "waiting for slot 7"
        )
        world.clock.forward(13.5)
        world.say(
            run,
            "promote-7",
            "timeout after 40s: replication slot busy",
            stream=LogStream.STDERR,
        )
        error = TaskError(
            message="promote exited with 75",
            kind="ProcessFailed",
            stack_trace="timeout after 40s: replication slot busy\ngiving up",
            exit_code=75,
        )
        world.end(
            run,
            "promote-7",
            exit_code=75,
            error=error,
            retry_in=2 if number < 3 else None,
            reason=Reason.EXIT_NONZERO if number < 3 else Reason.RETRIES_EXHAUSTED,
        )
        if number < 3:
            world.clock.forward(2)
    return world, run


# --- driving the application -----------------------------------------------------------------


def screen_text(app: App[Any]) -> str:
    """What is on the screen now, as lines of plain text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


async def wait_until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Let the application run until something is true, for a minute at most."""
    given_up_at = time.monotonic() + 60
    while not condition():
        if time.monotonic() > given_up_at:
            raise AssertionError(f"never became true; on the screen:\n{screen_text(pilot.app)}")
        await pilot.pause(0.02)


async def type_in(pilot: Pilot[Any], text: str) -> None:
    """Type a text as a terminal delivers it: all keys at once."""
    for character in text:
        key = _character_to_key(character) if len(character) == 1 else character
        pilot.app.post_message(Key(key, character))
    await pilot.pause()


async def wait_for_text(pilot: Pilot[Any], *texts: str) -> None:
    """Let the application run until all of these are on the screen."""
    await wait_until(pilot, lambda: all(text in screen_text(pilot.app) for text in texts))


@asynccontextmanager
async def running(
    backend: FakeBackend,
    *,
    size: tuple[int, int] = (120, 40),
    start: str | None = None,
    is_loaded: bool = True,
) -> AsyncIterator[Pilot[Any]]:
    """The application over a world, on a terminal of a size; at home with `is_loaded` missions."""
    app = MissionDeckApp(backend, start=start, clock=backend.world.clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        if is_loaded and start is None:
            await wait_until(pilot, lambda: app.is_ready and app._home._missions is not None)
        yield pilot
