"""Resuming executions, on this machine's site and on its twin."""

from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import ConflictError, UnavailableError
from core.launch.order import Order, launch
from core.operations import request as requests
from core.operations.lost import mark_lost
from core.operations.resume import Resumed, resume, resume_if_abandoned
from core.planning.recovery import AssumeLost
from tests.support.memory_site import MemorySite
from tests.support.sites import QuietSite, make_site
from tests.support.staged import MISSION, SOURCE

ORDER = Order(mission=MISSION, source=SOURCE, actor="tester@memory")


@pytest.fixture(params=["local", "memory"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> QuietSite | MemorySite:
    return make_site(request.param, tmp_path)


async def created(site: QuietSite | MemorySite, order: Order = ORDER) -> Execution:
    async with site.open_store() as store:
        snapshot, _ = await launch(order, site.clock, store.journal)
        return snapshot.current


async def test_an_execution_nobody_drives_gets_a_new_runner(site: QuietSite | MemorySite) -> None:
    execution = await created(site)
    with closing(site.open_reader()) as reader:
        assert await resume(site, reader, execution) is Resumed.A_NEW_RUNNER
    assert site.runners.started == [execution.execution_id]


async def test_a_living_runner_is_asked_and_has_to_answer(
    site: QuietSite | MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.1)
    execution = await created(site)
    async with site.open_store() as store:
        await store.control.acquire(execution.execution_id)
        with closing(site.open_reader()) as reader, pytest.raises(UnavailableError):
            await resume(site, reader, execution)
    assert site.runners.started == []


async def test_what_was_lost_cannot_be_decided_while_a_runner_lives(
    site: QuietSite | MemorySite,
) -> None:
    execution = await created(site)
    async with site.open_store() as store:
        await store.control.acquire(execution.execution_id)
        with closing(site.open_reader()) as reader, pytest.raises(ConflictError) as refused:
            await resume(site, reader, execution, assume_lost=AssumeLost.RETRY)
    assert "--assume-lost=retry" in refused.value.message
    assert refused.value.hint == "mission resume release#1"
    assert site.runners.started == []


async def test_a_sub_mission_is_resumed_with_the_execution_above_it(
    site: QuietSite | MemorySite,
) -> None:
    parent = await created(site)
    order = replace(
        ORDER, parent_execution_id=parent.execution_id, parent_task_id="build", parent_attempt=1
    )
    child = await created(site, order)
    with closing(site.open_reader()) as reader, pytest.raises(ConflictError) as refused:
        await resume(site, reader, child)
    assert refused.value.hint == "mission resume release#1"


async def test_an_ended_execution_is_not_resumed(site: QuietSite | MemorySite) -> None:
    execution = replace(await created(site), state=ExecutionState.FAILED)
    with closing(site.open_reader()) as reader, pytest.raises(ConflictError, match="has ended"):
        await resume(site, reader, execution)


async def test_an_execution_that_is_being_started_gets_no_second_runner(
    site: QuietSite | MemorySite,
) -> None:
    execution = await created(site)
    with closing(site.open_reader()) as reader:
        await resume_if_abandoned(site, reader, execution.execution_id)
    assert site.runners.started == []


async def test_an_abandoned_execution_gets_a_new_runner(site: QuietSite | MemorySite) -> None:
    execution = await created(site)
    async with site.open_store() as store:
        with closing(site.open_reader()) as reader:
            await mark_lost(store, site.clock, reader, execution.execution_id)
    with closing(site.open_reader()) as reader:
        await resume_if_abandoned(site, reader, execution.execution_id)
    assert site.runners.started == [execution.execution_id]


async def test_an_execution_with_a_living_runner_is_left_to_it(
    site: QuietSite | MemorySite,
) -> None:
    execution = await created(site)
    async with site.open_store() as store:
        with closing(site.open_reader()) as reader:
            await mark_lost(store, site.clock, reader, execution.execution_id)
        await store.control.acquire(execution.execution_id)
        with closing(site.open_reader()) as reader:
            await resume_if_abandoned(site, reader, execution.execution_id)
    assert site.runners.started == []
