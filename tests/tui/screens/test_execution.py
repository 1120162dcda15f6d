"""An execution by keyboard: watch, find the failure, inspect, act."""

from functools import partial
from pathlib import Path

import pytest

from core.domain.breaker_state import BreakerState
from core.domain.events import BreakerChanged, StepExpanded
from core.domain.mission import Mission, MissionConfig, MissionSource, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import LogStream, TaskError
from core.domain.states import ExecutionState, TaskState
from core.errors import MissionInvalidError
from core.ports.control import RequestKind
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    busy_world,
    mission_of,
    nightly,
    running,
    screen_text,
    step,
    type_in,
    wait_for_text,
    wait_until,
    wide_mission,
)
from tui.screens.execution import ExecutionScreen
from tui.widgets.steps.step_list import StepList

SIZES = [(40, 12), (80, 24), (120, 40), (240, 60)]


@pytest.mark.parametrize("size", SIZES)
async def test_an_execution_opens_at_its_failure_at_every_size(size: tuple[int, int]) -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=size, start=run) as pilot:
        await wait_for_text(pilot, "nightly-etl", "running", "promote-7", "failed", "retry in")
        if size[1] >= 24:
            await wait_for_text(
                pilot, "replication slot busy", "exit 75", "retries exhausted (3/3)"
            )
        if size[0] >= 100:
            await wait_for_text(pilot, "promote exited with 75", "slots 0/8", "eta ~")


async def test_counts_progress_and_list_follow_what_is_committed() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "14✓", "1✗", "9○", "60%")
        world.begin(run, "fetch-12")
        await wait_for_text(pilot, "1▶", "slots 1/8")
        world.end(run, "fetch-12")
        await wait_for_text(pilot, "15✓", "64%", "▸ 15 steps done")
        for number in range(1, 9):
            world.task(run, f"load-{number}", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
        world.task(run, "publish", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "✗ failed", "9⊘", "⊘ load-1", "▸ 15 steps done")
        await wait_until(pilot, lambda: "%" not in screen_text(pilot.app).split("\n")[0])


async def test_header_and_list_are_painted_in_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    world, run = busy_world()
    frames: list[set[str | None]] = []
    paint = ExecutionScreen._compositor_refresh

    def noting(screen: ExecutionScreen) -> None:
        frames.append({widget.id for widget in screen._dirty_widgets})
        paint(screen)

    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "14✓", "slots 0/8")
        monkeypatch.setattr(ExecutionScreen, "_compositor_refresh", noting)
        world.begin(run, "fetch-12")
        await wait_until(pilot, lambda: any({"head", "list"} <= frame for frame in frames))
        await wait_for_text(pilot, "1▶")


def selects(steps: StepList, task_id: str) -> bool:
    """Tell whether a step is the list's selection."""
    return steps.selected == task_id


async def test_a_list_that_gets_shorter_leaves_no_rows_behind_and_stays_at_its_top() -> None:
    world = FakeWorld()
    mission = mission_of("m", *(step(f"s{n:03d}") for n in range(300)))
    run = world.launch(mission)
    async with running(FakeBackend(world, mission), start=run, size=(100, 30)) as pilot:
        await wait_for_text(pilot, "s000", "300○")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        tops: list[float] = []
        steps = screen.query_one("#list", StepList)
        steps.watch(steps, "scroll_y", lambda top: tops.append(top), init=False)
        world.begin(run, "s000")
        for done in range(0, 290, 58):
            with world.lock:  # so that something runs whenever it is looked at
                world.end(run, f"s{done:03d}")
                for n in range(done + 1, done + 58):
                    world.run_step(run, f"s{n:03d}")
                world.begin(run, f"s{done + 58:03d}")
            await wait_for_text(pilot, f"{done + 58}✓")
            await wait_until(pilot, partial(selects, steps, f"s{done + 58:03d}"))
        assert not tops
        width, rows = steps.size.width, range(steps.region.y, steps.region.bottom)
        listed = "\n".join(screen_text(pilot.app).split("\n")[y][:width] for y in rows)
        for n in range(290, 300):
            assert f"s{n:03d}" in listed
        for n in range(290):
            assert f"s{n:03d}" not in listed


