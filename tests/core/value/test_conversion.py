"""The conversion to a `Struct` by several threads at once."""

import subprocess
import sys

import msgspec
import pytest
from msgspec import Struct

from core.value.conversion import converter

AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Annotated
from msgspec import Meta, defstruct
from core.value.conversion import converter

THREADS, FIELDS, ROUNDS = 4, 30, 200
sys.setswitchinterval(1e-6)
Number = Annotated[int | None, Meta(description="a number")]
start = Barrier(THREADS)
data = {f"f{number}": {"a": 1} for number in range(FIELDS)}


def convert(conversion):
    start.wait()
    return conversion(data)


with ThreadPoolExecutor(THREADS) as pool:
    for _ in range(ROUNDS):
        fields = [(name, Annotated[dict[str, Number], Meta(title=name)]) for name in data]
        conversion = converter(defstruct("Found", fields))
        assert len(list(pool.map(convert, [conversion] * THREADS))) == THREADS
"""


class Found(Struct, frozen=True):
    number: int


def test_what_does_not_fit_is_refused() -> None:
    assert converter(Found)({"number": 3}) == Found(3)
    with pytest.raises(msgspec.ValidationError, match="number"):
        converter(Found)({"number": "three"})


def test_threads_convert_to_a_new_type_at_once() -> None:
    """They end the process without `converter`: msgspec describes a type while others read it."""
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
