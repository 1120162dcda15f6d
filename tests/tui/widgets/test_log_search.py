"""Searching a log: patterns, error lines, only the matches with context, sideways to the match."""

import pytest

from core.ports.reader import LogQuery
from core.value.regex import PatternError, compile_pattern
from tests.support.tui import (
    FakeBackend,
    FakeReader,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)
from tui.live.log.log_finding import find_lines, last_chunk
from tui.live.log.log_pages import Line
from tui.live.log.log_search import LogSearch
from tui.live.log.match_context import around, read_matches
from tui.search.log_filter import LogWanted, parse_log_search
from tui.widgets.log.log_pane import LogPane


def long_log(lines: int = 9_000) -> tuple[FakeWorld, str]:
    """A log with an error in every thousandth line, and one line of 60,000 characters."""
    world = FakeWorld()
    run = world.launch(mission_of("long", step("talk")))
    world.begin(run, "talk")
    texts = [f"line {number} of many" for number in range(1, lines + 1)]
    texts[999::1000] = [f"ERROR number {number}" for number in range(1, lines // 1000 + 1)]
    if lines > 4_499:
        texts[4_499] = "x" * 60_000 + " needle " + "y" * 500
    world.say(run, "talk", *texts)
    return world, run


def test_matches_come_with_their_context_once_each_and_gaps_are_known() -> None:
    world, run = long_log()
    reader = FakeReader(world)
    query = LogQuery(execution_id=run, task_id="talk", attempt=1)
    end = last_chunk(reader, query)

    def found_by(text: str, pattern: str = "") -> list[Line]:
        return find_lines(reader, query, LogWanted(text, pattern), up_to=end, seconds=60).lines

    found = found_by("", parse_log_search("re:line (1|3|4|77|8999) ").pattern)
    page = read_matches(reader, query, found)
    numbers = [entry.seq for _chunk, entry in page.lines]
    assert numbers == [1, 2, 3, 4, 5, 6, 75, 76, 77, 78, 79, 8997, 8998, 8999, 9000]
    assert sorted(place[3] for place in page.breaks) == [75, 8997]
    every = found_by("of many")
    assert len(around(every, 4_000)) == 500
    assert every[4_000] in around(every, 4_000)
    assert around(found, 2) == found
    with pytest.raises(PatternError):
        found_by("", "(?=x)")
    with pytest.raises(PatternError, match="too large"):
        found_by("", "".join(f"{c}{{1,900}}" for c in "abcdefghijklmnopqrst"))


def test_a_match_is_marked_where_it_is_in_characters() -> None:
    search = LogSearch()
    search.begin("re:é+|b")
    assert search.ranges("aééb日") == [(1, 3), (3, 4)]
    assert search.ranges("none") == [(0, 4)], "the shown text may differ from the written one"
    search.begin("LINE")
    assert search.ranges("a line, a Line") == [(2, 6), (10, 14)]
    assert compile_pattern("x*").spans_in("abc") == []


def test_matches_can_be_walked_while_the_log_is_still_being_searched() -> None:
    world, run = long_log(20)
    query = LogQuery(execution_id=run, task_id="talk", attempt=1)
    lines = list(FakeReader(world).logs(query))
    search = LogSearch()
    search.begin("many")
    search.restart(start=lines[6])
    assert not search.add(lines[:5], searched_to=1, up_to=4)
    assert search.count_text == "0/5 searching 25%"
    assert search.add(lines[5:10], searched_to=2, up_to=4)
    assert search.count_text == "7/10 searching 50%"
    search.step(-1)
    search.add(lines[10:], searched_to=4, up_to=4)
    assert not search.finish()
    assert search.count_text == "6/20"
    search.restart(at_last=True)
    assert not search.add(lines, searched_to=4, up_to=4)
    assert search.finish()
    assert search.count_text == "20/20"
    search.restart(start=lines[6])
    search.add(lines[:5], searched_to=4, up_to=4)
    assert search.finish(), "there is none behind: the first one"
    assert search.count_text == "1/5"


async def test_what_a_step_writes_later_is_searched_as_well() -> None:
    world, run = long_log(30)
    world.say(run, "talk", "\x1b[31mneedle\x1b[0m work")
    async with running(FakeBackend(world), start=run, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "needle work")
        pilot.app.screen.query_one(LogPane).set_search("needle work")
        await wait_for_text(pilot, "/needle work 1/1")
        world.say(run, "talk", "more needle work")
        await wait_for_text(pilot, "/needle work 1/2")


@pytest.mark.parametrize("text", ["level:nonsense", "level:"])
def test_a_search_that_is_not_understood_says_so(text: str) -> None:
    search = LogSearch()
    search.begin(text)
    assert "is none of error, warn" in search.count_text


async def test_errors_are_found_shown_alone_and_left_again_by_keys() -> None:
    world, run = long_log()
    async with running(FakeBackend(world), start=run, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "ERROR number 9", "follow ●")
        await pilot.press("l", "exclamation_mark")
        await wait_for_text(pilot, "/level:error 9/9", "ERROR number 9")
        await pilot.press("exclamation_mark")
        await wait_for_text(pilot, "/level:error 1/9", "ERROR number 1", "line 999 of many")
        await pilot.press("m")
        await wait_for_text(pilot, "only matches ●", "ERROR number 2", "ERROR number 3", "── ⋯ ──")
        assert "line 996 of many" not in screen_text(pilot.app)
        world.say(run, "talk", "line that came later")
        await pilot.press("N")
        await wait_for_text(pilot, "/level:error 9/9", "line 8999 of many", "ERROR number 9")
        await pilot.press("m")
        await wait_for_text(pilot, "only matches ○", "line 8990 of many", "ERROR number 9")
        await pilot.press("G")
        await wait_for_text(pilot, "line that came later", "follow ●")
        await pilot.press("escape", "m")
        await wait_for_text(pilot, "no search yet: press / to search the log")


async def test_a_match_far_to_the_right_is_brought_into_sight() -> None:
    world, run = long_log()
    async with running(FakeBackend(world), start=run, size=(100, 30)) as pilot:
        await wait_for_text(pilot, "ERROR number 9")
        pane = pilot.app.screen.query_one(LogPane)
        await pilot.press("l")
        pane.set_search("re:[n]EEDLE y")
        await wait_for_text(pilot, "/re:[n]EEDLE y 1/1", "xxx needle yyy")
        await pilot.press("0")
        await wait_until(pilot, lambda: pane.scroll_offset.x == 0)
        await pilot.press("dollar_sign")
        await wait_until(pilot, lambda: pane.scroll_offset.x > 60_000)
        await pilot.press("W", "n")
        await wait_for_text(pilot, "wrap ●", " needle y")
        pane.set_search("re:(?=x)")
        await wait_for_text(pilot, "look-around")
