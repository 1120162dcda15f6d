"""The log pane: attempts, follow, wrap, streams, search over all lines, copy and save."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from core.domain.records import LogStream
from core.output.log_format import DROPPED_NOTICE
from core.ports.reader import LogQuery
from tests.support.tui import (
    FakeBackend,
    FakeReader,
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
)
from tui.live.log.log_finding import find_lines, last_chunk
from tui.live.log.log_pages import (
    read_after,
    read_around,
    read_before,
    read_head,
    read_tail,
)
from tui.live.log.log_window import WINDOW_LINES
from tui.screens.execution import ExecutionScreen
from tui.search.log_filter import LogWanted
from tui.widgets.log.log_pane import LogPane


def chatty(lines: int) -> tuple[FakeWorld, str]:
    world = FakeWorld()
    run = world.launch(mission_of("chatty", step("talk"), step("other")))
    world.begin(run, "talk")
    world.say(run, "talk", *(f"line {number} of many" for number in range(1, lines + 1)))
    return world, run


def log_of(app: object) -> LogPane:
    screen = getattr(app, "screen")  # noqa: B009 - any application
    pane = screen.query_one(LogPane)
    assert isinstance(pane, LogPane)
    return pane


def test_parts_of_a_log_join_without_gap_or_overlap() -> None:
    world, run = chatty(7000)
    reader = FakeReader(world)
    query = LogQuery(execution_id=run, task_id="talk", attempt=1)
    tail = read_tail(reader, query, 300)
    assert [e.seq for _c, e in tail.lines] == list(range(6701, 7001))
    before = read_before(reader, query, tail.lines[0], 1000)
    assert [e.seq for _c, e in before.lines] == list(range(5701, 6701))
    assert before.more_before
    head = read_head(reader, query, 100)
    assert [e.seq for _c, e in head.lines] == list(range(1, 101))
    after = read_after(reader, query, head.lines[-1], 900)
    assert [e.seq for _c, e in after.lines] == list(range(101, 1001))
    assert after.more_after
    first = read_before(reader, query, head.lines[40], 1000)
    assert [e.seq for _c, e in first.lines] == list(range(1, 41))
    assert not first.more_before
    end = last_chunk(reader, query)
    found = find_lines(reader, query, LogWanted("LINE 4321 "), up_to=end)
    assert found.searched_to == end
    around = read_around(reader, query, found.lines[0], 200)
    assert around.lines[around.at][1].seq == 4321
    assert [e.seq for _c, e in around.lines] == list(range(4221, 4422))


def test_a_page_of_long_lines_has_fewer_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.live.log.log_pages.PAGE_CHARACTERS", 100)
    world, run = chatty(2000)
    reader = FakeReader(world)
    query = LogQuery(execution_id=run, task_id="talk", attempt=1)
    tail = read_tail(reader, query)
    assert [e.seq for _c, e in tail.lines] == [1996, 1997, 1998, 1999, 2000]
    assert tail.more_before
    before = read_before(reader, query, tail.lines[0])
    assert [e.seq for _c, e in before.lines] == [1991, 1992, 1993, 1994, 1995]
    assert before.more_before
    after = read_after(reader, query, before.lines[0])
    assert [e.seq for _c, e in after.lines] == [1992, 1993, 1994, 1995, 1996]
    assert after.more_after
    monkeypatch.setattr("tui.live.log.log_pages.PAGE_CHARACTERS", 1)
    assert [e.seq for _c, e in read_head(reader, query).lines] == [1]


async def test_a_long_log_opens_at_its_end_and_can_be_read_to_its_beginning() -> None:
    world, run = chatty(20_000)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 20000 of many")
        await pilot.press("l", "pageup")
        await wait_until(pilot, lambda: "line 20000" not in screen_text(pilot.app))
        for _ in range(12):
            log_of(pilot.app).action_page(-50)
            await pilot.pause(0.05)
        pane = log_of(pilot.app)
        assert len(pane._window.lines) <= WINDOW_LINES
        numbers = [e.seq for _c, e in pane._window.lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert numbers[0] < 15_000
        await pilot.press("g")
        await wait_for_text(pilot, "line 1 of many")
        await pilot.press("G")
        await wait_for_text(pilot, "line 20000 of many")


async def test_follow_stops_when_the_operator_scrolls_up_and_starts_again_with_f() -> None:
    world, run = chatty(200)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 200 of many", "follow ●", "200/200")
        world.say(run, "talk", "one more")
        await wait_for_text(pilot, "one more")
        await pilot.press("l", "k", "k", "k")
        await wait_for_text(pilot, "follow ○")
        world.say(run, "talk", "yet another", "and the last")
        await pilot.pause(0.3)
        assert "and the last" not in screen_text(pilot.app)
        await pilot.press("f")
        await wait_for_text(pilot, "and the last", "follow ●")


async def test_text_is_selected_with_the_mouse_and_copied() -> None:
    world, run = chatty(300)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 300 of many")
        pane = log_of(pilot.app)
        rows = [pane.row_text(pane.scroll_offset.y + row) for row in (1, 2)]
        at = rows[0].index("line")
        await pilot.mouse_down(pane, offset=(at, 1))
        await pilot.hover(pane, offset=(at + 6, 2))
        await pilot.mouse_up(pane, offset=(at + 6, 2))
        assert pilot.app.screen.get_selected_text() == f"{rows[0][at:]}\n{rows[1][: at + 7]}"
        drawn = pane.render_line(1).crop(at, at + 4)
        assert drawn.text == "line"
        assert all(segment.style and segment.style.reverse for segment in drawn)
        await pilot.press("y")
        assert pilot.app.clipboard == f"{rows[0][at:]}\n{rows[1][: at + 7]}"
        await wait_for_text(pilot, "copied the selection")


async def test_the_keys_shown_are_those_of_the_log_while_it_has_the_focus() -> None:
    world, run = chatty(30)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 30 of many", "l logs")
        await pilot.press("l")
        await wait_for_text(pilot, "f follow  / filter or search  ! error line  W wrap", "y copy")
        assert "l logs" not in screen_text(pilot.app)
        await pilot.press("/", "7", "enter")
        await wait_for_text(pilot, "n next match")
        await pilot.press("/", "escape")
        await wait_until(pilot, lambda: "n next match" not in screen_text(pilot.app))


async def test_a_log_of_short_lines_has_no_bar_to_scroll_sideways() -> None:
    world, run = chatty(300)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 300 of many")
        assert not log_of(pilot.app).show_horizontal_scrollbar


async def test_memory_stays_bounded_while_a_log_floods() -> None:
    world, run = chatty(10)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 10 of many")
        for burst in range(12):
            world.say(run, "talk", *(f"burst {burst} line {n}" for n in range(1000)))
            await pilot.pause(0.12)
        await wait_for_text(pilot, "burst 11 line 999")
        assert len(log_of(pilot.app)._window.lines) <= WINDOW_LINES


async def test_search_finds_lines_that_are_not_loaded_and_goes_round() -> None:
    world, run = chatty(12_000)
    world.say(run, "talk", "needle at the end")
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "needle at the end")
        await pilot.press("l", "/")
        await type_in(pilot, "line 777 of")
        await pilot.press("enter")
        await wait_for_text(pilot, "line 777 of many", "/line 777 of 1/1")
        await pilot.press("/", *(["backspace"] * 20), *"LINE 1199", "enter")
        await wait_for_text(pilot, "1/11")
        await pilot.press("n")
        await wait_for_text(pilot, "2/11")
        await pilot.press("N", "N")
        await wait_for_text(pilot, "11/11", "line 11999")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "11/11" not in screen_text(pilot.app))


async def test_search_for_nothing_that_exists_says_so() -> None:
    world, run = chatty(100)
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 100 of many")
        await pilot.press("l", "/")
        await type_in(pilot, "[b]nope")
        await pilot.press("enter")
        await wait_for_text(pilot, "/[b]nope 0/0")
        assert "n next match" not in screen_text(pilot.app)
        await pilot.press("n")
        await wait_for_text(pilot, "nothing here matches [b]nope")


async def test_streams_are_told_apart_and_filtered() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "err timeout after 40s", "waiting for slot 7", "out+err")
        await pilot.press("s")
        await wait_until(pilot, lambda: "err timeout after" not in screen_text(pilot.app))
        await pilot.press("s")
        await wait_for_text(pilot, "err timeout after 40s")
        assert "waiting for slot 7" not in screen_text(pilot.app)


async def test_a_log_stays_where_it_is_read_when_a_stream_is_left_out_and_that_is_told() -> None:
    world, run = chatty(5000)
    world.say(run, "talk", "the only warning", stream=LogStream.STDERR)
    async with running(FakeBackend(world), start=run, size=(80, 24)) as pilot:
        await wait_for_text(pilot, "the only warning")
        await pilot.press("l", "g")
        await wait_for_text(pilot, " line 1 of many")
        await pilot.press("space", "ctrl+f", "ctrl+b")  # as in `less`
        await wait_until(pilot, lambda: 1 < log_of(pilot.app).line_number < 20)
        await wait_until(pilot, lambda: " line 1 of many" not in screen_text(pilot.app))
        place = log_of(pilot.app).line_number
        await pilot.press("s")
        await wait_for_text(pilot, "out only", f" line {place} of many")
        await pilot.press("s")
        await wait_for_text(pilot, "err only", "the only warning")
        await pilot.press("s")
        await wait_until(pilot, lambda: "err only" not in screen_text(pilot.app))


async def test_long_lines_are_wrapped_on_demand_and_scrolled_otherwise() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("a")))
    world.begin(run, "a")
    world.say(run, "a", "x" * 300 + "END", "short")
    async with running(FakeBackend(world), size=(80, 24), start=run) as pilot:
        await wait_for_text(pilot, "xxxx", "short")
        assert "END" not in screen_text(pilot.app)
        await pilot.press("l", "W")
        await wait_for_text(pilot, "END", "wrap ●")
        await pilot.press("W")
        await wait_until(pilot, lambda: "END" not in screen_text(pilot.app))
        await pilot.press("t")
        await wait_until(pilot, lambda: "08:53:20" not in screen_text(pilot.app))


async def test_the_merged_log_names_the_step_of_every_line() -> None:
    world, run = chatty(3)
    world.begin(run, "other")
    world.say(run, "other", "a word from the other")
    async with running(FakeBackend(world), start=run) as pilot:
        await wait_for_text(pilot, "line 3 of many")
        await pilot.press("L")
        await wait_for_text(pilot, "Logs all steps", "talk", "other", "a word from the other")
        await pilot.press("L")
        await wait_until(pilot, lambda: "a word from" not in screen_text(pilot.app))
        await pilot.press("tab", "g", "m", "L")
        await wait_for_text(pilot, "Logs 1 marked step", "▶●talk", "line 3 of many")
        assert "a word from" not in screen_text(pilot.app)
        await pilot.press("shift+tab", "shift+tab", "j", "m")
        await wait_for_text(pilot, "Logs 2 marked steps", "▶●other", "a word from the other")


async def test_a_log_is_copied_and_saved_whole(tmp_path: Path) -> None:
    world, run = chatty(12_000)
    async with running(FakeBackend(world, folder=tmp_path), start=run) as pilot:
        await wait_for_text(pilot, "line 12000 of many")
        await pilot.press("l", "S")
        await wait_for_text(pilot, "12,000 lines written to")
        assert len((tmp_path / "talk-1.log").read_text().splitlines()) == 12_000
        await pilot.press("y")
        await wait_until(pilot, lambda: pilot.app.clipboard.endswith("line 12000 of many"))
        assert len(pilot.app.clipboard.encode()) <= 70_000
        await wait_for_text(pilot, "copied the end of the log")


async def test_a_file_that_cannot_be_written_is_said_and_stays_in_sight(tmp_path: Path) -> None:
    world, run = chatty(3)
    async with running(FakeBackend(world, folder=tmp_path / "gone"), start=run) as pilot:
        await wait_for_text(pilot, "line 3 of many")
        await pilot.press("l", "S")
        await wait_for_text(pilot, "✗ not written")


HOSTILE = [
    "[red]not markup[/red]",
    "\x1b]52;c;c3RvbGVu\x07clip",
    "\x1b[2J\x1b[1;1Hgone",
    "10%\r90%",
    "\u202eevil",
    "emoji 🚀🏳️‍🌈 日本語",
    "\ud800 lone",
    "[@click=app.quit]quit[/]",
    "\x00\x01\x02 binary \xff",
]


@pytest.mark.parametrize("size", [(40, 12), pytest.param((120, 40), marks=pytest.mark.slow)])
async def test_hostile_output_and_names_are_drawn_as_text(size: tuple[int, int]) -> None:
    world = FakeWorld()
    name = "[red]x[/] \x1b[31m\u202e🚀 שלום"
    mission = mission_of(name, step("a", name=name), step("b", "a"), description=name)
    run = world.launch(mission, actor=name)
    world.begin(run, "a", **{"[b]k[/]": HOSTILE})
    world.say(run, "a", *HOSTILE)
    world.say(run, "a", "[bold]oops\x1b[0m", stream=LogStream.STDERR)
    async with running(FakeBackend(world, mission), size=size, start=run) as pilot:
        await wait_for_text(pilot, "[red]x[/]")
        await pilot.press("l")
        await wait_for_text(pilot, "[red]not markup[/red]" if size[0] > 40 else "err [bold]oops")
        for key in (
            "1",
            "2",
            "3",
            "4",
            "5",
            "1",
            "enter",
            "2",
            "5",
            "6",
            "7",
            "escape",
            "?",
            "escape",
        ):
            await pilot.press(key)
            await pilot.pause(0.05)
            text = screen_text(pilot.app)
            assert not any(ord(c) < 0x20 and c != "\n" for c in text)
            assert "\u202e" not in text
        await pilot.press("X")
        await wait_for_text(pilot, "[red]x[/]")
        await pilot.press("escape", "q")
        await wait_for_text(pilot, "[red]")


async def test_a_line_in_progress_is_shown_as_it_grows_and_only_its_last_version() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("pull"))
    run = world.launch(mission)
    world.begin(run, "pull")
    async with running(FakeBackend(world, mission), start=run) as pilot:
        world.write_unfinished(run, "pull", "\rlayer 1 %\rlayer 20 %")
        await wait_for_text(pilot, "layer 20 %")
        assert "layer 1 %" not in screen_text(pilot.app)
        assert "No output" not in screen_text(pilot.app)
        world.write_unfinished(run, "pull", "\rlayer 1 %\rlayer 20 %\rlayer 90 %")
        await wait_for_text(pilot, "layer 90 %")
        world.write_unfinished(run, "pull", "")
        world.say(run, "pull", "\rlayer 1 %\rlayer 100 %")
        await wait_for_text(pilot, "layer 100 %")
        assert screen_text(pilot.app).count("layer") == 1


async def test_a_capped_number_of_hits_says_that_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.live.log.log_search.MAX_MATCHES", 1000)
    world, run = chatty(1001)
    async with running(FakeBackend(world), start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "line 1001")
        log_of(pilot.app).set_search("line 1")
        await wait_for_text(pilot, "/line 1 ")
        await wait_until(pilot, lambda: "/113 " in screen_text(pilot.app))
        log_of(pilot.app).set_search("many")
        await wait_until(pilot, lambda: "/1,000+ " in screen_text(pilot.app))


async def test_dropped_output_is_told_by_a_chip_that_stays_and_leads_to_the_gap(
    tmp_path: Path,
) -> None:
    world, run = chatty(0)
    world.say(run, "talk", *(f"head {number}" for number in range(2500)))
    notice = f"{DROPPED_NOTICE}: 1258291 bytes dropped here"
    world.say(run, "talk", notice, stream=LogStream.SYSTEM)
    world.say(run, "talk", *(f"tail {number}" for number in range(2500)))
    world.say(run, "talk", "on stderr", stream=LogStream.STDERR)
    world.end(run, "talk", dropped=1_258_291)
    backend = FakeBackend(world, folder=tmp_path)
    async with running(backend, start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "1.2 MiB dropped", "on stderr")
        await pilot.press("s", "s")
        await wait_for_text(pilot, "1.2 MiB dropped", notice, "on stderr")
        await pilot.press("s", "l", "D")
        await wait_for_text(pilot, "1.2 MiB dropped", notice, "head 2499", "tail 0")
        await pilot.press("S")
        await wait_until(pilot, lambda: said(pilot, "5,002 lines (1.2 MiB of it dropped by"))
        assert notice in (tmp_path / "talk-1.log").read_text()
        await pilot.press("l", "y")
        await wait_until(pilot, lambda: said(pilot, "the log (1.2 MiB of it dropped by"))


async def test_the_merged_log_tells_of_dropped_output_and_of_cut_lines() -> None:
    world, run = chatty(3)
    world.begin(run, "other")
    for name in ("talk", "other"):
        notice = f"{DROPPED_NOTICE}: of {name}"
        world.say(run, name, notice, stream=LogStream.SYSTEM)
        world.say(run, name, *(f"{name} goes on {number}" for number in range(60)))
    async with running(FakeBackend(world), start=run, size=(160, 40)) as pilot:
        await wait_for_text(pilot, "talk goes on 59")
        await pilot.press("L")
        await wait_for_text(pilot, "all steps", "other goes on 59")
        world.end(run, "talk", dropped=1_000_000)
        world.end(run, "other", dropped=258_291)
        await wait_for_text(pilot, "1.2 MiB dropped")
        await pilot.press("l", "L", "D")
        await wait_for_text(pilot, "of talk")
        await pilot.press("D")
        await wait_for_text(pilot, "of other")
        await pilot.press("D")
        await wait_for_text(pilot, "of talk")
        world.say(run, "talk", "x" * 65)
        world.say(run, "talk", "y" * 10, is_rest=True)
        await pilot.press("G")
        await wait_for_text(pilot, "── the line goes on: cut at 64.0 KiB ──", "yyyyyyyyyy")


def said(pilot: Pilot[Any], text: str) -> bool:
    """Tell whether a notification holds a text, however it is wrapped."""
    return any(text in note.message for note in pilot.app._notifications)


async def test_a_wrapped_log_leaves_the_scroll_bar_its_column_from_the_first_frame() -> None:
    world = FakeWorld()
    mission = mission_of("m", step("talk"))
    run = world.launch(mission)
    world.begin(run, "talk")
    world.say(run, "talk", *("wide " * 60 for _ in range(9)))
    async with running(FakeBackend(world, mission), start=run, size=(100, 40)) as pilot:
        await wait_for_text(pilot, "wide wide")
        pane = pilot.app.screen.query_one(LogPane)
        assert not pane.show_vertical_scrollbar
        pane.toggle_wrap()
        first = pane._window.rows
        await wait_until(pilot, lambda: pane.show_vertical_scrollbar)
        await pilot.pause()
        room = pane.scrollable_content_region.width - pane._rows.lead
        pane._window.fold_to(room)
        assert first == pane._window.rows


async def test_n_in_the_log_means_the_next_match_and_nothing_else() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "replication slot busy")
        await pilot.press("l", "n")
        await wait_for_text(pilot, "no search yet: press / to search the log")
        assert isinstance(pilot.app.screen, ExecutionScreen)
        footer = screen_text(pilot.app).split("\n")[-1]
        assert "palette" in footer, "what is told must not cover the keys"
        await pilot.press("slash")
        await type_in(pilot, "slot")
        await pilot.press("enter")
        await wait_for_text(pilot, "/slot 2/2")  # from where it is on, which is the end
        await pilot.press("n")
        await wait_for_text(pilot, "/slot 1/2")


async def test_a_log_on_its_way_is_not_called_empty() -> None:
    world, run = busy_world()
    async with running(FakeBackend(world, nightly()), start=run) as pilot:
        await wait_for_text(pilot, "replication slot busy")
        pane = pilot.app.screen.query_one(LogPane)
        pane.show(pane.query_shown)
        assert pane.render_line(0).text.strip() == "reading …"
        await wait_for_text(pilot, "replication slot busy")
