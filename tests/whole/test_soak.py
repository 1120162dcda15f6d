"""Thousands of executions in one database and one process: memory and the cost of queries are flat.

The cost of a query is counted in instructions of SQLite's virtual machine, which no other load on
the machine changes.
"""

import gc
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from core.audit.verify.verdict import Verdict
from core.audit.verify.verify import verify
from core.domain.states import ExecutionState
from core.launch.order import launch
from core.machine.daemon_threads import DaemonThreads
from core.machine.system_clock import SystemClock
from core.operations.lost import find_lost
from core.operations.mission_order import make_order, read_mission
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import LogQuery
from core.runner import drive as drive_module
from core.runner.drive import drive
from core.runner.drive_plan import DrivePlan
from storage.read.audit_source import SqliteChainSource
from storage.read.reader import SqliteReader, open_reader
from storage.write.store import Store, open_store
from tests.support.story import StorySigner
from tui.host.places import Paths
from tui.host.site import LocalSite

MISSION = """\
version: "1.0"
name: tiny
steps:
  - {id: a, name: A, step_type: noop}
  - {id: b, name: B, step_type: log, depends_on: [a], parameters: {message: hello}}
"""
INSTRUCTIONS = 20
"""How many instructions of SQLite's virtual machine are counted at a time."""

RUNNING = frozenset({ExecutionState.PENDING, ExecutionState.RUNNING, ExecutionState.PAUSED})


class Soak:
    """A database that more and more executions of one mission are run in."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._file = folder / "m.yaml"
        self._file.write_text(MISSION)
        self._loaded = read_mission(str(self._file))
        self._folder = folder
        self._store = store
        paths = Paths(
            home=folder,
            db=store.path,
            keys=folder / "keys",
            config=folder / "config.toml",
            logs=folder / "logs",
        )
        self._site = LocalSite(paths=paths, environ=os.environ)
        self.count = 0

    async def grow(self, to: int) -> float:
        """Run executions until there are so many; return the seconds that each took."""
        clock, began, before = SystemClock(), time.perf_counter(), self.count
        while self.count < to:
            order = make_order(self._loaded, reference=str(self._file), actor="t@t", params={})
            snapshot, _ = await launch(order, clock, self._store.journal)
            plan = DrivePlan(
                mission=order.mission,
                snapshot=snapshot,
                working_dir=self._folder,
                actor="t@t",
                environ={},
                version="0",
            )
            driven = await drive(self._site, self._store, plan)
            assert driven.ending.state is ExecutionState.SUCCESS
            self.count += 1
            if self.count % 50 == 0:
                gc.unfreeze()  # a drive freezes what there is for good: its process ends with it
        return (time.perf_counter() - began) / max(1, self.count - before)

    def costs(self) -> Mapping[str, int]:
        """Return what the queries of commands and screens cost, in instructions."""
        with closing(open_reader(self._store.path)) as reader:
            return {name: _cost(reader, ask) for name, ask in _queries(reader).items()}


def _queries(reader: SqliteReader) -> dict[str, Callable[[], object]]:
    """Return what is asked of a database all the time, about its newest execution."""
    newest = reader.executions()[0]
    id_ = newest.execution_id
    return {
        "page of executions": reader.executions,
        "live executions": lambda: reader.executions(
            ExecutionQuery(limit=1000, states=RUNNING, include_children=True)
        ),
        "lost executions": lambda: find_lost(reader, time.time_ns()),
        "by id": lambda: reader.find_execution(id_),
        "by prefix": lambda: reader.find_execution(id_[:18]),
        "by label": lambda: reader.find_execution(f"tiny#{newest.run_number}"),
        "by @last": lambda: reader.find_execution("@last"),
        "short id": lambda: reader.short_ids([id_]),
        "latest run": lambda: reader.latest_runs(["tiny"]),
        "run key": lambda: reader.find_run_key(newest.workflow_id, "none"),
        "task runs": lambda: reader.task_runs(id_),
        "task states": lambda: reader.task_states(id_),
        "changed task states": lambda: reader.task_states(id_, after_seq=reader.last_seq() - 5),
        "attempts": lambda: reader.attempts(id_),
        "state changes": lambda: reader.state_changes(id_),
        "events of an execution": lambda: reader.audit_events(execution_id=id_),
        "newest events": lambda: reader.audit_events(after_seq=reader.last_seq() - 20),
        "logs": lambda: list(reader.logs(LogQuery(execution_id=id_))),
        "end of logs": lambda: list(reader.logs(LogQuery(execution_id=id_, tail=10))),
        "children": lambda: reader.children(id_),
        "child counts": lambda: reader.child_counts([id_]),
        "lease": lambda: reader.lease(id_),
    }


def _cost(reader: SqliteReader, ask: Callable[[], object]) -> int:
    count = 0

    def tick() -> None:
        nonlocal count
        count += INSTRUCTIONS

    reader._connection.set_progress_handler(tick, INSTRUCTIONS)
    try:
        ask()
    finally:
        reader._connection.set_progress_handler(None, 0)
    return count


def objects() -> int:
    """Return how many objects the garbage collector knows of."""
    gc.unfreeze()
    gc.collect()
    return len(gc.get_objects())


def resident_mb() -> float:
    """Return the megabytes of memory that this process has now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def assert_flat(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """No query costs noticeably more than in the smaller database."""
    grown = {
        name: (cost, after[name])
        for name, cost in before.items()
        if after[name] > cost * 1.25 + 10 * INSTRUCTIONS
    }
    assert grown == {}


@pytest.fixture
def one_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all runs share their threads: a process usually drives one execution, and ends."""
    shared = DaemonThreads()
    monkeypatch.setattr(drive_module, "DaemonThreads", lambda: shared)


@pytest.mark.slow
@pytest.mark.usefixtures("one_executor")
async def test_queries_cost_no_more_in_a_larger_database(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "missions.db", StorySigner())
    soak = Soak(tmp_path, store)
    await soak.grow(120)
    few, known = soak.costs(), objects()
    await soak.grow(360)
    assert_flat(few, soak.costs())
    assert objects() < known * 1.02 + 500
    await store.close()


@pytest.mark.slow
@pytest.mark.usefixtures("one_executor")
async def test_ten_thousand_executions_in_one_database(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = await open_store(tmp_path / "missions.db", StorySigner())
    soak = Soak(tmp_path, store)
    early = await soak.grow(1000)
    few, known, resident = soak.costs(), objects(), resident_mb()
    await soak.grow(9000)
    late = await soak.grow(10_000)
    many = soak.costs()
    assert_flat(few, many)
    assert objects() < known * 1.02 + 500
    worst = max(many, key=lambda name: many[name] / max(1, few[name]))
    with capfd.disabled():
        print(
            f"\nsoak: {soak.count:,} executions; {objects() - known:+,} objects and"
            f" {resident_mb() - resident:+.1f} MB since the 1,000th;"
            f" an execution takes {late / early:.2f} times as long;"
            f" the query that grew most ({worst}) costs {many[worst] / max(1, few[worst]):.2f}"
            " times as much"
        )
    await store.close()
    source = SqliteChainSource(store.path, [StorySigner().vkey(store.log_id)])
    try:
        assert verify(source).verdict is Verdict.INTACT
    finally:
        source.close()