async def test_why_a_large_execution_failed_is_found_in_one_key() -> None:
    world = FakeWorld()
    mission = wide_mission("montage", 1738)
    run = world.launch(mission)
    for one in mission.steps[:900]:
        world.run_step(run, one.id)
    world.begin(run, "s900")
    world.say(run, "s900", "reading tile 12", "FITS header is damaged")
    error = TaskError(message="mProject exited with 3", kind="ProcessFailed", exit_code=3)
    world.end(run, "s900", error=error, exit_code=3)
    for one in mission.steps[901:]:
        world.task(run, one.id, TaskState.SKIPPED, Reason.FAIL_FAST)
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    async with running(FakeBackend(world, mission), size=(80, 24)) as pilot:
        await wait_for_text(pilot, "montage")
        await pilot.press("enter")
        await wait_for_text(pilot, "s900", "FITS header is damaged", "exit 3", "837 steps skipped")
        await pilot.press("enter")
        await wait_for_text(pilot, "exit 3", "FITS header is damaged", "Blocks 2 steps, 230")


async def test_the_inspector_shows_every_side_of_a_step() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7", "Times")
        await pilot.press("enter")
        await wait_for_text(pilot, "Blocks 8 steps, 9 in all", "join-1")
        await pilot.press("4")
        await wait_for_text(pilot, "promote exited with 75", "giving up")
        await pilot.press("1")
        await wait_for_text(pilot, "3 attempts", "! shell")
        await pilot.press("2")
        await wait_for_text(pilot, "command: promote", "- --slot")
        await pilot.press("3")
        await wait_for_text(pilot, "No outputs")
        await pilot.press("5")
        await wait_for_text(pilot, "attempt 1", "attempt 3", "EXIT_NONZERO", "exit 75", "sha256")
        await pilot.press("6")
        await wait_for_text(pilot, "BACKOFF", "RETRIES_EXHAUSTED", "queued", "#")
        await pilot.press("7")
        await wait_for_text(pilot, "[3✗]", "err timeout after 40s", "retries exhausted (3/3)")
        await pilot.press("8")
        await wait_for_text(pilot, "▌", "- id: promote-7")
        await pilot.press("tab")
        await wait_for_text(pilot, "3 attempts")
        await pilot.press("escape")
        await wait_for_text(pilot, "1 List")


async def test_the_inspector_shows_the_end_of_a_log_live_and_leads_to_the_whole() -> None:
    world, run = busy_world()
    world.begin(run, "fetch-12")
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("/")
        await type_in(pilot, "fetch-12")
        await pilot.press("enter", "enter", "7")
        await wait_for_text(pilot, "[2▶]", "live", "No output yet")
        world.say(run, "fetch-12", "GET \x1b[31mredder[/red]", "\x1b]0;owned\x07done")
        world.say(run, "fetch-12", "tired", stream=LogStream.STDERR)
        await wait_for_text(pilot, "    GET redder[/red]", " err tired")
        assert "owned" not in screen_text(pilot.app)
        world.say(run, "fetch-12", *(f"line {n}" for n in range(2000)))
        await wait_for_text(pilot, "line 1999")
        await pilot.press("g")
        await wait_for_text(pilot, "only the last 500 lines", "line 1500")
        world.say(run, "fetch-12", "later")
        await pilot.pause(0.5)
        assert "later" not in screen_text(pilot.app), "it stays where it is read"
        await pilot.press("[")
        await wait_for_text(pilot, "[1✗]", "503 Service Unavailable", "exit 22")
        await pilot.press("l")
        await wait_for_text(pilot, "1 List", "[1✗]", "503 Service Unavailable")


async def test_outputs_and_history_of_the_step_that_is_selected_in_the_list() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("/")
        await type_in(pilot, "id:extract-c")
        await pilot.press("enter", "enter", "3")
        await wait_for_text(pilot, "rows: 1200", "path: /data/c.csv")


async def test_w_says_why_a_step_waits() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("/")
        await type_in(pilot, "publish")
        await pilot.press("enter", "w")
        await wait_for_text(pilot, "pending: waits for `load-1` (pending)", "Needs 8 steps")


