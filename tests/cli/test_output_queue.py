"""The queue between a run and whoever reads its output."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from tui.cli.printing.output_queue import OutputQueue


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def read(reading: int, size: int) -> str:
    data = b""
    while len(data) < size:
        data += os.read(reading, size - len(data))
    return data.decode()


def test_everything_arrives_in_order_also_what_is_made_late(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = OutputQueue(writing)
    outlet.put("one\n")
    outlet.put(lambda: iter(["two\n", threading.current_thread().name + "\n"]))
    outlet.put("\ud800 four\n")
    outlet.close()
    assert os.read(reading, 4096).decode() == "one\ntwo\noutput\n\\ud800 four\n"


def test_a_slow_reader_is_told_what_it_missed_and_gets_the_end(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = OutputQueue(writing, limit=100_000)
    outlet.put("x" * 99_000 + "\n")  # more than a pipe holds
    assert read(reading, 1) == "x"
    for _ in range(3):
        outlet.put("y" * 60_000 + "\n")
    outlet.put("the end\n", keep=True)
    closing = threading.Thread(target=outlet.close)
    closing.start()
    wanted = (
        "x" * 98_999 + "\n" + "y" * 60_000 + "\n"
        "… 2 lines dropped here: the reader was too slow\nthe end\n"
    )
    assert read(reading, len(wanted.encode())) == wanted
    closing.join(10)


def test_nobody_waits_for_a_reader_that_does_not_read(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    outlet = OutputQueue(writing)
    began = time.monotonic()
    for _ in range(100):
        outlet.put("z" * 10_000)
    assert time.monotonic() - began < 1
    assert not outlet.close(patience=0.1)
    assert time.monotonic() - began < 2
    assert outlet.is_gone


def test_a_reader_that_is_gone_costs_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outlet = OutputQueue(writing)
    outlet.put("lost\n")
    outlet.close()
    outlet.put("lost as well\n")
    assert outlet.is_gone
    os.close(writing)


def test_a_descriptor_that_does_not_block_loses_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    outlet = OutputQueue(writing)
    outlet.put("w" * 500_000)
    closing = threading.Thread(target=outlet.close)
    closing.start()
    assert read(reading, 500_000) == "w" * 500_000
    closing.join(10)


def test_what_is_written_in_idle_moments_comes_without_being_asked(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = OutputQueue(writing)
    outlet.when_idle(0.001, lambda: iter(["tick\n"]))
    outlet.put("begin\n")
    assert read(reading, 11) == "begin\ntick\n"
    outlet.close()
