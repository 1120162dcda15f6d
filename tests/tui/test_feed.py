"""The feed: committed records to coalesced news, and nothing in the wrong thread."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from textual.message import Message

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState, TaskState
from core.errors import NotFoundError, UnavailableError
from core.ports.reader import LogQuery, Reader
from tests.support.tui import FakeReader, FakeWorld, busy_world, mission_of, step
from tui.live.feed import DELIVERY_INTERVAL_SECONDS, Feed, rest_after
from tui.live.lookup import Lookup
from tui.live.messages import Committed, Delta, FeedLost, ThreadBroken
from tui.search.home_page import HomePage, HomeQuery, execution_rows


class Harness:
    """Runs a feed and collects what it posts."""

    def __init__(self, world: FakeWorld, open_reader: Callable[[], Reader] | None = None) -> None:
        self.posted: list[Message] = []
        self.news = threading.Condition()
        self.feed = Feed(open_reader or (lambda: FakeReader(world)), self.post)

    def post(self, message: Message) -> None:
        with self.news:
            self.posted.append(message)
            self.news.notify_all()

    def wait(self, kind: type[Message], *, least: int = 1) -> None:
        with self.news:
            assert self.news.wait_for(
                lambda: sum(isinstance(m, kind) for m in self.posted) >= least, timeout=10
            ), self.posted

    def until(self, condition: Callable[[Delta], bool]) -> Delta:
        """Take deliveries, merged, until they satisfy something."""
        seen = Delta()
        for _ in range(100):
            self.wait(Committed)
            with self.news:
                self.posted = [m for m in self.posted if not isinstance(m, Committed)]
            delta = self.feed.take()
            for name in Delta.__slots__:
                value: Any = getattr(delta, name)
                if value not in (None, False, 0):
                    before = getattr(seen, name)
                    joined = {**(before or {}), **value} if name == "tasks" else value
                    if name == "logs":
                        joined = [*(before or []), *value]
                    setattr(seen, name, joined)
            if condition(seen):
                return seen
        raise AssertionError(f"never delivered: {seen}")


@pytest.fixture
def harness(request: pytest.FixtureRequest) -> Any:
    made: list[Harness] = []

    def make(world: FakeWorld, open_reader: Callable[[], Reader] | None = None) -> Harness:
        made.append(Harness(world, open_reader))
        return made[-1]

    yield make
    for one in made:
        one.feed.stop()


def test_home_gets_the_executions_and_every_change_of_them(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_home(HomeQuery())
    h.feed.start()
    first = h.until(lambda d: d.home is not None)
    assert len(list(execution_rows(first.home.rows))) == 7
    assert first.short_ids[run] == run[:8]
    world.execution(run, ExecutionState.CANCELLED, Reason.USER_CANCELLED)

    def states(home: HomePage) -> list[ExecutionState]:
        return [row.execution.state for row in execution_rows(home.rows)]

    h.until(lambda d: d.home and ExecutionState.CANCELLED in states(d.home))


def test_an_execution_comes_whole_once_and_then_by_its_changes(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    first = h.until(lambda d: d.opened)
    assert len(first.tasks) == 25
    assert first.lease_read
    world.begin(run, "fetch-12")
    later = h.until(lambda d: d.tasks)
    assert list(later.tasks) == ["fetch-12"]
    assert later.tasks["fetch-12"].state is TaskState.RUNNING


def test_a_burst_arrives_as_few_deliveries_with_the_newest_state(harness: Any) -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", *(step(f"s{n}") for n in range(300))))
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    h.until(lambda d: d.opened)
    for n in range(300):
        world.run_step(run, f"s{n}")
    done = h.until(lambda d: d.tasks and len(d.tasks) == 300)
    assert all(task.state is TaskState.SUCCESS for task in done.tasks.values())
    assert sum(isinstance(m, Committed) for m in h.posted) <= 3


def test_the_last_of_many_changes_arrives_however_they_fall_between_the_looks(
    harness: Any,
) -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", *(step(f"s{n}") for n in range(60))))
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    h.until(lambda d: d.opened)
    pause = threading.Event()
    for n in range(60):
        world.begin(run, f"s{n}")
        pause.wait(0.003)
        world.end(run, f"s{n}")
    world.execution(run, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    done = h.until(lambda d: d.execution and d.execution.state is ExecutionState.SUCCESS)
    assert len(done.tasks) == 60
    assert all(task.state is TaskState.SUCCESS for task in done.tasks.values())


def test_while_nobody_takes_the_news_only_one_message_waits(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    h.wait(Committed)
    for number in range(5):
        world.say(run, "promote-7", f"line {number}")
        threading.Event().wait(0.1)
    assert sum(isinstance(m, Committed) for m in h.posted) == 1


def test_a_log_comes_with_its_tail_and_then_line_by_line(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_execution(run)
    token = h.feed.follow_log(LogQuery(execution_id=run, task_id="promote-7", attempt=3))
    h.feed.start()
    first = h.until(lambda d: d.logs)
    assert first.logs[0].reset
    assert first.logs[0].token == token
    assert first.logs[0].lines[0][1].message.startswith("attempt 3")
    world.begin(run, "fetch-12")
    world.say(run, "fetch-12", "not this one")
    world.say(run, "promote-7", "one more")
    later = h.until(lambda d: d.logs)
    assert [entry.message for _c, entry in later.logs[0].lines] == ["one more"]
    assert not later.logs[0].reset


def test_a_follower_that_is_far_behind_skips_to_the_end_and_says_so(harness: Any) -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("yes")))
    world.begin(run, "yes")
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.follow_log(LogQuery(execution_id=run, task_id="yes", attempt=1))
    h.feed.start()
    h.until(lambda d: d.logs)
    world.say(run, "yes", *(f"{n}" for n in range(5000)))
    later = h.until(lambda d: d.logs)
    assert later.logs[0].gap
    assert later.logs[0].lines[-1][1].message == "4999"


def test_changing_what_is_followed_drops_no_task_changes(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    h.until(lambda d: d.opened)
    for n in range(1, 9):
        world.task(run, f"load-{n}", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
        h.feed.follow_log(LogQuery(execution_id=run, task_id=f"load-{n}", attempt=1))
    h.until(lambda d: d.tasks and {f"load-{n}" for n in range(1, 9)} <= set(d.tasks))


def test_reading_that_fails_is_said_once_and_taken_up_again(harness: Any) -> None:
    world, run = busy_world()
    h = harness(world)
    h.feed.watch_execution(run)
    h.feed.start()
    h.until(lambda d: d.opened)
    world.broken = "disk I/O error"
    world.version += 1
    h.wait(FeedLost)
    world.broken = ""
    h.wait(FeedLost, least=2)
    assert [m.text for m in h.posted if isinstance(m, FeedLost)] == ["disk I/O error", ""]
    h.until(lambda d: d.tasks is not None)


def test_without_a_database_home_is_empty_and_fills_once_there_is_one(harness: Any) -> None:
    world, _run = busy_world()
    there = threading.Event()

    def open_reader() -> Reader:
        if not there.is_set():
            raise NotFoundError("no database yet")
        return FakeReader(world)

    h = harness(world, open_reader)
    h.feed.watch_home(HomeQuery())
    h.feed.start()
    assert h.until(lambda d: d.home is not None).home.rows == ()
    there.set()
    h.until(lambda d: d.home and d.home.rows)
    assert not [m for m in h.posted if isinstance(m, FeedLost)]


def test_an_execution_that_does_not_exist_is_said(harness: Any) -> None:
    world, _run = busy_world()
    h = harness(world)
    h.feed.watch_execution("no-such-id")
    h.feed.start()
    h.wait(FeedLost)
    assert "no-such-id" in h.posted[0].text


def test_what_is_missing_of_an_earlier_target_does_not_end_the_watch_of_a_later_one(
    harness: Any,
) -> None:
    class Slow(FakeReader):
        def find_execution(self, reference: str, *, folder: str | None = None) -> Execution:
            try:
                return super().find_execution(reference, folder=folder)
            except NotFoundError:
                h.feed.watch_execution(run)  # somebody opens another run meanwhile
                raise

    world, run = busy_world()
    h = harness(world, lambda: Slow(world))
    h.feed.watch_execution("no-such-id")
    h.feed.start()
    h.until(lambda d: d.execution is not None and d.execution.execution_id == run)
    assert not [m for m in h.posted if isinstance(m, FeedLost)]


def test_a_bug_in_the_feed_is_reported_not_swallowed(harness: Any) -> None:
    class Broken(FakeReader):
        def last_seq(self) -> int:
            raise ZeroDivisionError

    world, _run = busy_world()
    h = harness(world, lambda: Broken(world))
    h.feed.watch_home(HomeQuery())
    h.feed.start()
    h.wait(ThreadBroken)


def test_stopping_closes_the_reader_in_its_own_thread() -> None:
    world, _run = busy_world()
    readers: list[FakeReader] = []

    def open_reader() -> Reader:
        readers.append(FakeReader(world))
        return readers[-1]

    h = Harness(world, open_reader)
    h.feed.watch_home(HomeQuery())
    h.feed.start()
    h.wait(Committed)
    h.feed.stop()
    assert readers[0].closed
    assert readers[0].thread != threading.get_ident()


async def test_a_lookup_answers_from_one_other_thread_and_survives_errors() -> None:
    world, run = busy_world()
    lookup = Lookup(lambda: FakeReader(world))
    assert len(await lookup.read(lambda reader: reader.task_runs(run))) == 25
    with pytest.raises(NotFoundError):
        await lookup.read(lambda reader: reader.find_execution("nope"))
    world.broken = "gone"
    with pytest.raises(UnavailableError):
        await lookup.read(lambda reader: reader.task_runs(run))
    world.broken = ""
    assert len(await lookup.read(lambda reader: reader.attempts(run, "promote-7"))) == 3
    lookup.stop()


def test_a_filter_that_reads_many_executions_is_asked_less_often() -> None:
    assert rest_after(0.01) < DELIVERY_INTERVAL_SECONDS
    assert rest_after(0.15) == pytest.approx(0.45)
    assert rest_after(30.0) == 2.0