async def test_e_goes_from_failure_to_failure_and_wraps() -> None:
    world = FakeWorld()
    mission = mission_of(
        "m", *(step(f"s{n}") for n in range(6)), config=MissionConfig(fail_fast=False)
    )
    run = world.launch(mission)
    for n in (1, 3, 5):
        world.run_step(run, f"s{n}", f"words of s{n}", exit_code=1)
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "words of s1")
        await pilot.press("e")
        await wait_for_text(pilot, "words of s3", "error 2/3: s3")
        await pilot.press("e", "e")
        await wait_for_text(pilot, "words of s1", "error 1/3: s1")
        assert "error 2/3" not in screen_text(pilot.app)
        await pilot.press("E")
        await wait_for_text(pilot, "words of s5")


async def test_the_selection_is_one_in_all_views() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(160, 50), start=run) as pilot:
        await wait_for_text(pilot, "promote-7", "Times")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        for key in ("2", "3", "4", "5", "1"):
            await pilot.press(key)
            await pilot.pause(0.1)
            assert screen.selected == "promote-7"
        await pilot.press("3")
        await wait_for_text(pilot, "╰─")
        await pilot.press("j")
        await wait_until(pilot, lambda: screen.selected == "load-1")
        await pilot.press("2")
        await wait_for_text(pilot, "Logs load-1", "It has not started")
        await pilot.press("l")
        await wait_until(pilot, lambda: screen.selected not in ("promote-7", None))


