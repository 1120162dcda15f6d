"""Every call of storage fails once: without effect, with an effect nobody heard of, on a full disk.

The runner must stop, claim nothing, leave no process and no task, and be resumable to the end.
"""

import asyncio
import os
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.records import Attempt
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.errors import UnavailableError
from core.launch.order import launch
from core.machine.runner_identity import identity
from core.machine.system_clock import SystemClock
from core.operations.mission_order import make_order, read_mission
from core.operations.recorded_mission import stored_mission
from core.operations.snapshot import load_snapshot
from core.runner.drive import drive
from core.runner.drive_plan import DrivePlan
from storage.file.final_error import read_final_errors
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import open_reader
from storage.write.store import Store, open_store
from tests.support.disks import fill, small_disk
from tests.support.failing_store import Failure, Happening, failing
from tests.support.story import StorySigner
from tui.host.places import Paths
from tui.host.site import LocalSite

MISSION = """\
version: "1.0"
name: everything
config: {parallel_limit: 3}
steps:
  - id: a
    step_type: command
    parameters: {command: sh, args: ["-c", "echo a >> ran; echo said"]}
  - id: each
    step_type: command
    depends_on: [a]
    foreach: [1, 2]
    parameters: {command: sh, args: ["-c", "echo each{{ item }} >> ran"]}
  - id: shaky
    step_type: command
    depends_on: [a]
    retry: {max_attempts: 2, initial_interval: 10ms}
    parameters: {command: sh, args: ["-c", "test -e flag || { touch flag; exit 1; }"]}
  - {id: pause, step_type: wait, depends_on: [a], parameters: {seconds: 0.3}}
  - {id: last, step_type: noop, depends_on: [each, shaky, pause]}
handlers:
  on_success:
    - id: cheers
      step_type: command
      parameters: {command: sh, args: ["-c", "echo cheers >> ran"]}
"""
CALLS = ("submit", "append_log", "acquire", "release", "take_requests")
DEAD = replace(identity(), pid=2**22 + 1)
"""Whom the leases of the failing runner name: nobody has to kill this process for it."""


def a_mission(folder: Path) -> Path:
    path = folder / "m.yaml"
    path.write_text(MISSION)
    return path


def a_site(database: Path) -> LocalSite:
    home = database.parent
    paths = Paths(
        home=home, db=database, keys=home / "keys", config=home / "config.toml", logs=home / "logs"
    )
    return LocalSite(paths=paths, environ=os.environ)


async def run_anew(folder: Path, failure: Failure, database: Path) -> None:
    """Create an execution and drive it, over a store that fails."""
    clock = SystemClock()
    file = str(a_mission(folder))
    order = make_order(read_mission(file), reference=file, actor="t@t", params={})
    real = await open_store(database, StorySigner(), runner=DEAD)
    store = failing(real, failure)
    try:
        snapshot, _ = await launch(order, clock, store.journal)
        plan = DrivePlan(
            mission=order.mission,
            snapshot=snapshot,
            working_dir=folder,
            actor="t@t",
            environ=dict(os.environ),
            version="0",
        )
        await drive(a_site(database), store, plan)
    finally:
        await real.close()


async def go_on(folder: Path, database: Path) -> None:
    """Drive whatever execution there is to its end, as `mission resume` does."""
    store: Store = await open_store(database, StorySigner())
    try:
        with closing(open_reader(store.path)) as reader:
            (execution,) = reader.executions()
            snapshot = load_snapshot(reader, execution.execution_id)
            mission, _ = stored_mission(reader, snapshot.current)
        plan = DrivePlan(
            mission=mission,
            snapshot=snapshot,
            working_dir=folder,
            actor="t@t",
            environ=dict(os.environ),
            version="0",
        )
        await drive(a_site(database), store, plan)
    finally:
        await store.close()


def state(path: Path) -> tuple[ExecutionState, dict[str, TaskState], list[Attempt]] | None:
    """Return what the records say, verified; None when there is no execution."""
    with closing(open_reader(path)) as reader:
        log_id = reader.audit_events(limit=1)[0].details["log_id"]
        executions = reader.executions()
        found = None
        if executions:
            execution_id = executions[0].execution_id
            tasks = {one.task_id: one.state for one in reader.task_runs(execution_id)}
            found = executions[0].state, tasks, reader.attempts(execution_id)
    source = SqliteChainSource(path, [StorySigner().vkey(log_id)])
    try:
        report = verify(source)
    finally:
        source.close()
    assert report.verdict is Verdict.INTACT, [str(one) for one in report.findings]
    return found


def successes(attempts: list[Attempt]) -> list[str]:
    return sorted(one.task_id for one in attempts if one.state is AttemptState.SUCCESS)


