"""What a capture stores has secrets masked: entries, digest, tail and count are of the masked."""

from typing import Any

import pytest

from core.domain.records import LogLevel, LogStream
from core.output.capture import Capture
from core.output.masker import Masker
from core.ports.journal import LogChunk
from tests.support.log_digests import digest_of
from tests.support.virtual_loop import VirtualClock, run_virtually

VALUE = b"sesame-open"
OUT, ERR = LogStream.STDOUT, LogStream.STDERR


class Recorded:
    """A capture with a masker, and what it stored."""

    def __init__(self, **fields: Any) -> None:
        self.masker = Masker({"CANARY": VALUE})
        self.chunks: list[LogChunk] = []
        self.capture = Capture(
            execution_id="e", task_id="t", attempt=1, emit=self.chunks.append,
            clock=VirtualClock(), masker=self.masker, **fields,
        )  # fmt: skip

    @property
    def data(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 64])
def test_both_streams_are_masked_on_their_own(size: int) -> None:
    async def main() -> None:
        recorded = Recorded()
        data = b"a " + VALUE + b" b\n"
        for start in range(0, len(data), size):
            recorded.capture.write(OUT, data[start : start + size])
            recorded.capture.write(ERR, data[start : start + size])
        recorded.capture.log(LogLevel.INFO, f"said {VALUE.decode()}")
        assert recorded.capture.tail() == ["a *** b"]
        seal = recorded.capture.close()
        assert VALUE not in recorded.data
        assert VALUE[:8] not in recorded.data.replace(b"\n", b"")
        assert recorded.data.count(b"***") == 3
        assert seal.digest == digest_of(recorded.chunks)
        assert seal.bytes == len(recorded.data)
        assert seal.redactions == {"CANARY": 3}

    run_virtually(main)


def test_what_is_held_back_is_in_the_tail_and_comes_at_the_end() -> None:
    async def main() -> None:
        recorded = Recorded()
        recorded.capture.write(ERR, b"no such ses")
        assert recorded.capture.tail() == ["no such ses"]
        recorded.capture.close()
        assert recorded.data == b"no such ses"

    run_virtually(main)


def test_the_limit_cuts_no_secret_in_two() -> None:
    async def main() -> None:
        for limit in range(20, 60):
            recorded = Recorded(limit_bytes=limit)
            for _ in range(20):
                recorded.capture.write(OUT, b"x" + VALUE + b"\n")
            recorded.capture.close()
            assert VALUE[:4] not in recorded.data

    run_virtually(main)


def test_a_secret_that_is_read_while_output_comes_is_masked_from_then_on() -> None:
    async def main() -> None:
        recorded = Recorded()
        recorded.capture.write(OUT, b"begin\n")
        recorded.masker.add("minted", b"fresh-token-1")
        recorded.capture.write(OUT, b"fresh-token-1\n")
        assert recorded.capture.close().redactions == {"minted": 1}
        assert recorded.data == b"begin\n***\n"

    run_virtually(main)


def test_bytes_that_were_masked_on_their_way_are_kept_and_other_bytes_are_masked() -> None:
    async def main() -> None:
        recorded = Recorded()
        before = b"as it is: " + VALUE + b"\n"  # stands for bytes that a masker has let through
        recorded.capture.passed(before)
        recorded.capture.write(OUT, before)
        recorded.capture.write(ERR, bytes(bytearray(before)))  # another object
        recorded.capture.passed(before)
        recorded.capture.write(OUT, b"decoded: " + VALUE + b"\n")
        recorded.capture.write(OUT, before)
        recorded.capture.close()
        out = b"".join(one.data for one in recorded.chunks)
        assert out.count(VALUE) == 1
        assert out.count(b"***") == 3

    run_virtually(main)