async def test_the_graph_and_the_gantt_draw_the_execution_and_stay_live() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(160, 50), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("2")
        await wait_for_text(pilot, "Clean part a", "○ load-1", "─")
        world.task(run, "load-1", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
        await wait_for_text(pilot, "⊘ load-1")
        await pilot.press("4")
        await wait_for_text(pilot, "elapsed", "at once 2/8", "7.3s")
        world.begin(run, "fetch-12")
        await wait_for_text(pilot, "▶ fetch-12")


async def test_events_are_listed_live_and_lead_to_their_step() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(160, 50), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("5")
        await wait_for_text(pilot, "RETRIES_EXHAUSTED", "promote-7 #3")
        world.begin(run, "fetch-12")
        await wait_for_text(pilot, "fetch-12 #2")
        await pilot.press("G", "enter")
        await wait_for_text(pilot, "fetch-12  ▶ running")


async def test_retry_of_a_live_step_says_what_runs_again_and_keeps_by_default() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7", "slots 0/8")
        await pilot.press("R")
        await wait_for_text(
            pilot, "Retry promote-7 and downstream?", "9 downstream steps", "load-1"
        )
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert backend.asked == []
        await pilot.press("R")
        await wait_for_text(pilot, "Retry promote-7")
        await pilot.press("shift+tab")
        await type_in(pilot, "slot is free")
        await pilot.press("tab", "tab", "enter")
        await wait_for_text(pilot, "promote-7: will be tried again")
        assert backend.asked == [
            (run, RequestKind.RETRY, "promote-7", {"downstream": True, "reason": "slot is free"})
        ]


async def test_a_retry_with_what_follows_says_so_when_the_mission_cannot_be_read() -> None:
    class Unreadable(FakeBackend):
        def read_mission(self, source: MissionSource) -> Mission:
            raise MissionInvalidError("an older version wrote it")

    world, run = busy_world()
    async with running(Unreadable(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("R")
        await wait_for_text(pilot, "promote-7 and every downstream step", "be named")


async def test_retry_of_an_ended_run_starts_a_linked_one_and_opens_it() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("a"), step("b", "a"))
    run = world.launch(mission)
    world.run_step(run, "a", exit_code=1)
    world.task(run, "b", TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    backend = FakeBackend(world, mission)
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "✗ failed")
        await pilot.press("r")
        await wait_for_text(pilot, "Runs again: a", "new linked run; 1 step that did not succeed")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "▶ running", "pending")
        assert backend.calls[-1] == ("retry", (run, "a", False, ""))


async def test_a_retry_of_a_run_that_ends_while_the_dialog_is_open_starts_a_linked_one() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("a"), step("b"))
    run = world.launch(mission)
    world.run_step(run, "a", exit_code=1)
    world.begin(run, "b")
    backend = FakeBackend(world, mission)
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "✗ failed")
        await pilot.press("r")
        await wait_for_text(pilot, "Runs again: a", "This run goes on")
        world.end(run, "b")
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "new linked run; what 1 other step did is reused.")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "retry of")
        assert backend.calls[-1] == ("retry", (run, "a", False, ""))
        assert backend.asked == []


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 50)])
async def test_a_runaway_is_cancelled_and_the_dialog_names_the_scope(size: tuple[int, int]) -> None:
    world, run = busy_world()
    world.begin(run, "fetch-12")
    backend = FakeBackend(world, nightly())
    async with running(backend, size=size, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("X")
        await wait_for_text(pilot, "Cancel run nightly-etl#7", "1 running", "SIGTERM", "Keep")
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "keep"
        await pilot.press("escape")
        assert backend.asked == []
        await pilot.press("X")
        await wait_for_text(pilot, "Keep", "Cancel run")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked == [(run, RequestKind.CANCEL, None, {})]
        await wait_for_text(pilot, "cancelling")


async def test_the_header_says_that_the_circuit_breaker_holds_steps_back() -> None:
    world, run = busy_world()
    world.begin(run, "fetch-12")

    def change(state: BreakerState, message: str) -> None:
        at = world.clock.now()
        world.commit(BreakerChanged(at=at, execution_id=run, state=state, message=message))

    async with running(FakeBackend(world, nightly()), size=(200, 50), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        change(BreakerState.OPEN, "free disk 12 MB of 64 MB needed on /data")
        await wait_for_text(pilot, "breaker open", "free disk 12 MB of 64 MB needed on /data")
        change(BreakerState.HALF_OPEN, "the shortage is over")
        await wait_for_text(pilot, "breaker half-open")
        change(BreakerState.CLOSED, "attempts start again")
        await wait_until(pilot, lambda: "breaker half-open" not in screen_text(pilot.app))


async def test_a_run_is_killed_after_confirmation() -> None:
    world, run = busy_world()
    world.begin(run, "fetch-12")
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("K")
        await wait_for_text(pilot, "Kill run nightly-etl#7", "SIGKILL", "No handler runs", "Keep")
        keys = screen_text(pilot.app).split("\n")[-1]
        assert ("esc" in keys, "pause" in keys) == (True, False), "the keys are the dialog's"
        await pilot.press("escape", "colon")
        await wait_for_text(pilot, "Search for commands")
        await wait_until(pilot, lambda: not screen_text(pilot.app).split("\n")[-1].strip())
        await pilot.press("escape")
        await wait_for_text(pilot, "p pause")
        await pilot.press("K")
        await wait_for_text(pilot, "Kill run nightly-etl#7")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked == [(run, RequestKind.CANCEL, None, {"force": True})]


async def test_a_step_is_cancelled_and_one_that_ended_is_not() -> None:
    world, run = busy_world()
    world.begin(run, "fetch-12")
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("x")
        await wait_for_text(pilot, "nothing to cancel: promote-7 has ended")
        await pilot.press("j", "x")
        await wait_for_text(pilot, "Cancel step fetch-12: 1 running step gets SIGTERM")
        assert "nothing to cancel" not in screen_text(pilot.app)
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked == [(run, RequestKind.CANCEL_STEP, "fetch-12", {})]


async def test_pause_resume_and_a_runner_that_is_gone() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("p")
        await wait_for_text(pilot, "Pause run", "no further steps start")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "paused; running attempts continue")
        world.execution(run, ExecutionState.PAUSED, Reason.USER_PAUSED)
        await wait_for_text(pilot, "‖ paused")
        await pilot.press("p")
        await wait_until(pilot, lambda: len(backend.asked) == 2)
        assert [kind for _e, kind, _t, _a in backend.asked] == [
            RequestKind.PAUSE,
            RequestKind.RESUME,
        ]
        world.execution(run, ExecutionState.RUNNING, Reason.USER_RESUMED)
        world.orphan(run)
        await wait_for_text(pilot, "no runner", "the runner of this execution is gone")
        await pilot.press("p")
        await wait_for_text(pilot, "The runner of", "is gone", "Resume")
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: ("resume", run) in backend.calls)


