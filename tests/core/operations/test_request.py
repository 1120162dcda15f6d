"""Leaving requests, on this machine's site and on its twin."""

from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import ConflictError, NotFoundError
from core.launch.order import Order, launch
from core.operations import request as requests
from core.operations.request import leave_request, request
from core.ports.control import RequestKind
from tests.support.memory_site import MemorySite
from tests.support.sites import QuietSite, make_site
from tests.support.staged import MISSION, SOURCE

ORDER = Order(mission=MISSION, source=SOURCE, actor="tester@memory")


@pytest.fixture(params=["local", "memory"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> QuietSite | MemorySite:
    return make_site(request.param, tmp_path)


async def created(site: QuietSite | MemorySite) -> Execution:
    async with site.open_store() as store:
        snapshot, _ = await launch(ORDER, site.clock, store.journal)
        return snapshot.current


async def test_a_request_nobody_takes_waits_for_the_next_runner(
    site: QuietSite | MemorySite,
) -> None:
    execution = await created(site)
    with closing(site.open_reader()) as reader:
        asked = await request(site, reader, execution, RequestKind.PAUSE)
        assert (asked.owned, asked.settled, asked.to_resume) == (False, False, execution)
        assert reader.request_outcome(asked.request_id) is None
    assert site.runners.started == []
    async with site.open_store() as store:
        lease = await store.control.acquire(execution.execution_id)
        (taken,) = await store.control.take_requests(lease)
    assert (taken.kind, taken.actor) == (RequestKind.PAUSE, "tester@memory")


async def test_a_cancel_that_nobody_would_take_gets_a_runner(site: QuietSite | MemorySite) -> None:
    execution = await created(site)
    with closing(site.open_reader()) as reader:
        asked = await leave_request(site, reader, execution, RequestKind.CANCEL)
    assert asked.owned
    assert site.runners.started == [execution.execution_id]


async def test_a_runner_that_does_not_answer_is_waited_for_only_so_long(
    site: QuietSite | MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PATIENCE_SECONDS", 0.1)
    execution = await created(site)
    async with site.open_store() as store:
        await store.control.acquire(execution.execution_id)
        with closing(site.open_reader()) as reader:
            asked = await request(site, reader, execution, RequestKind.PAUSE)
    assert (asked.owned, asked.settled) == (True, False)


async def test_an_unknown_step_and_an_ended_execution_are_refused(
    site: QuietSite | MemorySite,
) -> None:
    execution = await created(site)
    with closing(site.open_reader()) as reader:
        with pytest.raises(NotFoundError):
            await request(site, reader, execution, RequestKind.RETRY, task_id="nowhere")
        ended = replace(execution, state=ExecutionState.SUCCESS)
        with pytest.raises(ConflictError, match="has ended: SUCCESS"):
            await request(site, reader, ended, RequestKind.PAUSE)
