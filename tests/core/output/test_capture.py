"""Output as chunks: what is written is what is read back, within bounds."""

import asyncio
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.domain.records import LogEntry, LogLevel, LogStream
from core.output.capture import BACKLOG_LIMIT_BYTES, Capture, LogSeal
from core.output.chunker import CHUNK_BYTES
from core.output.last_lines import Tail
from core.output.log_format import LINE_LIMIT_BYTES, LineDecoder, entries
from core.ports.executor import Census
from core.ports.journal import LogChunk, LogSegment
from tests.support.log_digests import digest_of
from tests.support.virtual_loop import VirtualClock, run_virtually

OUT, ERR, SYS = LogStream.STDOUT, LogStream.STDERR, LogStream.SYSTEM


class Tape:
    """A capture, the chunks it made, and what they read back as."""

    def __init__(self, **fields: Any) -> None:
        self.chunks: list[LogChunk] = []
        self.backlog = 0
        self.line_limit = fields.get("line_limit", LINE_LIMIT_BYTES)
        self.capture = Capture(
            execution_id="e",
            task_id="t",
            attempt=1,
            emit=self.chunks.append,
            clock=VirtualClock(),
            backlog=lambda: self.backlog,
            **fields,
        )

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def entries(self) -> list[LogEntry]:
        decoder = LineDecoder(line_limit=self.line_limit)
        return [entry for chunk in self.chunks for entry in decoder.feed(chunk)]

    def texts(self, stream: LogStream) -> list[str]:
        return [entry.message for entry in self.entries if entry.stream is stream]

    def seal(self) -> LogSeal:
        """Close, and check everything that holds for any output."""
        seal = self.capture.close()
        found = self.entries
        assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
        assert seal.entries == len(found)
        assert seal.bytes == len(self.data)
        assert seal.digest == (digest_of(self.chunks) if self.chunks else None)
        assert [chunk.chunk for chunk in self.chunks] == list(range(1, len(self.chunks) + 1))
        seq = 1
        for chunk in self.chunks:
            assert chunk.first_seq == seq
            assert sum(segment.length for segment in chunk.segments) == len(chunk.data)
            assert len(chunk.data) < 3 * CHUNK_BYTES
            seq += sum(segment.lines for segment in chunk.segments)
        assert self.capture.close() is seal
        return seal


async def test_lines_of_both_streams_come_back_in_order_of_arrival() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"one\ntwo\n")
    tape.capture.write(ERR, b"oh\n")
    tape.capture.write(OUT, b"three\n")

    seal = tape.seal()

    assert [(entry.stream, entry.message) for entry in tape.entries] == [
        (OUT, "one"),
        (OUT, "two"),
        (ERR, "oh"),
        (OUT, "three"),
    ]
    assert len(tape.chunks) == 1
    assert (seal.entries, seal.bytes, seal.dropped_bytes) == (4, 17, 0)


async def test_a_stream_in_the_middle_of_anothers_line_breaks_nothing() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"half")
    tape.capture.write(ERR, b"err")
    tape.capture.write(OUT, b" and half\n")
    tape.capture.write(ERR, b"or\n")

    tape.seal()

    assert [(entry.stream, entry.message) for entry in tape.entries] == [
        (OUT, "half and half"),
        (ERR, "error"),
    ]


async def test_a_last_line_without_a_line_feed_is_an_entry() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"whole\nrest")
    tape.capture.write(ERR, b"also")

    assert tape.seal().entries == 3
    assert tape.texts(OUT) == ["whole", "rest"]
    assert tape.texts(ERR) == ["also"]
    assert tape.data == b"whole\nrestalso"


async def test_nothing_written_is_no_chunk_and_no_digest() -> None:
    tape = Tape()

    assert tape.seal() == LogSeal(entries=0, bytes=0, dropped_bytes=0, digest=None)


async def test_empty_lines_and_carriage_returns_are_lines() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"\n\r\na\r\n10%\r20%\r\n\n")

    tape.seal()

    assert tape.texts(OUT) == ["", "", "a", "10%\r20%", ""]


