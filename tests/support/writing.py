"""Programs that other processes run on a database: `python -m tests.support.writing MODE PATH ...`.

`write PATH NUMBER COUNT`: write COUNT whole executions and print the id of each.
`forever PATH NUMBER`: the same without end; after each acknowledged batch print `ID EVENTS`.
"""

import asyncio
import sys
from pathlib import Path

from core.domain.states import ExecutionState
from core.machine.system_clock import SystemClock
from storage.write.store import open_store
from tests.support.story import Story, StorySigner


async def write(path: Path, number: int, count: int | None) -> None:
    """Write executions numbered from `number` on; None means for ever."""
    clock = SystemClock()
    store = await open_store(path, StorySigner(), clock=clock)
    done = 0
    while count is None or done < count:
        story = Story("a", "b", clock=clock, number=number + done)
        lease = await store.control.acquire(story.execution_id)
        story.create().move(ExecutionState.RUNNING)
        batches = [story.batch(), story.begin("a").batch()]
        for batch in batches:
            _say(story, (await store.journal.submit(batch)).execution_events)
        store.journal.append_log(story.chunk("a", b"some output\n"))
        for batch in (story.end("a").begin("b").batch(), story.end("b").batch(), story.finish()):
            _say(story, (await store.journal.submit(batch)).execution_events)
        await store.control.release(lease)
        done += 1
    await store.close()


def _say(story: Story, events: int) -> None:
    print(story.execution_id, events, flush=True)


if __name__ == "__main__":
    mode, path, number, *rest = sys.argv[1:]
    asyncio.run(write(Path(path), int(number), int(rest[0]) if mode == "write" else None))
