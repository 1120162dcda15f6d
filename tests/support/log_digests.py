"""The digest of stored output, computed a second time from the description in docs/audit.md."""

import hashlib
import json
from collections.abc import Sequence

from core.ports.journal import LogChunk


def digest_of(chunks: Sequence[LogChunk]) -> str:
    """Return the digest of form 2 over all chunks of one attempt."""
    first = chunks[0]
    text = _line(["missiondeck output", 2, first.execution_id, first.task_id, first.attempt])
    for chunk in chunks:
        parts = [
            [one.at, one.stream.value, one.level.value, one.source, one.length, one.lines]
            for one in chunk.segments
        ]
        text += _line([chunk.chunk, chunk.first_seq, parts]) + chunk.data
    return f"2:{hashlib.sha256(text).hexdigest()}"


def _line(values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"
