"""The slots of a cluster are the limit of a run, unless somebody says another one."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.domain.mission import ExecutorKind, MissionConfig
from core.errors import UnavailableError
from core.launch.order import Order
from core.operations.executor.executor_check import with_slots
from core.operations.site import Site
from tests.support.fake_executor import FakeExecutor
from tests.support.memory_site import MemorySite
from tests.support.rig import a_command, an_order
from tests.support.simulation import a_plan


class Cluster(FakeExecutor):
    """An executor that says how many jobs it can run at once."""

    def __init__(self, slots: int | Exception | None) -> None:
        super().__init__()
        self.told = slots

    async def slots(self) -> int | None:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


class ClusterSite(MemorySite):
    """A site whose missions run on a cluster."""

    def __init__(self, slots: int | Exception | None) -> None:
        super().__init__()
        self.cluster = Cluster(slots)

    def new_executor(self, config: MissionConfig) -> FakeExecutor:
        return self.cluster


def order_of(**config: Any) -> Order:
    mission = a_plan(a_command("a"))
    return an_order(replace(mission, config=MissionConfig(**config)))


async def limit(site: Any, order: Order) -> int | None:
    as_site: Site = site
    return (await with_slots(as_site, order)).parallel_limit


async def test_the_slots_of_a_cluster_are_the_limit() -> None:
    site = ClusterSite(12)

    assert await limit(site, order_of()) == 12
    assert site.cluster.is_closed


@pytest.mark.parametrize("slots", [None, 12])
async def test_what_mission_or_command_line_say_counts(slots: int | None) -> None:
    site = ClusterSite(slots)

    assert await limit(site, order_of(parallel_limit=3, has_own_parallel_limit=True)) is None
    assert await limit(site, replace(order_of(), parallel_limit=5)) == 5


async def test_a_mission_that_runs_here_asks_no_cluster() -> None:
    site = ClusterSite(UnavailableError("gone"))

    assert await limit(site, order_of(executor=ExecutorKind.LOCAL)) is None


async def test_a_cluster_out_of_reach_is_an_error_before_anything_starts() -> None:
    site = ClusterSite(UnavailableError("gone"))

    with pytest.raises(UnavailableError):
        await limit(site, order_of())
    assert site.cluster.is_closed
