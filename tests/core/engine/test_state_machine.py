"""Any mission, crashed, resumed, cancelled, retried and set to another time at any moment.

Engine, planner, recovery and an in-memory store run in virtual time. After every step the committed
records must follow from the committed events; in the end everything has ended.
"""

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from core.domain.events import Event
from core.domain.fold import Snapshot, apply
from core.domain.mission import Handlers, Mission, MissionStep, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.engine.loop import Engine
from core.errors import UnavailableError
from core.launch.order import launch
from core.operations.snapshot import load_snapshot
from core.planning.recovery import has_open_attempts, lost, may_have_acted, resumed
from core.ports.control import Request, RequestKind
from core.ports.executor import Job
from core.recording.recorder import Recorder
from tests.support.fake_executor import Act, FakeExecutor
from tests.support.memory_journal import MemoryJournal, MemoryRun, MemoryWorld
from tests.support.memory_site import MemoryReader
from tests.support.rig import Rig, a_command, an_order
from tests.support.simulation import a_plan, a_step
from tests.support.virtual_loop import VirtualLoop

PATIENCE_SECONDS = 10_000_000.0
"""Virtual seconds after which an execution that nobody hinders must have ended."""

ACTS = st.builds(
    Act,
    seconds=st.sampled_from([0.0, 1.0, 30.0, 5000.0]),
    exit_code=st.sampled_from([0, 0, 0, 1]),
    ignores_term=st.booleans(),
)
RETRIES = st.none() | st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 4),
    initial_interval=st.sampled_from([0.0, 5.0, 60.0]),
)


@st.composite
def missions(draw: st.DrawFn) -> tuple[Mission, dict[str, list[Act]]]:
    """Draw a mission of a few steps of all kinds, and what its commands do."""
    steps: list[MissionStep] = []
    acts: dict[str, list[Act]] = {}
    for number in range(draw(st.integers(1, 6))):
        name = f"s{number}"
        needs = draw(st.lists(st.sampled_from([one.id for one in steps]), unique=True, max_size=2)
                     if steps else st.just([]))  # fmt: skip
        fields: dict[str, Any] = {
            "retry": draw(RETRIES),
            "continue_on_error": draw(st.booleans()),
            "trigger_rule": draw(st.sampled_from(["all_success", "all_success", "all_done"])),
        }
        kind = draw(st.sampled_from(["command", "command", "wait", "approval", "noop"]))
        if kind == "command":
            timeout = draw(st.sampled_from([None, 20.0]))
            acts[name] = draw(st.lists(ACTS, min_size=1, max_size=3))
            items = draw(st.sampled_from([None, None, [1, 2, 3], []]))
            steps.append(a_command(name, *needs, timeout_seconds=timeout, foreach=items, **fields))
            continue
        parameters = {
            "wait": {"seconds": draw(st.sampled_from([0.0, 40.0]))},
            "approval": {"prompt": "go?", "timeout": draw(st.sampled_from([50.0, 9000.0]))},
            "noop": {},
        }[kind]
        steps.append(a_step(name, *needs, step_type=kind, parameters=parameters, **fields))
    mission = a_plan(
        *steps,
        fail_fast=draw(st.booleans()),
        parallel_limit=draw(st.integers(1, 3)),
        timeout_seconds=draw(st.sampled_from([None, None, 3000.0])),
    )
    handlers = {}
    for when in ("on_success", "on_failure", "on_cancel", "always"):
        if draw(st.booleans()):
            acts[when] = draw(st.lists(ACTS, min_size=1, max_size=2))
            handlers[when] = (a_command(when),)
    return replace(mission, handlers=Handlers(**handlers)), acts


