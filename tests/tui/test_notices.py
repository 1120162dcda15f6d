"""What the screen tells unasked: what has happened to what is watched, and nothing twice."""

from core.domain.reasons import Reason
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeReader, FakeWorld, mission_of, step
from tui.live.messages import Delta
from tui.live.screen.notices import Notices, title_of, title_of_run
from tui.look.terminal_notice import notification, title
from tui.search.home_page import HomeQuery, read_home

DEPLOY = mission_of("deploy", step("build"), step("promote", "build", step_type="approval"))


def home(world: FakeWorld) -> Delta:
    return Delta(home=read_home(FakeReader(world), HomeQuery()))


def one(world: FakeWorld, run: str, *, opened: bool = False) -> Delta:
    snapshot = world.runs[run].snapshot
    return Delta(execution=world.runs[run].execution(), tasks={**snapshot.tasks}, opened=opened)


def test_home_tells_of_ends_questions_and_lost_runners_once_each() -> None:
    world, notices = FakeWorld(), Notices()
    world.execution(world.launch(DEPLOY), ExecutionState.FAILED, Reason.STEP_FAILED)
    good, bad, asks, lost = (world.launch(DEPLOY) for _ in range(4))
    assert notices.news(home(world)) == []
    world.execution(good, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    world.execution(bad, ExecutionState.FAILED, Reason.STEP_FAILED)
    world.begin(asks, "promote")
    world.task(asks, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    world.execution(lost, ExecutionState.PAUSED, Reason.RUNNER_LOST)
    assert sorted(notices.news(home(world))) == [
        "deploy#2 done",
        "deploy#3 failed",
        "deploy#4 waits for an approval: promote",
        "deploy#5 has lost its runner",
    ]
    assert notices.news(home(world)) == []
    page = home(world).home
    assert page is not None
    assert title_of(page) == "mission: 4 need you, 1 running"


def test_an_execution_that_is_open_tells_what_comes_after_its_opening() -> None:
    world, notices = FakeWorld(), Notices()
    run = world.launch(DEPLOY)
    assert notices.news(one(world, run, opened=True)) == []
    world.begin(run, "promote")
    world.task(run, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL)
    assert notices.news(one(world, run)) == ["deploy#1 waits for an approval: promote"]
    assert notices.news(one(world, run)) == []
    world.execution(run, ExecutionState.CANCELLED, Reason.USER_CANCELLED)
    assert notices.news(one(world, run)) == ["deploy#1 cancelled"]
    assert title_of_run(world.runs[run].execution()) == "mission: deploy#1 cancelled"
    assert notices.news(home(world)) == []


def test_what_is_told_cannot_end_the_sequence_that_tells_it() -> None:
    text = notification("a\x07b\x1b]2;c\nd" + "x" * 500)
    assert text.startswith("\a\x1b]9;")
    assert text.endswith("\a")
    assert not {"\a", "\x1b", "\n"} & set(text[4:-1])
    assert len(text) < 250
    assert title("deploy") == "\x1b]2;deploy\a"
