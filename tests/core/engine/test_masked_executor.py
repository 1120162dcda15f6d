"""The executor that a step with secrets has: what it prints is masked before the step sees it."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from core.domain.records import LogStream
from core.engine.masked_executor import MaskedExecutor
from core.output.masker import Masker
from core.ports.executor import (
    Census,
    Job,
    LateEnd,
    Outcome,
    OutcomeKind,
    OutputSink,
    Placement,
    WorkerLoad,
)

VALUE = b"sesame-open"


class Printing:
    """An executor whose processes print what it was given, and then end or are cancelled."""

    def __init__(self, pieces: list[bytes], *, cancelled: bool = False) -> None:
        self._pieces = pieces
        self._cancelled = cancelled

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        for piece in self._pieces:
            sink.write(LogStream.STDOUT, piece)
        if self._cancelled:
            sink.census(Census(processes=1))
            raise asyncio.CancelledError
        return Outcome(kind=OutcomeKind.EXITED, exit_code=0)

    async def slots(self) -> int | None:
        return None

    async def workers(self) -> Sequence[WorkerLoad] | None:
        return None

    async def end_leftovers(self, execution_id: str) -> Census:
        return Census(processes=0)

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:
        return ()

    def hurry(self, scope: str | None = None) -> None:
        """Nothing takes long here."""

    async def close(self) -> None:
        """Nothing is open."""


class Heard:
    """A sink that keeps everything in the order it came."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def write(self, stream: LogStream, data: bytes) -> bool:
        if data:
            self.heard.append(data)
        return True

    async def drain(self) -> None:
        """There is always room."""

    def placed(self, where: Placement) -> None:
        self.heard.append(where)

    def census(self, census: Census) -> None:
        self.heard.append(census)


JOB = Job(key="e/t/1", argv=("x",), env={}, cwd="/")


async def run(pieces: list[bytes], *, cancelled: bool = False) -> tuple[Heard, Counter[str]]:
    """Run the pieces through a masked executor; return what the step heard, and the counts."""
    heard, counts = Heard(), Counter[str]()
    inner = Printing(pieces, cancelled=cancelled)
    executor = MaskedExecutor(inner, Masker({"CANARY": VALUE}), count=counts.update)
    try:
        await executor.run(JOB, heard)
    except asyncio.CancelledError:
        assert cancelled
    return heard, counts


@pytest.mark.parametrize("cancelled", [False, True])
def test_output_is_masked_and_what_was_held_back_comes_at_the_end(cancelled: bool) -> None:
    heard, counts = asyncio.run(run([b"<ses", b"ame-open", b"> ses"], cancelled=cancelled))
    texts = b"".join(one for one in heard.heard if isinstance(one, bytes))
    assert texts == b"<***> ses"
    assert counts == {"CANARY": 1}
    if cancelled:
        assert isinstance(heard.heard[-1], Census), "the output is complete before the census"
