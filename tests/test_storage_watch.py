"""Watching for commits of others, from a loop or a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.states import ExecutionState
from storage.reader import open_reader
from storage.store import Store, open_store
from storage.watch import Watch
from tests.support.story import SteppingClock, Story, StorySigner


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "missions.db", StorySigner(), clock=SteppingClock())
    yield store
    await store.close()


async def test_a_look_tells_only_of_what_is_new(store: Store) -> None:
    reader = open_reader(store.path)
    watch = Watch(reader)
    assert watch.poll() is not None
    assert watch.poll() is None
    story = Story("a").create()
    await store.journal.submit(story.batch())
    assert watch.poll() is not None
    assert watch.poll() is None
    reader.close()


async def test_a_loop_follows_every_commit_to_the_end(store: Store) -> None:
    reader = open_reader(store.path)
    watch = Watch(reader, busy=0.001, idle=0.001)
    story = Story("a").create()
    seen = []

    async def follow() -> None:
        async for _ in watch:
            seen.append(reader.last_seq())
            if seen[-1] == 4:
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        await store.journal.submit(story.batch())
        await store.journal.submit(story.move(ExecutionState.RUNNING).batch())
        story.move(ExecutionState.FAILED)
        await store.journal.submit(story.batch())
    assert seen == sorted(set(seen))
    assert seen[-1] == 4
    reader.close()


async def test_a_thread_follows_too_and_is_woken_to_stop(store: Store) -> None:
    seen: list[int] = []
    first = threading.Event()
    watches: list[Watch] = []

    def follow() -> None:
        reader = open_reader(store.path)
        watch = Watch(reader, busy=60, idle=60)
        watches.append(watch)
        for version in watch:
            seen.append(version)
            first.set()
        reader.close()

    thread = threading.Thread(target=follow)
    thread.start()
    await asyncio.to_thread(first.wait, 10)
    await store.journal.submit(Story("a").create().batch())
    watches[0].wake()
    while len(seen) < 2:  # noqa: ASYNC110 - what is waited for happens in a thread
        await asyncio.sleep(0.001)
    watches[0].stop()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    assert len(seen) == 2


async def test_a_sleeping_loop_is_woken_and_stopped(store: Store) -> None:
    reader = open_reader(store.path)
    watch = Watch(reader, busy=60, idle=60)
    seen: list[int] = []

    async def follow() -> None:
        seen.extend([version async for version in watch])

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    await store.journal.submit(Story("a").create().batch())
    watch.wake()
    await asyncio.sleep(0.01)
    watch.stop()
    await asyncio.wait_for(task, 10)
    assert len(seen) == 2
    reader.close()
