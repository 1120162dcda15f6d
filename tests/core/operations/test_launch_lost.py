"""Launching an execution and noticing lost runners, on this machine's site and on its twin."""

from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.errors import UnavailableError
from core.launch.order import Order, launch
from core.machine.ownership import is_owned
from core.operations.launch import launch_detached
from core.operations.lost import START_SECONDS, LostExecution, find_lost, record_lost
from core.operations.snapshot import load_snapshot
from tests.support.memory_site import MemorySite
from tests.support.sites import QuietSite, make_site
from tests.support.staged import MISSION, SOURCE

ORDER = Order(mission=MISSION, source=SOURCE, actor="tester@memory")
A_SECOND = 1_000_000_000


@pytest.fixture(params=["local", "memory"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> QuietSite | MemorySite:
    return make_site(request.param, tmp_path)


async def test_an_execution_is_durable_and_owned_when_its_runner_is_started(
    site: QuietSite | MemorySite,
) -> None:
    execution = await launch_detached(site, ORDER)
    assert site.runners.started == [execution.execution_id]
    with closing(site.open_reader()) as reader:
        assert load_snapshot(reader, execution.execution_id).current == execution
        assert is_owned(reader.lease(execution.execution_id), site.clock.now())
        assert find_lost(reader, site.clock.now()) == []


async def test_a_runner_that_does_not_start_leaves_no_owner(site: QuietSite | MemorySite) -> None:
    site.runners.refusal = UnavailableError("no more processes")
    with pytest.raises(UnavailableError):
        await launch_detached(site, ORDER)
    with closing(site.open_reader()) as reader:
        (execution,) = reader.executions()
        assert execution.state is ExecutionState.PENDING
        assert not is_owned(reader.lease(execution.execution_id), site.clock.now())


async def test_an_execution_that_nobody_starts_is_recorded_as_lost(
    site: QuietSite | MemorySite,
) -> None:
    async with site.open_store() as store:
        snapshot, _ = await launch(ORDER, site.clock, store.journal)
    later = site.clock.now() + round((START_SECONDS + 1) * A_SECOND)
    with closing(site.open_reader()) as reader:
        assert find_lost(reader, site.clock.now()) == []
        gone = find_lost(reader, later)
        assert await record_lost(site, reader, gone) == [LostExecution(execution=gone[0])]
        found = reader.find_execution(snapshot.current.execution_id)
        assert (found.state, found.reason_code) == (ExecutionState.PAUSED, Reason.RUNNER_LOST)
        assert find_lost(reader, later) == []
        assert gone == [replace(snapshot.current, updated_at=gone[0].updated_at)]