async def fails_at(folder: Path, name: str, at: int, *, persisted: bool) -> bool:
    """Let the call of `name` numbered `at` fail; tell whether there are so many."""
    failure = Failure(name, at, persisted=persisted)
    database = folder / "missions.db"
    try:
        await run_anew(folder, failure, database)
    except UnavailableError as error:
        assert "disk I/O error" in error.message  # noqa: PT017 - whether it is raised varies
    else:
        assert not failure.has_failed or name == "append_log"
    if failure.has_failed:
        await assert_can_go_on(folder, database)
    return failure.has_failed


async def disk_is_full_at(folder: Path, database: Path, at: int) -> bool:
    """Fill the disk of the database before commit `at`; tell whether there are so many."""
    fillers: list[Path] = []
    filling = Happening("submit", at, lambda: fillers.append(fill(database.parent)))
    try:
        await run_anew(folder, filling, database)
    except UnavailableError as error:
        assert "full" in error.message  # noqa: PT017 - as above
    if not fillers:
        return False
    assert all("full" in error.message for error in read_final_errors(database))
    fillers[0].unlink()
    await assert_can_go_on(folder, database)
    return True


CHILDREN_BEFORE: set[str] = set()
"""The processes that this one had before a test: those of others that it has adopted."""


@pytest.fixture(autouse=True)
def children_before() -> None:
    """Remember them."""
    CHILDREN_BEFORE.clear()
    CHILDREN_BEFORE.update(children())


def children() -> set[str]:
    """Return the children of this process; of none that the system does not tell."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    return set(listed.read_text("ascii").split()) if listed.exists() else set()


async def assert_can_go_on(folder: Path, database: Path) -> None:
    """Nothing is left running; what was recorded is whole, and is driven to its end from there."""
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert children() <= CHILDREN_BEFORE
    before = state(database)
    if before is None:
        return
    if before[0] is not ExecutionState.SUCCESS:
        await go_on(folder, database)
    after = state(database)
    assert after is not None
    assert after[0] is ExecutionState.SUCCESS
    assert {*after[1].values()} == {TaskState.SUCCESS}
    # no success is made again, and only what was lost is repeated
    assert len({*successes(after[2])}) == len(successes(after[2]))
    assert {*successes(before[2])} <= {*successes(after[2])}
    ran = (folder / "ran").read_text().split()
    lost = [one.task_id for one in after[2] if one.state is AttemptState.LOST]
    for line in ("a", "cheers"):
        assert 1 <= ran.count(line) <= 1 + lost.count(line), (line, ran, lost)


async def sweep(folder: Path, name: str, first: int, step: int) -> int:
    """Let every `step`th call of `name` from `first` on fail, both ways; return how many did."""
    found = 0
    at = first
    while True:
        for persisted in (False, True):
            place = folder / f"{name}-{at}-{persisted}"
            place.mkdir()
            if not await fails_at(place, name, at, persisted=persisted):
                return found
            found += 1
        at += step


async def test_a_run_over_a_store_that_does_not_fail_succeeds(tmp_path: Path) -> None:
    failure = Failure()
    await run_anew(tmp_path, failure, tmp_path / "missions.db")
    found = state(tmp_path / "missions.db")
    assert found is not None
    assert found[0] is ExecutionState.SUCCESS
    assert {*CALLS} <= {*failure.calls}


@pytest.mark.parametrize("name", CALLS)
async def test_calls_of_storage_fail_and_the_execution_can_go_on(tmp_path: Path, name: str) -> None:
    assert await sweep(tmp_path, name, 0, 4) >= 2


@pytest.mark.slow
async def test_every_call_of_storage_fails_and_the_execution_can_go_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = {name: await sweep(tmp_path, name, 0, 1) for name in CALLS}
    with capfd.disabled():
        calls = ", ".join(f"{name} {count}" for name, count in found.items())
        print(f"\nfailing storage: {sum(found.values())} failures ({calls})")


async def full_at_every(folder: Path, step: int) -> int:
    """Fill the disk before every `step`th commit; return how many there were."""
    at = 0
    while True:
        place = folder / str(at)
        place.mkdir()
        with small_disk(place / "disk", "2m") as disk:
            if not await disk_is_full_at(place, disk / "missions.db", at):
                return at
        at += step


async def test_the_disk_is_full_at_some_commits_and_the_execution_can_go_on(tmp_path: Path) -> None:
    assert await full_at_every(tmp_path, 4) >= 4


@pytest.mark.slow
async def test_the_disk_is_full_at_every_commit_and_the_execution_can_go_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    count = await full_at_every(tmp_path, 1)
    with capfd.disabled():
        print(f"\nfull disk: filled before each of {count} commits")