async def test_bytes_that_are_no_text_are_kept_and_shown_as_replaced() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"\xff\xfe ok \x00\x1b[31m\n")

    tape.seal()

    assert tape.data == b"\xff\xfe ok \x00\x1b[31m\n"
    assert tape.texts(OUT) == ["\ufffd\ufffd ok \x00\x1b[31m"]


async def test_a_character_cut_by_two_reads_is_whole() -> None:
    tape = Tape()
    for byte in "é🚀\n".encode():
        tape.capture.write(OUT, bytes([byte]))

    tape.seal()

    assert tape.texts(OUT) == ["é🚀"]


async def test_system_entries_stand_between_lines_with_level_and_source() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"be")
    tape.capture.log(LogLevel.ERROR, "two\nlines", "step")
    tape.capture.log(LogLevel.DEBUG, "lone \ud800")
    tape.capture.write(OUT, b"fore\n")
    tape.capture.write(ERR, b"careful\n")

    tape.seal()

    assert [(e.level.value, e.source, e.stream, e.message) for e in tape.entries] == [
        ("ERROR", "step", SYS, "two"),
        ("ERROR", "step", SYS, "lines"),
        ("DEBUG", "engine", SYS, "lone \\ud800"),
        ("INFO", "process", OUT, "before"),
        ("WARN", "process", ERR, "careful"),
    ]


async def test_a_thread_may_log_and_its_entries_come_before_its_end() -> None:
    tape = Tape()

    def work() -> None:
        for number in range(3):
            tape.capture.log(LogLevel.INFO, f"step {number}")

    await asyncio.to_thread(work)
    tape.seal()

    assert tape.texts(SYS) == ["step 0", "step 1", "step 2"]


async def test_the_census_is_an_entry_and_remembered() -> None:
    tape = Tape()
    tape.capture.census(Census(processes=7))

    tape.seal()

    assert tape.texts(SYS) == ["7 processes, 0 survivors"]
    assert tape.capture.found == Census(processes=7)


async def test_survivors_are_a_warning() -> None:
    tape = Tape()
    tape.capture.census(Census(processes=1, survivors=1))

    tape.seal()

    assert tape.entries[0].level is LogLevel.WARN
    assert tape.texts(SYS) == ["1 process, 1 survivor"]


# --- when chunks are handed on -------------------------------------------------------------------


def test_whole_lines_are_handed_on_within_50_ms() -> None:
    async def main() -> None:
        tape = Tape()
        tape.capture.write(OUT, b"line\npart")
        await asyncio.sleep(0.04)
        assert tape.chunks == []
        await asyncio.sleep(0.02)
        assert tape.data == b"line\n"
        tape.seal()

    run_virtually(main)


def test_a_prompt_without_a_line_feed_is_handed_on_within_half_a_second() -> None:
    async def main() -> None:
        tape = Tape()
        tape.capture.write(OUT, b"Password: ")
        await asyncio.sleep(0.6)
        assert tape.data == b"Password: "
        decoder = LineDecoder()
        assert list(decoder.feed(tape.chunks[0])) == []
        [pending] = decoder.unfinished()
        assert (pending.seq, pending.message) == (1, "Password: ")
        tape.capture.write(OUT, b"secret\n")
        tape.seal()
        assert tape.texts(OUT) == ["Password: secret"]
        assert [entry.message for entry in decoder.feed(tape.chunks[1])] == ["Password: secret"]
        assert list(decoder.unfinished()) == []

    run_virtually(main)


def test_an_unfinished_line_that_was_handed_on_is_ended_by_the_close() -> None:
    async def main() -> None:
        tape = Tape()
        tape.capture.write(OUT, b"handed on")
        await asyncio.sleep(0.6)
        assert tape.seal().entries == 1
        assert tape.texts(OUT) == ["handed on"]
        assert tape.chunks[-1].segments[-1].length == 0

    run_virtually(main)


