"""The digest that seals the output of an attempt: over every byte and over what is shown with it.

Two forms are in use. Form 2, written `2:` and 64 hex digits, is the SHA-256 over a line that names
the execution, step and attempt, and for each chunk a line that describes it followed by its data:

    ["missiondeck output",2,EXECUTION_ID,STEP_ID,ATTEMPT]
    [CHUNK,FIRST_SEQ,[[AT,STREAM,LEVEL,SOURCE,LENGTH,LINES],...]]

The lines are compact ASCII JSON and end in a line feed; the lengths say where the data ends.
Form 1, 64 hex digits, was written by older versions: the SHA-256 over the data alone.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from core.ports.journal import LogSegment

FORM_2: Final = "2:"
"""What the text of a digest of form 2 begins with."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class LogDigest:
    """Computes the digest of form 2 of one attempt's output, chunk by chunk in order."""

    __slots__ = ("_sha256",)

    def __init__(self, execution_id: str, task_id: str, attempt: int) -> None:
        self._sha256 = hashlib.sha256(heading(execution_id, task_id, attempt))

    def add(self, chunk: int, first_seq: int, segments: Sequence[LogSegment], data: bytes) -> None:
        """Add the next chunk; the lengths of its segments sum up to that of its data."""
        self._sha256.update(description(chunk, first_seq, segments))
        self._sha256.update(data)

    @property
    def text(self) -> str:
        """The digest over the chunks so far, as it is recorded."""
        return f"{FORM_2}{self._sha256.hexdigest()}"


def heading(execution_id: str, task_id: str, attempt: int) -> bytes:
    """Return the line that precedes all chunks of an attempt."""
    return _line(["missiondeck output", 2, execution_id, task_id, attempt])


def description(chunk: int, first_seq: int, segments: Sequence[LogSegment]) -> bytes:
    """Return the line that precedes the data of a chunk."""
    parts = [
        (one.at, one.stream, one.level, stored_source(one.source), one.length, one.lines)
        for one in segments
    ]
    return _line([chunk, first_seq, parts])


def stored_source(source: str) -> str:
    """Return the name of a source as it can be stored: lone surrogates are replaced."""
    return source if source.isascii() else source.encode("utf-8", "replace").decode()


def covers_everything(digest: str) -> bool:
    """Tell whether a digest is of form 2; one of form 1 covers nothing but the data."""
    return digest.startswith(FORM_2)


def _line(values: Sequence[object]) -> bytes:
    return _encode(values).encode() + b"\n"
