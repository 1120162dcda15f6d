"""A log of format 9, which has four events for a plain step: it is read and continued."""

import lzma
from contextlib import closing
from pathlib import Path

import pytest

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.mission import Mission, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import EntityKind, StateChange
from core.domain.states import ExecutionState, TaskState
from core.engine.context import ExecutionContext
from core.engine.loop import Engine
from core.engine.preparation import RunContext
from core.graph.dag import Graph
from core.operations.snapshot import load_snapshot
from core.planning.recovery import lost, resumed
from core.recording.recorder import Recorder
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write.store import open_store
from tests.support.fake_executor import Act, FakeExecutor
from tests.support.rig import a_command
from tests.support.simulation import a_plan, a_step
from tests.support.story import EPOCH, SteppingClock, StorySigner

STORED = Path(__file__).with_name("format_9.db.xz")
"""Written by the last version of format 9 with the mission below; its runner was lost in `long`."""

MISSION_ACTS = {
    "flaky": [Act(exit_code=1), Act(out=b"better\n")],
    "talk": Act(out=b"hello\n"),
    "long": Act(seconds=1000),
}


def mission() -> Mission:
    """Return the mission of the stored log."""
    return a_plan(
        a_command("talk"),
        a_command("flaky", retry=RetryPolicy(max_attempts=2, initial_interval=0.0)),
        a_command("each", foreach=[1, 2]),
        a_step("quiet", "talk"),
        a_command("long", "quiet"),
        a_command("after", "long"),
        a_step("last", "after"),
        parallel_limit=2,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a copy of the stored log, in a folder of its own."""
    file = tmp_path / "missions.db"
    file.write_bytes(lzma.decompress(STORED.read_bytes()))
    file.chmod(0o600)
    return file


async def finish(path: Path) -> None:
    """Record the loss of the runner, resume and drive the stored execution to its end."""
    clock = SteppingClock(EPOCH + 10**12)
    store = await open_store(path, StorySigner(), clock=clock)
    with closing(open_reader(path)) as reader:
        (stored,) = reader.executions()
        snapshot = load_snapshot(reader, stored.execution_id)
    recorder = Recorder(snapshot, store.journal)
    recorder.emit_all(lost(snapshot, clock, who="a test"))
    recorder.emit_all(resumed(snapshot, clock, actor="tester@rig"))
    await recorder.commit()
    context = ExecutionContext(mission(), snapshot)
    run_context = RunContext(
        execution_id=stored.execution_id,
        mission=mission(),
        context=context,
        executor=FakeExecutor(),
        journal=store.journal,
        clock=clock,
        working_dir=Path("/"),
        environ={"PATH": "/usr/bin:/bin"},
    )
    ending = await Engine(run_context, Graph.of(mission()), snapshot).run()
    assert ending.state is ExecutionState.SUCCESS
    await store.close()


def verdict(path: Path, log_id: str) -> Verdict:
    """Verify the chain, and that it rebuilds every table."""
    with closing(SqliteChainSource(path, [StorySigner().vkey(log_id)])) as source:
        report = verify(source)
    assert report.findings == ()
    return report.verdict


def moves(changes: list[StateChange]) -> list[tuple[str | None, str, str]]:
    """Return the transitions of a task run."""
    return [
        (change.from_state, change.to_state, change.reason_code)
        for change in changes
        if change.entity is EntityKind.TASK_RUN
    ]


PLAIN = [
    ("PENDING", "READY", "DEPS_MET"),
    ("READY", "RUNNING", "SLOT_ACQUIRED"),
    ("RUNNING", "SUCCESS", "EXIT_ZERO"),
]


async def test_a_log_with_four_events_a_step_is_migrated_verified_and_continued(path: Path) -> None:
    store = await open_store(path, StorySigner())
    log_id = store.log_id
    await store.close()
    assert [one.name.split("-")[0] for one in path.parent.glob("*.backup")] == [
        "missions.db.format9"
    ]
    assert verdict(path, log_id) is Verdict.INTACT
    await finish(path)
    assert verdict(path, log_id) is Verdict.INTACT
    with closing(open_reader(path)) as reader:
        (execution,) = reader.executions()
        history = {
            step: reader.state_changes(execution.execution_id, step)
            for step in ("talk", "after", "long")
        }
        counts = {task.task_id: task.state for task in reader.task_runs(execution.execution_id)}
    assert set(counts.values()) == {TaskState.SUCCESS}
    assert moves(history["talk"]) == moves(history["after"]) == PLAIN
    assert [len({change.seq for change in history[step]}) for step in ("talk", "after")] == [4, 2]
    for changes in history.values():
        assert [one.at for one in changes] == sorted(one.at for one in changes)
    assert moves(history["long"]) == [
        *PLAIN[:2],
        ("RUNNING", "WAITING", Reason.RUNNER_LOST),
        ("WAITING", "READY", Reason.CRASH_RECOVERY),
        *PLAIN[1:],
    ]
