"""The lines of a witness file: heads of logs, kept outside the database. No I/O.

    missiondeck/LOG_ID SIZE:ROOT

One line for each execution that was sealed; several logs may share a file. A line that was cut off
when the machine lost power, or that is none of ours, is skipped.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from core.audit.format.checkpoint import origin_of

MAX_LINE_BYTES: Final = 400

_HEAD = re.compile(rb"([1-9][0-9]{0,17}):([0-9a-f]{64})\n")


def witness_line(log_id: str, size: int, root: bytes) -> bytes:
    """Return the line for the head of a log: events and Merkle root."""
    return f"{origin_of(log_id)} {size}:{root.hex()}\n".encode()


def witnessed_heads(lines: Iterable[bytes], log_id: str) -> Iterator[tuple[int, bytes]]:
    """Yield (size, root) of each head of this log, in order of the lines."""
    prefix = f"{origin_of(log_id)} ".encode()
    for line in lines:
        if line.startswith(prefix):
            match = _HEAD.fullmatch(line, len(prefix))
            if match is not None:
                yield int(match[1]), bytes.fromhex(match[2].decode())