async def test_an_approval_is_given_or_refused_with_a_comment() -> None:
    world = FakeWorld()
    mission = mission_of(
        "m",
        step("gate", step_type="approval", parameters={"prompt": "Ship {{ params.tag }}?"}),
        step("b", "gate"),
    )
    run = world.launch(mission)
    world.task(run, "gate", TaskState.READY, Reason.DEPS_MET)
    world.task(run, "gate", TaskState.WAITING, Reason.AWAITING_APPROVAL, "Ship [b]v2[/b]?\nNow?")
    backend = FakeBackend(world, mission)
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "needs approval", "a approve or reject")
        await pilot.press("a")
        await wait_for_text(
            pilot, "Approve gate?", "Ship [b]v2[/b]?  ", "Now?", "1 downstream step"
        )
        assert "params" not in screen_text(pilot.app), "the question as asked, not its template"
        await pilot.press("right", "right", "enter")
        await wait_until(pilot, lambda: bool(backend.asked))
        assert backend.asked == [(run, RequestKind.REJECT, "gate", {"comment": ""})]


async def test_a_refused_act_stays_in_sight_as_a_banner() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    backend.refuse = "execution has [red]ended[/red]"
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("X")
        await wait_for_text(pilot, "Keep", "Cancel run")
        await pilot.press("right", "enter")
        await wait_for_text(pilot, "✗ execution has [red]ended[/red]")


async def test_every_letter_typed_into_filter_and_search_triggers_nothing() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    letters = "qQnNvVxXpPaAwWyYzZlLfFrReEoOTgGjkhcm1234567890[]:?/-+ "
    async with running(backend, size=(80, 24), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        for focus in ("1", "l"):
            await pilot.press(focus, "/")
            await type_in(pilot, letters)
            await pilot.pause(0.3)
            assert isinstance(pilot.app.screen, ExecutionScreen)
            assert backend.asked == []
            await pilot.press("escape")
        await wait_for_text(pilot, "promote-7", "1 List")


async def test_the_filter_narrows_the_list_and_escape_brings_all_back() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(80, 24), start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("/")
        await type_in(pilot, "state:done clean")
        await pilot.press("enter")
        await wait_for_text(pilot, "clean-f", "6 match", "/state:done clean")
        assert "load-1" not in screen_text(pilot.app)
        await pilot.press("escape")
        await wait_for_text(pilot, "load-1")


async def test_values_of_items_have_room_though_the_list_was_open_before_the_fan_out() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("fan", foreach="x"))
    run = world.launch(mission)
    world.task(run, "fan", TaskState.READY, Reason.DEPS_MET)
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "fan")
        (row,) = [line for line in screen_text(pilot.app).split("\n") if "▌◌ fan" in line]
        assert "DEPS_MET" not in row.split("▏")[0], "the state says it in words"
        items = tuple(f"item-{number:04}" for number in range(5))
        world.commit(
            StepExpanded(at=world.clock.now(), execution_id=run, task_id="fan", items=items)
        )
        await wait_for_text(pilot, "▸ fan ×5")
        await pilot.press("space")
        await wait_for_text(pilot, "▾ fan ×5", " [4] item-0004 ")


async def test_what_has_ended_unfolds() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), size=(120, 50), start=run) as pilot:
        await wait_for_text(pilot, "▸ 14 steps done")
        await pilot.press("G", "space")
        await wait_for_text(pilot, "▾ 14 steps done", "extract-a", "clean-f")
        await pilot.press("space")
        await wait_for_text(pilot, "▸ 14 steps done")


async def test_zoom_gives_a_pane_the_screen_and_gives_it_back() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "replication slot busy")
        await pilot.press("z")
        await wait_until(pilot, lambda: "replication slot busy" not in screen_text(pilot.app))
        await pilot.press("z")
        await wait_for_text(pilot, "replication slot busy")
        await pilot.press("l", "z")
        await wait_until(pilot, lambda: "1 List" not in screen_text(pilot.app))
        await pilot.press("escape")
        await wait_for_text(pilot, "1 List")


