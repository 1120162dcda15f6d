"""Queries over stored output: by step, attempt, stream, level, time and text, over all lines."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain.records import LogEntry, LogLevel, LogStream
from core.domain.states import AttemptState, ExecutionState
from core.errors import BugError
from core.output.log_format import LineDecoder
from core.ports.journal import LogChunk
from core.ports.reader import LogQuery
from storage.read.reader import SqliteReader, open_reader
from storage.rows import segment
from storage.write.store import Store, open_store
from tests.support.story import SteppingClock, Story, StorySigner

OUT, ERR, SYS = LogStream.STDOUT, LogStream.STDERR, LogStream.SYSTEM


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "missions.db", StorySigner(), clock=SteppingClock())
    yield store
    await store.close()


@pytest.fixture
def reader(store: Store) -> Iterator[SqliteReader]:
    reader = open_reader(store.path)
    yield reader
    reader.close()


async def a_logging_story(store: Store, *steps: str) -> Story:
    story = Story(*(steps or ("a", "b")))
    story.create().move(ExecutionState.RUNNING)
    for step in story.steps:
        story.begin(step)
    await store.journal.submit(story.batch())
    return story


async def append(store: Store, *chunks: LogChunk) -> None:
    for chunk in chunks:
        store.journal.append_log(chunk)
    await store.journal.flush()


def lines(reader: SqliteReader, story: Story, **query: Any) -> list[str]:
    return [
        entry.message
        for _, entry in reader.logs(LogQuery(execution_id=story.execution_id, **query))
    ]


async def test_entries_come_in_order_of_arrival_with_all_their_fields(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    first = story.chunk("a", b"one\n", (ERR, b"two\r\n"))
    second = story.chunk("b", b"three\n")
    third = story.chunk("a", b"f\xc3\xb6ur\n\xff\n")
    await append(store, first, second, third)
    found = list(reader.logs(LogQuery(execution_id=story.execution_id)))
    assert [row_id for row_id, _ in found] == [1, 1, 2, 3, 3]
    assert found[1][1] == LogEntry(
        execution_id=story.execution_id, task_id="a", attempt=1, seq=2,
        timestamp=first.segments[1].at, level=LogLevel.ERROR, source="process", stream=ERR,
        message="two",
    )  # fmt: skip
    assert [entry.message for _, entry in found] == ["one", "two", "three", "föur", "\ufffd"]
    assert [entry.seq for _, entry in found] == [1, 2, 1, 3, 4]


async def test_each_filter_selects_and_they_combine(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    early = story.chunk("a", b"start\n", (ERR, b"Warning: low\n"))
    middle = story.chunk("b", b"warning b\n")
    late = story.chunk("a", (ERR, b"ERROR disk\n"), b"warning again\n")
    await append(store, early, middle, late)
    assert lines(reader, story, task_id="b") == ["warning b"]
    assert lines(reader, story, task_ids=frozenset({"b"}), search="warning") == ["warning b"]
    assert len(lines(reader, story, task_ids=frozenset({"a", "b"}))) == 5
    assert lines(reader, story, streams=frozenset({ERR})) == ["Warning: low", "ERROR disk"]
    assert lines(reader, story, streams=frozenset({SYS})) == []
    assert lines(reader, story, min_level=LogLevel.ERROR) == ["Warning: low", "ERROR disk"]
    assert lines(reader, story, search="WARNING") == ["Warning: low", "warning b", "warning again"]
    assert lines(reader, story, search="warning", task_id="a", streams=frozenset({OUT})) == [
        "warning again"
    ]
    assert lines(reader, story, since=late.segments[0].at) == ["ERROR disk", "warning again"]
    assert lines(reader, story, since=late.segments[1].at + 1) == []
    assert lines(reader, story, until=late.segments[0].at) == [
        "start",
        "Warning: low",
        "warning b",
        "ERROR disk",
    ]
    assert lines(reader, story, until=early.segments[0].at - 1) == []
    assert lines(reader, story, attempt=2) == []


async def test_attempts_are_told_apart(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    await append(store, story.chunk("a", b"first\n"))
    story.end("a", AttemptState.LOST).begin("a")
    await store.journal.submit(story.batch())
    await append(store, story.chunk("a", b"second\n"))
    assert lines(reader, story, task_id="a") == ["first", "second"]
    assert lines(reader, story, task_id="a", attempt=2) == ["second"]


async def test_a_search_looks_at_the_text_without_escape_sequences(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    await append(
        store,
        story.chunk("a", b"\x1b[1;34mrequest\x1b[0m id=7 \x1b]8;;x://y\x07link\x1b]8;;\x07ed\n"),
        story.chunk("a", b"plain request id=8\n"),
        story.chunk("a", "caf\u00e9 \x9b31mred\x9b0mdish\n".encode()),
    )
    assert len(lines(reader, story, search="REQUEST ID=")) == 2
    assert len(lines(reader, story, pattern="^request id=7 linked$")) == 1
    assert len(lines(reader, story, search="reddish")) == 1
    assert lines(reader, story, search="[0m") == []
    assert lines(reader, story, pattern="34m|x://y") == []


async def test_a_log_is_read_in_parts_up_to_a_chunk(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    await append(
        store,
        story.chunk("a", b"one\ntw"),
        story.chunk("a", b"o\nth"),
        story.chunk("a", b"ree\nfour\n"),
    )
    ids = [chunk for chunk, _ in reader.logs(LogQuery(execution_id=story.execution_id))]
    first, second = (
        lines(reader, story, up_to_chunk=ids[1]),
        lines(reader, story, after_chunk=ids[1]),
    )
    assert (first, second) == (["one", "two"], ["three", "four"])


async def test_what_the_output_limit_dropped_is_summed_over_what_is_asked_for(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store, "a", "b", "c")
    for step, dropped in (("a", 5), ("b", 70)):
        story.end(step, AttemptState.SUCCESS, log_dropped_bytes=dropped)
    await store.journal.submit(story.batch())
    everything = LogQuery(execution_id=story.execution_id)
    ended = reader.attempts(story.execution_id, "a")[0].ended_at or 0
    assert reader.dropped_bytes(everything) == 75
    assert reader.dropped_bytes(replace(everything, task_id="b")) == 70
    assert reader.dropped_bytes(replace(everything, task_id="b", attempt=2)) == 0
    assert reader.dropped_bytes(replace(everything, task_ids=frozenset({"a", "c"}))) == 5
    assert reader.dropped_bytes(replace(everything, until=ended)) == 5
    assert reader.dropped_bytes(replace(everything, until=ended - 1)) == 0


async def test_a_tail_looks_as_far_back_as_it_must(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    for number in range(40):
        needle = " needle" if number in (3, 17) else ""
        store.journal.append_log(story.chunk("a", f"line {number}{needle}\n".encode()))
    await store.journal.flush()
    assert lines(reader, story, tail=3) == ["line 37", "line 38", "line 39"]
    assert lines(reader, story, tail=2, search="needle") == ["line 3 needle", "line 17 needle"]
    assert len(lines(reader, story, tail=1000)) == 40
    assert lines(reader, story, tail=0) == []
    assert lines(reader, story, tail=30, tail_characters=15) == ["line 38", "line 39"]
    assert lines(reader, story, tail=30, tail_characters=1) == ["line 39"]
    assert lines(reader, story, tail=1, tail_characters=15) == ["line 39"]


async def test_a_follower_gets_each_line_once_and_whole(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    chunks = [
        story.chunk("a", b"one\ntw"),
        story.chunk("a", (ERR, b"error\n"), b"o, still "),
        story.chunk("a", b"two"),
        story.chunk("a", b"\nthree\n"),
    ]
    cursor, found = 0, []
    for chunk in chunks:
        await append(store, chunk)
        query = LogQuery(execution_id=story.execution_id, after_chunk=cursor)
        for row_id, entry in reader.logs(query):
            found.append(entry.message)
            cursor = row_id
    assert found == ["one", "error", "two, still two", "three"]


async def test_a_line_cut_before_the_window_comes_out_whole(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    await append(
        store,
        story.chunk("a", b"zero\n"),
        story.chunk("a", b"begin "),
        story.chunk("a", (ERR, b"noise\n")),
        story.chunk("a", b"middle "),
        story.chunk("a", b"end\n"),
    )
    assert lines(reader, story, tail=1) == ["begin middle end"]
    assert lines(reader, story, after_chunk=4) == ["begin middle end"]
    assert lines(reader, story, streams=frozenset({OUT}), tail=1) == ["begin middle end"]
    assert lines(reader, story, search="begin") == ["begin middle end"]
    assert lines(reader, story, min_level=LogLevel.ERROR) == ["noise"]


async def test_the_last_words_of_a_lost_attempt_are_shown(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    await append(store, story.chunk("a", b"done\nworking on"), story.chunk("b", b"fine\n"))
    assert lines(reader, story) == ["done", "fine"]
    await store.journal.submit(story.end("a", AttemptState.LOST).batch())
    assert lines(reader, story) == ["done", "fine", "working on"]
    assert lines(reader, story, search="working") == ["working on"]


async def test_a_line_whose_rest_is_stored_while_it_is_read_does_not_come_in_two_parts(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    await append(store, story.chunk("a", b"one\ntw"))
    reading = reader.logs(LogQuery(execution_id=story.execution_id))
    found = [next(reading)]
    await append(store, story.chunk("a", b"o\n"))
    await store.journal.submit(story.end("a", AttemptState.SUCCESS).batch())
    found += reading
    cursor = found[-1][0]
    found += reader.logs(LogQuery(execution_id=story.execution_id, after_chunk=cursor))
    assert [entry.message for _, entry in found] == ["one", "two"]


async def test_output_of_no_execution_or_step_is_a_bug_and_stops_the_journal(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    store.journal.append_log(replace(story.chunk("a", b"x\n"), task_id="zzz"))
    with pytest.raises(BugError):
        await store.journal.flush()
    with pytest.raises(BugError):
        await store.journal.submit(story.end("a").batch())


async def test_a_line_that_another_stream_interrupts_within_a_chunk_is_found(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    await append(store, story.chunk("a", b"conn", (ERR, b"noise\n"), b"ected\n"))
    assert lines(reader, story, search="connected") == ["connected"]
    assert lines(reader, story, pattern="conn.*ed") == ["connected"]


async def test_a_pattern_selects_lines_wherever_they_stand(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)
    data = b"time out\r\nTimeout\nno time, out\n\xff caf\xc3\xa9\n"
    await append(store, story.chunk("a", b"nothing\n"), story.chunk("a", data))
    assert lines(reader, story, pattern="(?i)time ?out") == ["time out", "Timeout"]
    assert lines(reader, story, pattern="^time out$") == ["time out"]
    assert lines(reader, story, pattern="caf.$") == ["\ufffd café"]
    assert lines(reader, story, pattern="(?i)time", search="no") == ["no time, out"]
    assert lines(reader, story, pattern="never") == []


async def test_searching_many_chunks_reads_all_of_them(store: Store, reader: SqliteReader) -> None:
    story = await a_logging_story(store)
    for number in range(100):
        data = b"".join(b"%d %d\n" % (number, line) for line in range(50))
        store.journal.append_log(story.chunk("ab"[number % 2], data))
    await store.journal.flush()
    assert lines(reader, story, search=" 49") == [f"{number} 49" for number in range(100)]
    assert len(lines(reader, story)) == 5000


PIECES = st.lists(
    st.tuples(st.sampled_from([OUT, ERR]), st.sampled_from([b"", b"a", b"b\n", b"c\nd", b"\n\n"])),
    min_size=1,
    max_size=4,
)


@given(
    chunks=st.lists(st.tuples(st.sampled_from("ab"), PIECES), min_size=1, max_size=12),
    cut=st.integers(0, 12),
    streams=st.sampled_from([frozenset(), frozenset({OUT}), frozenset({ERR})]),
    level=st.sampled_from([None, LogLevel.ERROR]),
    step=st.sampled_from([None, "a"]),
    search=st.sampled_from([None, "a", "ac", "d"]),
    pattern=st.sampled_from([None, "a|d", "^d$", "a.?c", "(?i)AC"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_any_window_and_filter_agree_with_decoding_everything(
    tmp_path: Path,
    chunks: Any,
    cut: int,
    streams: frozenset[LogStream],
    level: LogLevel | None,
    step: str | None,
    search: str | None,
    pattern: str | None,
) -> None:
    path = tmp_path / uuid4().hex / "missions.db"
    store = await open_store(path, StorySigner(), clock=SteppingClock())
    story = Story("a", "b").create().move(ExecutionState.RUNNING)
    await store.journal.submit(story.begin("a").begin("b").batch())
    made = [story.chunk(task, *pieces) for task, pieces in chunks]
    await append(store, *made)
    await store.close()
    decoder = LineDecoder()
    expected = [
        (position, entry)
        for position, chunk in enumerate(made)
        for entry in decoder.feed(chunk)
        if (not streams or entry.stream in streams)
        and (level is None or entry.level is level)
        and (step is None or entry.task_id == step)
        and (search is None or search in entry.message)
        and (pattern is None or re.search(pattern, entry.message))
    ]
    reader = open_reader(path)
    query = LogQuery(
        execution_id=story.execution_id, streams=streams, min_level=level, task_id=step,
        search=search, pattern=pattern,
    )  # fmt: skip
    everything = list(reader.logs(LogQuery(execution_id=story.execution_id)))
    first = reader._connection.execute(
        "SELECT min(log_chunk.id) FROM log_chunk JOIN execution ON execution.id = execution "
        "WHERE execution_id = ?",
        (story.execution_id,),
    ).fetchone()[0]
    assert len(everything) >= len(expected)
    assert [(row - first, entry) for row, entry in reader.logs(query)] == expected
    after = replace(query, after_chunk=first + cut - 1)
    assert [entry for _, entry in reader.logs(after)] == [
        entry for position, entry in expected if position >= cut
    ]
    tail = replace(query, tail=2)
    assert [entry for _, entry in reader.logs(tail)] == [entry for _, entry in expected[-2:]]
    reader.close()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62), st.sampled_from(segment.STREAMS),
            st.sampled_from(segment.LEVELS), st.text(max_size=20),
            st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_segments_survive_packing(parts: Any) -> None:
    from core.ports.journal import LogSegment

    segments = tuple(LogSegment(*part) for part in parts)
    unpacked = segment.unpack_segments(segment.pack_segments(segments))
    assert unpacked == tuple(
        replace(one, source=one.source.encode("utf-8", "replace").decode()) for one in segments
    )


async def test_a_line_in_progress_is_read_while_its_attempt_runs(
    store: Store, reader: SqliteReader
) -> None:
    story = await a_logging_story(store)

    def unfinished(**query: Any) -> list[str]:
        asked = LogQuery(execution_id=story.execution_id, **query)
        return [entry.message for entry in reader.unfinished_lines(asked)]

    assert unfinished(task_id="a") == []
    await append(store, story.chunk("a", b"done\n", b"\r 1 %"), story.chunk("b", b"other"))
    await append(store, story.chunk("a", b"\r 2 %", (ERR, b"whole\n")))
    assert unfinished(task_id="a") == ["\r 1 %\r 2 %"]
    assert unfinished(task_id="a", streams=frozenset({ERR})) == []
    assert unfinished() == [], "whose line would it be?"
    assert lines(reader, story, task_id="a") == ["done", "whole"], "as it came, when it ends"
    await append(store, story.chunk("a", b"\r 3 %\n"))
    assert unfinished(task_id="a") == []
    assert lines(reader, story, task_id="a") == ["done", "whole", "\r 1 %\r 2 %\r 3 %"]
