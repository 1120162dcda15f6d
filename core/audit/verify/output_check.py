"""Compares the stored output of one attempt with its digest in the chain, chunk by chunk."""

import hashlib
from collections.abc import Iterable

from core.audit.verify.source import OutputChunk
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.records import Attempt
from core.domain.states import AttemptState
from core.output.log_digest import LogDigest, covers_everything

_DAMAGED = b"\xff damaged"


def is_unsealed(attempt: Attempt) -> bool:
    """Tell whether the attempt is running, or its runner died before sealing its output."""
    return attempt.state is AttemptState.RUNNING or (
        attempt.state is AttemptState.LOST and attempt.log_digest is None
    )


class OutputCheck:
    """Checks the columns of every chunk, then digest and counts over all of them.

    What follows from other columns is computed anew, also where no digest seals the output yet.
    """

    def __init__(
        self, findings: Findings, execution_id: str, attempt: Attempt, seq: int | None
    ) -> None:
        self._findings = findings
        self._execution_id = execution_id
        self._attempt = attempt
        self._seq = seq
        self._name = f"the output of attempt {attempt.attempt} of `{attempt.task_id}`"
        self._full = LogDigest(execution_id, attempt.task_id, attempt.attempt)
        self._data = hashlib.sha256()
        self._chunk = self._row = 0
        self._count = self._entries = self._bytes = 0

    def run(self, chunks: Iterable[OutputChunk]) -> None:
        """Read all chunks, in order, and add a finding for each difference."""
        for chunk in chunks:
            self._add(chunk)
        if not is_unsealed(self._attempt):
            self._compare()

    @property
    def is_empty(self) -> bool:
        """Tell whether no chunk was there."""
        return not self._count

    def _add(self, chunk: OutputChunk) -> None:
        columns = chunk.columns
        number, data = columns.get("chunk"), columns.get("data")
        before = self._chunk if self._count else None
        self._count += 1
        self._chunk = number if type(number) is int else self._chunk + 1
        if before is not None and number != before + 1:
            self._differs("chunk", before + 1, number)
        row = columns.get("row")
        if type(row) is not int or row <= self._row:
            self._differs("row", f"more than {self._row}", row)
        self._row = row if type(row) is int else self._row
        for name, expected in (
            ("execution_id", self._execution_id),
            ("first_seq", self._entries + 1),
            *chunk.derived.items(),
        ):
            found = columns.get(name)
            if type(found) is not type(expected) or found != expected:
                self._differs(name, expected, found)
        segments = chunk.segments
        if segments is None or not isinstance(data, bytes):
            self._differs("segments" if segments is None else "data", "readable", "damaged")
            self._data.update(_DAMAGED)
            self._full.add(self._chunk, 0, (), _DAMAGED)
            return
        if sum(segment.length for segment in segments) != len(data):
            self._differs("segments", f"{len(data)} bytes", "another length")
        self._entries += sum(segment.lines for segment in segments)
        self._bytes += len(data)
        self._data.update(data)
        first_seq = columns.get("first_seq")
        self._full.add(self._chunk, first_seq if type(first_seq) is int else 0, segments, data)

    def _compare(self) -> None:
        attempt = self._attempt
        sealed = attempt.log_digest
        found: str | None = None
        if self._count:
            is_full = sealed is None or covers_everything(sealed)
            found = self._full.text if is_full else self._data.hexdigest()
        if found != sealed:
            self._findings.add(
                Verdict.MODIFIED,
                "log",
                seq=self._seq,
                expected=sealed,
                found=found,
                message=f"the stored output of attempt {attempt.attempt} of `{attempt.task_id}`"
                " is not what the chain sealed",
            )
            return
        for name, expected, counted in (
            ("log_entry_count", attempt.log_entry_count, self._entries),
            ("log_bytes", attempt.log_bytes, self._bytes),
        ):
            if expected != counted:
                self._differs(name, expected, counted)

    def _differs(self, name: str, expected: object, found: object) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            f"log_chunk.{name}",
            seq=self._seq,
            expected=expected,
            found=found,
            message=f"chunk {self._chunk} of {self._name}, stored as row {show(self._row)}:"
            f" {name} is {show(found)}, not {show(expected)}",
        )
