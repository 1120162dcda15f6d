"""Checks what is gone from a log against the events `log.pruned` that name it.

What these say is read ahead, because they stand behind what they name; it counts only once the walk
has met them as undamaged, signed events of the chain.
"""

from collections.abc import Container, Iterable, Mapping

from msgspec import Struct, field

from core.audit.format.prune_record import (
    LOG_PRUNED,
    LeavesDigest,
    PrunedExecution,
    PruneRecord,
    is_sealed_by,
    read_body,
)
from core.audit.verify.source import ChainSource
from core.audit.verify.verdict import Findings, PruneNote, Verdict, show
from core.domain.state_word import counted


class Pruned(Struct):
    """An execution that the event `seq` names as pruned, and its events as they are met."""

    entry: PrunedExecution
    seq: int
    leaves: LeavesDigest = field(default_factory=LeavesDigest)


class PruneCheck:
    """Knows all that was pruned; memory grows with the number of pruned executions."""

    def __init__(self, source: ChainSource, findings: Findings) -> None:
        self._source = source
        self._findings = findings
        self._by_row: dict[int, Pruned] = {}
        self._by_id: dict[str, Pruned] = {}
        self._logs: dict[str, Pruned] = {}
        self._waiting: dict[int, PruneRecord] = {}
        self._met: list[tuple[int, PruneRecord]] = []
        self._notes: list[PruneNote] = []
        for seq, body in source.prunes():
            record = read_body(body)
            if record is not None and type(seq) is int:
                self._read(seq, record)

    def _read(self, seq: int, record: PruneRecord) -> None:
        self._waiting[seq] = record
        for entry in record.executions:
            if record.what == "logs":
                self._logs[entry.execution_id] = Pruned(entry, seq)
            elif entry.row in self._by_row or entry.execution_id in self._by_id:
                self._bad(seq, f"execution {show(entry.execution_id)} is pruned a second time")
            else:
                found = Pruned(entry, seq)
                self._by_row[entry.row] = self._by_id[entry.execution_id] = found

    @property
    def executions(self) -> Mapping[str, Pruned]:
        """All executions that are pruned as a whole, by id."""
        return self._by_id

    @property
    def logs(self) -> Mapping[str, Pruned]:
        """All executions whose output alone is pruned, by id."""
        return self._logs

    @property
    def notes(self) -> tuple[PruneNote, ...]:
        """What the prune events say that were met in the chain, in its order."""
        return tuple(self._notes)

    def take_hash(self, seq: int, row: int, leaf: bytes) -> Pruned | None:
        """Take an event of which only the hash is left; None if no prune event names it."""
        found = self._by_row.get(row)
        if found is None or not found.entry.first_seq <= seq <= found.entry.last_seq:
            return None
        found.leaves.add(seq, leaf)
        return found

    def take_event(self, execution_id: str, seq: int, leaf: bytes) -> Pruned | None:
        """Take an event that is still there; None if it is not of a pruned execution."""
        found = self._by_id.get(execution_id)
        if found is not None:
            found.leaves.add(seq, leaf)
        return found

    def confirm(self, seq: int, ts: int, actor: str, open_executions: Container[str]) -> None:
        """Take note that event `seq` of the chain is a `log.pruned`."""
        record = self._waiting.pop(seq, None)
        if record is None:
            self._bad(seq, f"the table does not have what {LOG_PRUNED} {seq} names")
            return
        self._met.append((seq, record))
        for entry in record.executions:
            if entry.execution_id in open_executions or entry.last_seq >= seq:
                self._bad(
                    seq, f"execution {show(entry.execution_id)} had not ended when it was pruned"
                )
        is_whole = record.what == "executions"
        ends = [int(entry.ended_at) for entry in record.executions]
        self._notes.append(
            PruneNote(
                seq=seq,
                at=ts,
                actor=actor,
                what=record.what,
                executions=len(record.executions),
                events=sum(entry.events for entry in record.executions) if is_whole else 0,
                output_bytes=sum(entry.output.bytes for entry in record.executions),
                first_ended=min(ends, default=0),
                last_ended=max(ends, default=0),
                policy=record.policy,
                archive=record.archive,
            )
        )

    def finish(self, *, is_damaged: bool, has_tables: bool, after: int = 0) -> None:
        """Compare the digests of what is gone, and the tables, with what was named.

        Only events behind `after` were read.
        """
        for seq in (one for one in self._waiting if one > after):
            self._bad(seq, f"event {seq} prunes something and is not in the chain as it was read")
        if not is_damaged:
            for found in self._by_id.values():
                if found.entry.first_seq > after:
                    self._compare(found)
        if has_tables:
            self._check_table()
            self._check_gaps()

    def _compare(self, found: Pruned) -> None:
        entry, leaves = found.entry, found.leaves
        named = (entry.events, entry.first_seq, entry.last_seq, entry.leaves_sha256)
        if (leaves.count, leaves.first_seq, leaves.last_seq, leaves.text) != named:
            self._findings.add(
                Verdict.MISSING if leaves.count < entry.events else Verdict.MODIFIED,
                "pruned_event",
                seq=found.seq,
                expected=f"{counted(entry.events, 'event')}, {entry.leaves_sha256}",
                found=f"{counted(leaves.count, 'event')}, {leaves.text}",
                message=f"the events of the pruned execution {show(entry.execution_id)} are not"
                " those that were named when it was pruned",
            )
        elif not is_sealed_by(entry, leaves.last_hash):
            self._bad(
                found.seq,
                f"execution {show(entry.execution_id)} was pruned without the proof that it had"
                " ended",
            )

    def _check_table(self) -> None:
        """Compare the rows that allow a removal with the events that do."""
        named = {
            (entry.row, record.what, entry.execution_id, seq)
            for seq, record in self._met
            for entry in record.executions
        }
        for row in self._source.prune_rows():
            if row in named:
                named.discard(row)
            else:
                self._bad(None, f"the table prune has {show(row[2])}, which no event names", row[3])
        for _, what, execution_id, seq in named:
            self._bad(seq, f"the table prune lacks {what} of execution {show(execution_id)}")

    def _check_gaps(self) -> None:
        """Find output that is gone and that no prune event names."""
        gaps = list(self._source.output_gaps())
        if not gaps:
            return
        named = [
            entry.output
            for _, record in self._met
            for entry in record.executions
            if entry.output.chunks
        ]
        missing = sum(last - first + 1 for first, last in gaps)
        spans = _merged((one.first_row, one.last_row) for one in named)
        is_named = all(
            any(first <= gap[0] and gap[1] <= last for first, last in spans) for gap in gaps
        )
        if not is_named or missing > sum(one.chunks for one in named):
            self._findings.add(
                Verdict.MODIFIED,
                "file",
                message=f"{counted(missing, 'row')} of log_chunk missing, from {gaps[0][0]} to"
                f" {gaps[-1][1]}, and no prune event names all of them",
            )

    def _bad(self, seq: int | None, message: str, found: object = None) -> None:
        self._findings.add(Verdict.MODIFIED, "prune", seq=seq, found=found, message=message)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