def test_entries_have_the_time_of_their_arrival() -> None:
    async def main() -> None:
        tape = Tape()
        for _ in range(3):
            tape.capture.write(OUT, b"tick\n")
            await asyncio.sleep(0.02)
        tape.seal()
        first, second, third = (entry.timestamp for entry in tape.entries)
        assert [(second - first) // 1_000_000, (third - first) // 1_000_000] == [20, 40]

    run_virtually(main)


async def test_a_chunk_is_handed_on_when_it_is_full() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"0123456\n" * 8192)

    assert len(tape.chunks) == 1
    tape.seal()


async def test_what_is_written_after_the_close_is_ignored() -> None:
    tape = Tape()
    seal = tape.seal()
    tape.capture.write(OUT, b"late\n")
    tape.capture.log(LogLevel.INFO, "late")

    assert tape.capture.close() == seal
    assert tape.chunks == []


async def test_closing_leaves_no_timer_behind() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"line\npart")
    tape.seal()
    chunks = len(tape.chunks)

    await asyncio.sleep(0.06)

    assert len(tape.chunks) == chunks


# --- bounds --------------------------------------------------------------------------------------


async def test_a_line_over_the_limit_is_several_entries_and_loses_no_byte() -> None:
    tape = Tape(line_limit=10)
    tape.capture.write(OUT, b"0123456789" * 2 + b"01234\n0123456789\nshort\n")

    tape.seal()

    assert tape.texts(OUT) == ["0123456789", "0123456789", "01234", "0123456789", "short"]


async def test_a_long_line_that_grows_while_the_other_stream_talks_is_cut_alike() -> None:
    tape = Tape(line_limit=10)
    for _ in range(7):
        tape.capture.write(OUT, b"abcdef")
        tape.capture.write(ERR, b"!\n")

    tape.seal()

    assert "".join(tape.texts(OUT)) == "abcdef" * 7
    assert [len(text) for text in tape.texts(OUT)] == [10, 10, 10, 10, 2]
    assert tape.texts(ERR) == ["!"] * 7


async def test_the_middle_of_too_much_output_is_dropped_and_counted() -> None:
    tape = Tape(limit_bytes=200)
    for number in range(100):
        tape.capture.write(OUT, b"line %04d\n" % number)

    seal = tape.seal()

    head = [f"line {number:04}" for number in range(10)]
    tail = [f"line {number:04}" for number in range(90, 100)]
    assert tape.texts(OUT) == head + tail
    assert tape.texts(SYS) == [
        "much output: the rest is stored when the attempt ends, of it at most the last 100 bytes",
        "output limit reached: 800 bytes dropped here",
    ]
    assert [entry.stream for entry in tape.entries][10:12] == [SYS, SYS]
    assert seal.dropped_bytes == 800


async def test_output_just_below_the_limit_is_complete() -> None:
    tape = Tape(limit_bytes=1000)
    for number in range(100):
        tape.capture.write(OUT, b"line %04d\n" % number)

    seal = tape.seal()

    assert tape.texts(OUT) == [f"line {number:04}" for number in range(100)]
    assert seal.dropped_bytes == 0


async def test_a_line_in_progress_across_the_middle_stays_whole_when_nothing_is_dropped() -> None:
    tape = Tape(limit_bytes=40)
    tape.capture.write(OUT, b"x" * 15)
    tape.capture.write(OUT, b"y" * 15 + b"\n")

    assert tape.seal().dropped_bytes == 0
    assert tape.texts(OUT) == ["x" * 15 + "y" * 15]


async def test_the_last_words_survive_a_flood() -> None:
    tape = Tape(limit_bytes=1 << 20)
    for _ in range(400):
        tape.capture.write(OUT, (b"y" * 63 + b"\n") * 1024)
    tape.capture.write(ERR, b"fatal: no space left\n")
    tape.capture.log(LogLevel.INFO, "ended")

    seal = tape.seal()

    assert tape.texts(ERR) == ["fatal: no space left"]
    assert tape.texts(SYS)[-1] == "ended"
    notices = sum(len(text) + 1 for text in tape.texts(SYS)[:2])
    assert seal.bytes - notices <= 1 << 20
    assert seal.bytes - notices + seal.dropped_bytes == 400 * 65536 + 21 + 6


