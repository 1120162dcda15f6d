"""Compares the records folded from an execution's events with the rows of the tables."""

import hashlib
import json
import re
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from msgspec import Struct, field

from core.audit.format.body import MAX_NAME_CHARACTERS
from core.audit.format.canonical import CanonicalError, clean, clean_text, dump
from core.audit.format.prune_record import PrunedOutput
from core.audit.verify.output_check import OutputCheck, is_unsealed
from core.audit.verify.rebuild import DigestOnly
from core.audit.verify.source import ATTEMPT, EXECUTION, TASK_RUN, ChainSource, Record
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.events import dump_json
from core.domain.fold import Snapshot
from core.domain.records import Attempt, Execution
from core.domain.states import State
from core.output.log_digest import covers_everything

_LABELS = {"exit_code": "exit", "reason_code": "reason", "log_entry_count": "log entries"}
_TASK_FIELDS = tuple(name for name in TASK_RUN if name != "item")
_COUNTS = ("counts", "item_counts")
_EXECUTION_FIELDS = tuple(name for name in EXECUTION if name not in _COUNTS)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Of every record all fields are read: at once, which takes a third of the time of one by one.
_task_values = attrgetter(*_TASK_FIELDS)
_attempt_values = attrgetter(*ATTEMPT)


class Rebuilt(Struct):
    """One execution as its events tell it.

    `seqs` names the last event behind each record: by None (the execution), task id, or (task id,
    attempt). `items` holds the digest of each fan-out's items. `is_partial`: some of its events are
    of types that this version does not know, so that a difference proves nothing. `latest` is the
    latest `updated_at` that any of the events gave to the execution.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    seqs: dict[object, int] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    is_unreliable: bool = False
    is_partial: bool = False
    latest: int = 0


class OutputCounts(Struct):
    """How many attempts have output that is sealed only in part, or not at all."""

    data_only: int = 0
    """Sealed by an older version: times, levels and streams are not covered by the digest."""
    unsealed: int = 0
    """Attempts that are running, or whose runner died before it could seal their output."""


def compare(
    source: ChainSource,
    findings: Findings,
    execution_id: str,
    rebuilt: Rebuilt,
    *,
    is_final: bool,
    output: OutputCounts | None,
    pruned_output: PrunedOutput | None = None,
) -> None:
    """Add a finding for every difference between `rebuilt` and what `source` has stored.

    `is_final`: the execution is finalised. `output`: also compare the stored output, and count in
    it what no digest covers. `pruned_output`: the output was pruned, so that of each attempt may be
    gone, all of it.
    """
    comparison = _Comparison(source, findings, execution_id, rebuilt, pruned_output)
    comparison.run(is_final=is_final, output=output)


class _Comparison:
    def __init__(
        self,
        source: ChainSource,
        findings: Findings,
        execution_id: str,
        rebuilt: Rebuilt,
        pruned_output: PrunedOutput | None,
    ) -> None:
        self._source = source
        self._findings = findings
        self._execution_id = execution_id
        self._rebuilt = rebuilt
        self._pruned_output = pruned_output

    def run(self, *, is_final: bool, output: OutputCounts | None) -> None:
        record = self._source.execution(self._execution_id)
        if record is None:
            self._absent(f"execution {self._execution_id}", "execution", self._execution_id)
            return
        self._compare_execution(self._rebuilt.snapshot.current, record, is_final=is_final)
        self._compare_tasks()
        self._compare_attempts(output)

    def _compare_execution(self, expected: Execution, record: Record, *, is_final: bool) -> None:
        subject = f"execution {self._execution_id}"
        seq = self._rebuilt.seqs.get(None)
        ahead = self._ahead(expected, is_final=is_final)
        for name in _EXECUTION_FIELDS:
            value, found = getattr(expected, name), record.get(name)
            if name in ahead:
                agrees = type(found) is int and any(found in one for one in ahead[name])
                value = ahead[name][0][-1]
            else:
                agrees = _agrees(value, found)
            if not agrees:
                self._differs(subject, name, seq, value, found)
        for name in _COUNTS:
            counts, found = getattr(self._rebuilt.snapshot, name), record.get(name)
            if not _is_json_of(found, counts):
                self._differs(subject, name, seq, json.dumps(counts), found)

    def _ahead(self, expected: Execution, *, is_final: bool) -> dict[str, tuple[range, ...]]:
        """Return the values that may stand where the table is ahead of the chain.

        Output that is not sealed yet, or never was, is counted in the table but not in the chain.
        An update never sets `updated_at` back, as the events may if the clock was set back.
        """
        attempts = self._rebuilt.snapshot.attempts.values()
        if is_final and not any(is_unsealed(attempt) for tries in attempts for attempt in tries):
            return {}
        totals = self._source.output_totals(self._execution_id)
        entries, latest = (value if type(value) is int else 0 for value in totals)
        if self._pruned_output is not None:
            entries = self._pruned_output.entries
        if is_final:
            sealed = expected.log_entry_count
            return {"log_entry_count": (range(sealed, sealed + 1), range(entries, entries + 1))}
        first = max(expected.updated_at, latest)
        last = max(self._rebuilt.latest, first)
        return {
            "log_entry_count": (range(entries, entries + 1),),
            "updated_at": (range(first, last + 1),),
        }

    def _compare_tasks(self) -> None:
        seqs = self._rebuilt.seqs
        left = dict(self._rebuilt.snapshot.tasks)
        items: dict[str, list[str]] = {}
        for record in self._source.task_runs(self._execution_id):
            task_id = record.get("task_id")
            task = left.pop(task_id, None) if isinstance(task_id, str) else None
            if task is None:
                self._stray(f"step `{show(task_id)}`", "step", task_id)
                continue
            subject = f"step `{task.task_id}`"
            found_values = map(record.get, _TASK_FIELDS)
            for name, value, found in zip(
                _TASK_FIELDS, _task_values(task), found_values, strict=True
            ):
                if value is not found and not _agrees(value, found):
                    seq = seqs.get(task.task_id, seqs.get(None))
                    self._differs(subject, name, seq, value, found)
            item = record.get("item")
            if task.parent_task_id is not None:
                text = "null" if item is None else item if isinstance(item, str) else ""
                items.setdefault(task.parent_task_id, []).append(text)
            elif item is not None:
                self._differs(subject, "item", None, None, item)
        for task_id in left:
            self._absent(f"step `{task_id}`", "step", task_id)
        for parent, digest in self._rebuilt.items.items():
            stored = '{"items":[' + ",".join(items.get(parent, ())) + "]}"
            if _digest(stored) != digest:
                self._differs(
                    f"step `{parent}`", "items", seqs.get(parent), DigestOnly(digest), stored
                )

    def _compare_attempts(self, output: OutputCounts | None) -> None:
        left: dict[tuple[object, object], Attempt] = {
            (attempt.task_id, attempt.attempt): attempt
            for tries in self._rebuilt.snapshot.attempts.values()
            for attempt in tries
        }
        with_output = set(self._source.attempts_with_output(self._execution_id))
        for record in self._source.attempts(self._execution_id):
            task_id, number = record.get("task_id"), record.get("attempt")
            attempt = None
            if isinstance(task_id, str) and type(number) is int:
                attempt = left.pop((task_id, number), None)
            if attempt is None:
                self._stray(f"attempt {show(number)} of `{show(task_id)}`", "attempt", number)
                continue
            subject = f"attempt {attempt.attempt} of `{attempt.task_id}`"
            seq = self._rebuilt.seqs.get((attempt.task_id, attempt.attempt))
            found_values = map(record.get, ATTEMPT)
            for name, value, found in zip(
                ATTEMPT, _attempt_values(attempt), found_values, strict=True
            ):
                if value is not found and not _agrees(value, found):
                    self._differs(subject, name, seq, value, found)
            is_stored = (attempt.task_id, attempt.attempt) in with_output
            if output is not None and (
                is_stored or (_says_output(attempt) and self._pruned_output is None)
            ):
                self._compare_output(attempt, seq, output)
        for attempt in left.values():
            self._absent(
                f"attempt {attempt.attempt} of `{attempt.task_id}`", "attempt", attempt.attempt
            )

    def _compare_output(self, attempt: Attempt, seq: int | None, counts: OutputCounts) -> None:
        check = OutputCheck(self._findings, self._execution_id, attempt, seq)
        check.run(self._source.output(self._execution_id, attempt.task_id, attempt.attempt))
        if is_unsealed(attempt):
            counts.unsealed += not check.is_empty
        elif attempt.log_digest is not None and not covers_everything(attempt.log_digest):
            counts.data_only += 1

    # --- findings ----------------------------------------------------------------------------

    def _differs(
        self, subject: str, name: str, seq: int | None, expected: object, found: object
    ) -> None:
        label = _LABELS.get(name, name.replace("_", " "))
        if isinstance(expected, DigestOnly):
            message = f"the {label} of {subject} are not those the chain sealed"
            expected, found = expected.digest, _digest(found) if isinstance(found, str) else found
        else:
            expected = expected.value if isinstance(expected, State) else expected
            message = f"{subject} says {label} {show(found)}, the chain says {show(expected)}"
        self._findings.add(
            Verdict.MODIFIED, name, seq=seq, expected=expected, found=found, message=message
        )

    def _stray(self, what: str, name: str, found: object) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            name,
            found=found,
            message=f"{what} of execution {self._execution_id} is in the table,"
            " and not in the chain",
        )

    def _absent(self, what: str, name: str, expected: object) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            name,
            expected=expected,
            message=f"{what} is in the chain and not in the table",
        )


def _agrees(expected: Any, found: object) -> bool:
    """Tell whether a stored value equals the folded one; texts in the chain are cleaned."""
    if expected is None:
        return found is None
    if type(expected) is int:
        return type(found) is int and found == expected
    if type(expected) is bool:
        return type(found) is int and found == int(expected)
    if isinstance(expected, State):
        return isinstance(found, str) and found == expected.text
    if isinstance(expected, DigestOnly):
        return isinstance(found, str) and _digest(found) == expected.digest
    if isinstance(expected, tuple):
        return found == dump_json(list(expected))
    if isinstance(expected, str):
        if not isinstance(found, str) or found == expected:
            return found == expected
        # Text with lone surrogates is never stored: it would not be the text that readers show.
        cleaned = (clean_text(found), clean_text(found, MAX_NAME_CHARACTERS))
        return expected in cleaned and not _SURROGATE.search(found)
    if isinstance(expected, Mapping):
        return _is_json_of(found, expected)
    return type(found) is type(expected) and found == expected


def _says_output(attempt: Attempt) -> bool:
    """Tell whether an attempt has output by the chain."""
    return attempt.log_digest is not None or attempt.log_entry_count != 0 or attempt.log_bytes != 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_json_of(text: object, expected: Mapping[str, Any]) -> bool:
    """Tell whether `text` is the JSON text of data that the chain has (cleaned), in any order."""
    if not isinstance(text, str):
        return False
    try:
        found = json.loads(text)
        return dump_json(found) == text and dump(clean(found)) == dump(clean(expected))
    except (ValueError, TypeError, RecursionError, CanonicalError):
        return False
