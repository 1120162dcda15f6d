"""The last lines of running steps: read when something is new, shown for what is in sight."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from tests.support.tui import FakeReader, FakeWorld, mission_of, step
from tui.live.log.last_line_watch import LastLineWatch
from tui.live.lookup import Lookup


class HeldLookup:
    """Answers when it is let to."""

    def __init__(self, world: FakeWorld) -> None:
        self.reader = FakeReader(world)
        self.reads = 0
        self.gate = asyncio.Event()

    async def read(self, query: Callable[[FakeReader], Any]) -> Any:
        self.reads += 1
        found = query(self.reader)
        await self.gate.wait()
        return found


async def test_an_answer_about_another_moment_is_dropped_and_read_again_when_that_is_back() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("etl", step("load")))
    world.begin(run, "load")
    world.say(run, "load", "rows: 12")
    lookup, shown, tasks = HeldLookup(world), list[Mapping[str, str]](), list[Any]()

    def start(work: Awaitable[None]) -> object:
        async def wait() -> None:
            await work

        tasks.append(asyncio.create_task(wait()))
        return tasks[-1]

    watch = LastLineWatch(run, lambda: cast("Lookup", lookup), shown.append, start)
    watch.look([("load", 1)], world.clock.at)
    await asyncio.sleep(0)
    assert lookup.reads == 1

    watch.look([("load", 1)], None)  # another moment, and back before the answer is there
    watch.look([("load", 1)], 5)
    lookup.gate.set()
    await asyncio.gather(*tasks)
    assert [dict(one) for one in shown] == [{}], "at that moment nothing was written"

    watch.look([("load", 1)], world.clock.at)
    await asyncio.gather(*tasks)
    assert [dict(one) for one in shown] == [{}, {"load": "rows: 12"}]
    watch.look([("load", 1)], world.clock.at)
    await asyncio.gather(*tasks)
    assert len(shown) == 2, "nothing was committed since"

    watch.clear()
    watch.look([("load", 1)], world.clock.at)
    await asyncio.gather(*tasks)
    assert [dict(one) for one in shown[2:]] == [{}, {"load": "rows: 12"}]