async def test_copy_takes_the_step_as_text_and_as_json() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "Times")
        await pilot.press("y")
        await wait_for_text(pilot, "copied promote-7")
        assert "promote exited with 75" in pilot.app.clipboard
        await pilot.press("Y")
        await wait_until(pilot, lambda: pilot.app.clipboard.startswith("{"))
        assert '"exit_code": 75' in pilot.app.clipboard


async def test_only_keys_of_use_are_shown_and_a_linked_run_says_of_what() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=(160, 40), start=run) as pilot:
        await wait_for_text(pilot, "r retry", "X cancel run", "p pause")
        assert "next error" not in screen_text(pilot.app), "the only failed step is selected"
        assert "approve" not in screen_text(pilot.app)
        assert "x cancel step" not in screen_text(pilot.app), "the selected step has ended"
        world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
        await wait_for_text(pilot, "✗ failed")
        await wait_until(pilot, lambda: "X cancel run" not in screen_text(pilot.app))
        await pilot.press("colon")
        await wait_for_text(pilot, "retry step + downstream")
        assert "cancel run" not in screen_text(pilot.app)
        await pilot.press("escape", "R")
        await wait_for_text(pilot, "A new linked run", "▸ Keep")
        await pilot.press("right")
        await wait_for_text(pilot, "  Keep", "▸ Retry")
        await pilot.press("enter")
        await wait_for_text(pilot, f"retry of nightly-etl#7 {run[:8]}", "X cancel run")


async def test_the_title_of_the_log_names_the_step_whose_lines_are_shown() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "Logs promote-7", "replication slot busy")
        await pilot.press("j")
        for _ in range(20):
            text = screen_text(pilot.app)
            assert ("Logs promote-7" in text) == ("replication slot busy" in text)
            await pilot.pause(0.02)
        await wait_for_text(pilot, "Logs fetch-12", "503 Service Unavailable")


async def test_back_and_home_leave_the_run_alone() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("escape")
        await wait_for_text(pilot, "Executions")
        await pilot.press("enter")
        await wait_for_text(pilot, "promote-7")
        await pilot.press("q")
        await wait_for_text(pilot, "Executions")
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert pilot.app.is_running
    assert world.runs[run].snapshot.current.state is ExecutionState.RUNNING
    assert backend.asked == []


async def test_a_failure_is_followed_until_the_operator_steers() -> None:
    world = FakeWorld()
    mission = mission_of("m", *(step(f"s{n}") for n in range(5)))
    run = world.launch(mission)
    world.begin(run, "s0")
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "Logs s0")
        world.run_step(run, "s3", "s3 broke", exit_code=1)
        await wait_for_text(pilot, "Logs s3", "s3 broke")
        await pilot.press("j")
        await wait_for_text(pilot, "Logs s0")
        world.run_step(run, "s4", "s4 broke", exit_code=1)
        await wait_for_text(pilot, "2✗")
        await pilot.pause(0.3)
        assert "Logs s0" in screen_text(pilot.app)


async def test_a_new_attempt_is_followed_when_it_starts() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("a", retry=RetryPolicy(max_attempts=3)))
    run = world.launch(mission)
    world.begin(run, "a")
    world.say(run, "a", "first try")
    async with running(FakeBackend(world, mission), start=run) as pilot:
        await wait_for_text(pilot, "first try", "[1▶]")
        world.end(run, "a", exit_code=1, retry_in=0)
        await wait_for_text(pilot, "[1✗]", "will be retried")
        world.begin(run, "a")
        world.say(run, "a", "second try")
        await wait_for_text(pilot, "[2▶]", "second try")
        await pilot.press("[")
        await wait_for_text(pilot, "[1✗]", "first try")
        world.end(run, "a")
        await wait_for_text(pilot, "2✓")
        assert "first try" in screen_text(pilot.app)


async def test_the_palette_offers_actions_missions_and_executions() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press(":")
        await wait_for_text(pilot, "cancel run  (X)")
        await type_in(pilot, "launch nightly")
        await wait_for_text(pilot, "launch nightly-etl")
        await pilot.press("enter")
        await wait_for_text(pilot, "takes no parameters")


async def test_a_screen_that_is_closed_by_kill_and_opened_again_shows_the_same(
    tmp_path: Path,
) -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7", "60%")
    world.run_step(run, "fetch-12")
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "promote-7", "64%")