@pytest.mark.parametrize("piece", [b"y\n" * 32768, b"x" * 65536, b"\n" * 65536, bytes(65536)])
async def test_memory_stays_bounded_whatever_is_written(piece: bytes) -> None:
    chunks: list[int] = []
    capture = Capture(
        execution_id="e",
        task_id="t",
        attempt=1,
        emit=lambda chunk: chunks.append(len(chunk.data)),
        clock=VirtualClock(),
        limit_bytes=1 << 20,
    )
    tracemalloc.start()
    for _ in range(600):
        capture.write(OUT, piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 3 << 20
    assert capture.close().dropped_bytes > 36 << 20
    assert max(chunks) < 3 * CHUNK_BYTES


async def test_a_flood_of_single_bytes_stays_bounded() -> None:
    tape = Tape(limit_bytes=100_000)
    for _ in range(60_000):
        tape.capture.write(OUT, b"a")
        tape.capture.write(ERR, b"\n")

    seal = tape.seal()

    assert seal.bytes + seal.dropped_bytes >= 120_000
    assert seal.bytes <= 100_100


@pytest.mark.slow
async def test_a_line_of_one_gigabyte_is_kept_at_both_ends() -> None:
    tape = Tape()
    piece = b"x" * 65536
    for _ in range(16384):
        tape.capture.write(OUT, piece)
    tape.capture.write(OUT, b"the end\n")

    seal = tape.seal()

    assert seal.dropped_bytes > 1_000_000_000
    assert seal.bytes <= (10 << 20) + 200  # with the lines that say what was dropped and cut
    assert tape.texts(OUT)[-1].endswith("the end")
    assert max(len(text) for text in tape.texts(OUT)) == LINE_LIMIT_BYTES


async def test_a_writer_waits_while_the_disk_is_behind() -> None:
    tape = Tape()
    assert tape.capture.write(OUT, b"fine\n")
    tape.backlog = BACKLOG_LIMIT_BYTES + 1
    assert not tape.capture.write(OUT, b"too much\n")
    waiting = asyncio.create_task(tape.capture.drain())
    await asyncio.sleep(0.02)
    assert not waiting.done()

    tape.backlog = BACKLOG_LIMIT_BYTES // 2
    await waiting

    assert tape.capture.write(OUT, b"again\n")
    tape.seal()


# --- any output ----------------------------------------------------------------------------------

writes = st.lists(
    st.tuples(
        st.sampled_from([OUT, ERR, SYS]),
        st.one_of(
            st.binary(min_size=1, max_size=60),
            st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bc"]), min_size=1).map(b"".join),
        ),
        st.sampled_from([0.0, 0.0, 0.06, 0.6]),
    ),
    max_size=30,
)


def expected_lines(pieces: Sequence[bytes], limit: int) -> list[bytes]:
    """Cut a stream into entries the plain way."""
    whole = b"".join(pieces)
    lines = whole.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [
        line[start : start + limit]
        for line in lines
        for start in range(0, max(1, len(line)), limit)
    ]


@settings(max_examples=150, deadline=None)
@given(writes=writes, line_limit=st.integers(1, 40))
def test_any_output_reads_back_as_its_lines(
    writes: list[tuple[LogStream, bytes, float]], line_limit: int
) -> None:
    async def main() -> None:
        tape = Tape(line_limit=line_limit)
        written: dict[LogStream, list[bytes]] = {OUT: [], ERR: [], SYS: []}
        for stream, data, pause in writes:
            if stream is SYS:
                message = data.decode("utf-8", "replace")
                tape.capture.log(LogLevel.INFO, message)
                written[SYS].append(message.encode().rstrip(b"\n") + b"\n")
            else:
                tape.capture.write(stream, data)
                written[stream].append(data)
            if pause:
                await asyncio.sleep(pause)
        tape.seal()
        for stream, pieces in written.items():
            lines = [
                line.removesuffix(b"\r").decode("utf-8", "replace")
                for line in expected_lines(pieces, line_limit)
            ]
            assert tape.texts(stream) == lines

    run_virtually(main)


@example(writes=[(LogStream.STDOUT, b"\n\0\0\0", 0.0)], line_limit=1, limit=4)
@settings(max_examples=150, deadline=None)
@given(writes=writes, line_limit=st.integers(1, 40), limit=st.integers(0, 200))
def test_any_output_over_any_limit_seals_and_counts_what_it_dropped(
    writes: list[tuple[LogStream, bytes, float]], line_limit: int, limit: int
) -> None:
    async def main() -> None:
        tape = Tape(line_limit=line_limit, limit_bytes=limit)
        total = 0
        for stream, data, pause in writes:
            if stream is not SYS:
                tape.capture.write(stream, data)
                total += len(data)
            if pause:
                await asyncio.sleep(pause)
        seal = tape.seal()
        said = "".join(tape.texts(SYS))
        notices = len(said) + said.count("much output") + said.count("output limit reached")
        assert seal.bytes - notices + seal.dropped_bytes == total
        assert seal.bytes - notices <= limit
        assert ("output limit reached" in said) == bool(seal.dropped_bytes)
        assert bool(seal.dropped_bytes) == (total > limit)

    run_virtually(main)


# --- reading -------------------------------------------------------------------------------------


def a_chunk(task_id: str, first_seq: int, stream: LogStream, data: bytes, lines: int) -> LogChunk:
    segment = LogSegment(5, stream, LogLevel.INFO, "process", len(data), lines)
    return LogChunk(
        execution_id="e",
        task_id=task_id,
        attempt=1,
        chunk=1,
        first_seq=first_seq,
        segments=(segment,),
        data=data,
    )


def test_chunks_of_several_attempts_may_be_mixed() -> None:
    chunks = [
        (1, a_chunk("a", 1, OUT, b"one\nha", 1)),
        (2, a_chunk("b", 1, OUT, b"uno\nme", 1)),
        (3, a_chunk("a", 2, OUT, b"lf\n", 1)),
        (4, a_chunk("b", 2, OUT, b"dio\n", 1)),
    ]

    found = [(row, entry.task_id, entry.seq, entry.message) for row, entry in entries(chunks)]

    assert found == [
        (1, "a", 1, "one"),
        (2, "b", 1, "uno"),
        (3, "a", 2, "half"),
        (4, "b", 2, "medio"),
    ]


@pytest.mark.parametrize("written", [[b"abcdefghij", b"k\nshort\n"], [b"abcdefghijk\nshort\n"]])
def test_what_goes_on_with_a_line_that_was_cut_is_told_apart(written: list[bytes]) -> None:
    decoder = LineDecoder(line_limit=4)
    found = [
        (entry.message, entry.is_rest)
        for number, data in enumerate(written, 1)
        for entry in decoder.feed(replace(a_chunk("a", number, OUT, data, 0), chunk=number))
    ]
    assert found == [
        ("abcd", False),
        ("efgh", True),
        ("ijk", True),
        ("shor", False),
        ("t", True),
    ]


# --- the end of a stream -------------------------------------------------------------------------


async def test_the_last_lines_of_stderr_are_remembered() -> None:
    tape = Tape()
    tape.capture.write(OUT, b"not this\n")
    for number in range(100):
        tape.capture.write(ERR, b"line %d\n" % number)

    assert tape.capture.tail(3) == ["line 97", "line 98", "line 99"]
    assert len(tape.capture.tail()) == 20


def test_a_tail_is_bounded_in_bytes() -> None:
    tail = Tail(limit=10)
    tail.add(b"x" * 100)
    tail.add(b"y" * 4)

    assert tail.lines() == ["xxxxxxyyyy"]
    assert Tail().lines() == []