class Crashes(RuleBasedStateMachine):
    """One execution whose runner, store and clock fail at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = MemoryWorld()
        self.asked: list[Request] = []
        self.driving: asyncio.Task[Any] | None = None

    # --- what happens ---------------------------------------------------------------------------

    @initialize(drawn=missions(), breakpoints=st.sets(st.sampled_from(["s0", "s1"]), max_size=1))
    def start(self, drawn: tuple[Mission, dict[str, list[Act]]], breakpoints: set[str]) -> None:
        self.loop = VirtualLoop()
        mission, self.acts = drawn
        self.rig = Rig(mission)
        self.rig.executor = FakeExecutor(self._act)
        known = {step.id for step in mission.steps}
        self.run(self._start(tuple(sorted(breakpoints & known)) or None))

    @rule(seconds=st.sampled_from([0.0, 0.5, 10.0, 100.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([1.0, 7200.0]))
    def the_machine_is_suspended(self, seconds: float) -> None:
        self.loop.jump(seconds)
        self.run(asyncio.sleep(0))

    @rule(seconds=st.sampled_from([3600.0, -3600.0]))
    def the_clock_is_set(self, seconds: float) -> None:
        if seconds > 0:
            self.rig.clock.set_forward(seconds)
        elif not self.is_driven:  # within a process the clock never goes back
            self.rig.clock.set_back(-seconds)

    @precondition(lambda self: self.is_driven)
    @rule(turns=st.integers(0, 8), is_written=st.booleans())
    def the_runner_is_killed(self, turns: int, is_written: bool) -> None:
        self.run(self._kill(turns, is_written=is_written))

    @precondition(lambda self: self.is_driven)
    @rule(persisted=st.booleans())
    def the_next_commit_fails(self, persisted: bool) -> None:
        self.rig.journal.fail_next(UnavailableError("disk I/O error"), persisted=persisted)

    @precondition(lambda self: not self.is_driven and not self.has_ended)
    @rule(fails_lost=st.sampled_from([False, False, True]))
    def somebody_resumes(self, fails_lost: bool) -> None:
        self.run(self._resume(fails_lost=fails_lost))

    @precondition(lambda self: self.is_driven)
    @rule(
        kind=st.sampled_from([RequestKind.CANCEL, RequestKind.PAUSE, RequestKind.RESUME]),
        force=st.booleans(),
    )
    def somebody_asks(self, kind: RequestKind, force: bool) -> None:
        more = {"force": force} if kind is RequestKind.CANCEL else {}
        self.ask(kind, None, **more)

    @precondition(lambda self: self.is_driven)
    @rule(
        kind=st.sampled_from(
            [
                RequestKind.RETRY,
                RequestKind.APPROVE,
                RequestKind.REJECT,
                RequestKind.CANCEL_STEP,
                RequestKind.SET_BREAKPOINT,
                RequestKind.SET_BREAKPOINT,
                RequestKind.CLEAR_BREAKPOINT,
            ]
        ),
        number=st.integers(0, 5),
    )
    def somebody_asks_of_a_step(self, kind: RequestKind, number: int) -> None:
        steps = self.rig.mission.steps
        self.ask(kind, steps[number % len(steps)].id)

    # --- what must hold -------------------------------------------------------------------------

    @invariant()
    def records_follow_from_events(self) -> None:
        stored = self.stored
        if stored is None:
            return
        folded = Snapshot()
        for event in self.world.events:
            apply(folded, event)
        assert folded.current.state is stored.execution.state
        assert folded.current.reason_code is stored.execution.reason_code
        assert folded.current.breakpoints == stored.execution.breakpoints
        assert [*folded.tasks.values()] == [*stored.tasks.values()]
        tries = {
            (one.task_id, one.attempt): one for each in folded.attempts.values() for one in each
        }
        assert tries == stored.attempts

    @invariant()
    def what_was_told_is_stored(self) -> None:
        stored: list[Event] = self.world.events
        if stored:
            assert all(event in stored for event in self.rig.seen[1:])

    @invariant()
    def no_success_is_repeated_and_no_attempts_overlap(self) -> None:
        stored = self.stored
        if stored is None:
            return
        by_step: dict[str, list[AttemptState]] = {}
        for (task_id, _), attempt in sorted(stored.attempts.items()):
            by_step.setdefault(task_id, []).append(attempt.state)
        for states in by_step.values():
            assert AttemptState.SUCCESS not in states[:-1]
            assert AttemptState.RUNNING not in states[:-1]

    @invariant()
    def no_step_starts_past_its_breakpoint(self) -> None:
        stored = self.stored
        if stored is None:
            return
        for step_id in stored.execution.breakpoints or ():
            assert stored.tasks[step_id].state is not TaskState.RUNNING

    @invariant()
    def the_end_is_whole(self) -> None:
        stored = self.stored
        if stored is None or not is_terminal(stored.execution.state):
            return
        assert all(is_terminal(task.state) for task in stored.tasks.values())
        assert all(one.state is not AttemptState.RUNNING for one in stored.attempts.values())
        if stored.execution.state is ExecutionState.SUCCESS:
            assert all(
                task.state in {TaskState.SUCCESS, TaskState.SKIPPED}
                or step.continue_on_error
                or stored.execution.reason_code is not Reason.ALL_STEPS_DONE
                for step in self.rig.mission.steps
                if (task := stored.tasks[step.id])
            )

    def teardown(self) -> None:
        if not hasattr(self, "loop"):  # nothing was drawn
            return
        try:
            if self.stored is not None:
                self.run(self._finish())
                assert self.has_ended
                self.records_follow_from_events()
                self.no_success_is_repeated_and_no_attempts_overlap()
                self.the_end_is_whole()
                assert self.rig.executor.running == {}
        finally:
            self.run(self._stop())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            self.loop.close()

    # --- how ------------------------------------------------------------------------------------

    @property
    def stored(self) -> MemoryRun | None:
        """The execution as it is stored, None before it was created."""
        return next(iter(self.world.runs.values()), None)

    @property
    def is_driven(self) -> bool:
        """Whether a runner is at work."""
        return self.driving is not None and not self.driving.done()

    @property
    def has_ended(self) -> bool:
        """Whether the stored execution has ended."""
        return self.stored is not None and is_terminal(self.stored.execution.state)

    @property
    def execution(self) -> Execution:
        """The stored execution."""
        assert self.stored is not None
        return self.stored.execution

    def run(self, main: Any) -> Any:
        """Run a coroutine in virtual time, beside whatever drives the execution."""
        asyncio.set_event_loop(self.loop)
        return self.loop.run_until_complete(main)

    def ask(self, kind: RequestKind, task_id: str | None, **arguments: Any) -> None:
        """Hand a request to the runner, and keep it for the next one should this one be killed."""
        request = Request(
            request_id=len(self.asked) + 1,
            execution_id=self.execution.execution_id,
            kind=kind,
            actor="operator@rig",
            created_at=0,
            task_id=task_id,
            arguments=arguments,
        )
        self.asked.append(request)
        assert self.rig.engine is not None
        self.rig.engine.request(request)
        self.run(asyncio.sleep(0))

    def _act(self, job: Job) -> Act:
        """Return what an attempt does: an item what its step does."""
        _, task_id, attempt = job.key.split("/")
        acts = self.acts[task_id.partition("[")[0]]
        return acts[min(int(attempt), len(acts)) - 1]

    async def _start(self, breakpoints: tuple[str, ...] | None) -> None:
        journal = MemoryJournal(world=self.world, clock=self.rig.clock)
        order = replace(an_order(self.rig.mission), breakpoints=breakpoints)
        self.rig.snapshot, _ = await launch(order, self.rig.clock, journal)
        self._drive(journal)

    def _drive(self, journal: MemoryJournal) -> None:
        self.rig.journal = journal
        engine: Engine = self.rig.build(journal)
        self.rig.engine = engine
        for request in self.asked:
            if request.request_id not in self.world.outcomes:
                engine.request(request)
        self.driving = self.loop.create_task(self._guarded(engine))

    async def _guarded(self, engine: Engine) -> None:
        """Run the engine; one that cannot write ends with that error, and with no other."""
        with contextlib.suppress(UnavailableError):
            await engine.run()

    async def _kill(self, turns: int, *, is_written: bool) -> None:
        """End the runner a few turns of its loop later; its last commit may or may not be there."""
        for _ in range(turns):
            await asyncio.sleep(0)
        journal: MemoryJournal = self.rig.journal
        journal.die(is_written=is_written)
        await self._stop()

    async def _stop(self) -> None:
        if self.driving is not None:
            self.driving.cancel()
            await asyncio.wait({self.driving})
            self.driving = None
        self.rig.executor = FakeExecutor(self._act)

    async def _resume(self, *, fails_lost: bool) -> None:
        await self._stop()
        rig = self.rig
        journal = MemoryJournal(world=self.world, clock=rig.clock)
        reader: Any = MemoryReader(self.world)
        rig.snapshot = snapshot = load_snapshot(reader, self.execution.execution_id)
        recorder = Recorder(snapshot, journal)
        if snapshot.current.state is not ExecutionState.PENDING:
            if snapshot.current.state is ExecutionState.RUNNING or has_open_attempts(snapshot):
                recorder.emit_all(lost(snapshot, rig.clock, who="a test"))
                await recorder.commit()
            failed = may_have_acted(rig.mission, snapshot) if fails_lost else ()
            recorder.emit_all(resumed(snapshot, rig.clock, actor="me", failed=failed))
            await recorder.commit()
        self._drive(journal)

    async def _finish(self) -> None:
        """Let nothing hinder the execution any more, and wait for its end."""
        for _ in range(3):  # a commit that is yet to fail ends a runner once more
            if self.has_ended:
                break
            if not self.is_driven:
                await self._resume(fails_lost=False)
            assert self.rig.engine is not None
            assert self.driving is not None
            for _ in range(2 * len(self.rig.mission.steps)):  # there may be many breakpoints
                self.rig.engine.request(self._resumption())
                await asyncio.wait({self.driving}, timeout=PATIENCE_SECONDS)
                if self.driving.done():
                    break
            assert self.driving.done(), [
                self.execution.state,
                *(
                    (one.task_id, one.state, one.reason_code)
                    for one in self.rig.snapshot.tasks.values()
                ),
            ]
        if self.driving is not None and self.driving.done():
            self.driving.result()

    def _resumption(self) -> Request:
        return Request(
            request_id=0,
            execution_id=self.execution.execution_id,
            kind=RequestKind.RESUME,
            actor="operator@rig",
            created_at=0,
        )


def test_whatever_happens_the_records_are_true_and_the_execution_ends() -> None:
    run_state_machine_as_test(
        Crashes,
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None),
    )


@pytest.mark.slow
def test_whatever_happens_in_many_histories() -> None:
    run_state_machine_as_test(
        Crashes,
        settings=settings(
            max_examples=2000,
            stateful_step_count=50,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
