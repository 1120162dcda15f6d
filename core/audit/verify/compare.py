"""Compares the records folded from an execution's events with the rows of the tables."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from core.audit.format.body import MAX_NAME_CHARACTERS
from core.audit.format.canonical import clean, clean_text
from core.audit.verify.rebuild import DigestOnly
from core.audit.verify.source import ATTEMPT, EXECUTION, TASK_RUN, ChainSource, Record
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.fold import Snapshot
from core.domain.records import Attempt, Execution
from core.domain.states import AttemptState, State

_LABELS = {"exit_code": "exit", "reason_code": "reason", "log_entry_count": "log entries"}
_TASK_FIELDS = tuple(name for name in TASK_RUN if name != "item")
_COUNTS = ("counts", "item_counts")
_EXECUTION_FIELDS = tuple(name for name in EXECUTION if name not in _COUNTS)


class Rebuilt(Struct):
    """One execution as its events tell it.

    `seqs` names the last event behind each record: by None (the execution), task id, or (task id,
    attempt). `items` holds the digest of each fan-out's items. `is_partial`: some of its events are
    of types that this version does not know, so that a difference proves nothing.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    seqs: dict[object, int] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    is_unreliable: bool = False
    is_partial: bool = False


def compare(
    source: ChainSource,
    findings: Findings,
    execution_id: str,
    rebuilt: Rebuilt,
    *,
    is_final: bool,
    logs: bool,
) -> None:
    """Add a finding for every difference between `rebuilt` and what `source` has stored.

    `is_final`: the execution is finalised. `logs`: also compare the digest of the stored output.
    """
    _Comparison(source, findings, execution_id, rebuilt).run(is_final=is_final, logs=logs)


class _Comparison:
    def __init__(
        self, source: ChainSource, findings: Findings, execution_id: str, rebuilt: Rebuilt
    ) -> None:
        self._source = source
        self._findings = findings
        self._execution_id = execution_id
        self._rebuilt = rebuilt

    def run(self, *, is_final: bool, logs: bool) -> None:
        record = self._source.execution(self._execution_id)
        if record is None:
            self._absent(f"execution {self._execution_id}", "execution", self._execution_id)
            return
        self._compare_execution(self._rebuilt.snapshot.current, record, is_final=is_final)
        self._compare_tasks()
        self._compare_attempts(logs=logs)

    def _compare_execution(self, expected: Execution, record: Record, *, is_final: bool) -> None:
        subject = f"execution {self._execution_id}"
        seq = self._rebuilt.seqs.get(None)
        # Output that is not sealed yet, or never was, is counted in the table but not in the chain.
        ahead = {"log_entry_count"} if not is_final or self._has_unsealed_output() else set()
        if not is_final:
            ahead.add("updated_at")
        for name in _EXECUTION_FIELDS:
            value, found = getattr(expected, name), record.get(name)
            if name in ahead:
                if type(found) is not int or found < value:
                    self._differs(subject, name, seq, value, found)
            elif not _agrees(value, found):
                self._differs(subject, name, seq, value, found)
        for name in _COUNTS:
            counts, found = getattr(self._rebuilt.snapshot, name), record.get(name)
            if _parsed(found) != counts:
                self._differs(subject, name, seq, json.dumps(counts), found)

    def _has_unsealed_output(self) -> bool:
        attempts = self._rebuilt.snapshot.attempts.values()
        return any(_is_unsealed(attempt) for tries in attempts for attempt in tries)

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
            for name in _TASK_FIELDS:
                value, found = getattr(task, name), record.get(name)
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

    def _compare_attempts(self, *, logs: bool) -> None:
        left: dict[tuple[object, object], Attempt] = {
            (attempt.task_id, attempt.attempt): attempt
            for tries in self._rebuilt.snapshot.attempts.values()
            for attempt in tries
        }
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
            for name in ATTEMPT:
                value, found = getattr(attempt, name), record.get(name)
                if value is not found and not _agrees(value, found):
                    self._differs(subject, name, seq, value, found)
            if logs:
                self._compare_log(attempt, seq)
        for attempt in left.values():
            self._absent(
                f"attempt {attempt.attempt} of `{attempt.task_id}`", "attempt", attempt.attempt
            )

    def _compare_log(self, attempt: Attempt, seq: int | None) -> None:
        if _is_unsealed(attempt):
            return
        found = _log_digest(self._source, self._execution_id, attempt)
        if found != attempt.log_digest:
            self._findings.add(
                Verdict.MODIFIED,
                "log",
                seq=seq,
                expected=attempt.log_digest,
                found=found,
                message=f"the stored output of attempt {attempt.attempt} of `{attempt.task_id}`"
                " is not what the chain sealed",
            )

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
    if isinstance(expected, DigestOnly):
        return isinstance(found, str) and _digest(found) == expected.digest
    if isinstance(expected, State):
        return isinstance(found, str) and found == expected.value
    if isinstance(expected, Mapping):
        return bool(_parsed(found) == clean(expected))
    if isinstance(expected, str):
        return isinstance(found, str) and (
            found == expected
            or expected in (clean_text(found), clean_text(found, MAX_NAME_CHARACTERS))
        )
    return type(found) is type(expected) and found == expected


def _is_unsealed(attempt: Attempt) -> bool:
    """Tell whether the attempt is running, or its runner died before sealing its output."""
    return attempt.state is AttemptState.RUNNING or (
        attempt.state is AttemptState.LOST and attempt.log_digest is None
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _log_digest(source: ChainSource, execution_id: str, attempt: Attempt) -> str | None:
    digest = hashlib.sha256()
    is_empty = True
    for data in source.log_data(execution_id, attempt.task_id, attempt.attempt):
        is_empty = False
        digest.update(data if isinstance(data, bytes) else b"\xff damaged")
    return None if is_empty else digest.hexdigest()


def _parsed(text: object) -> object:
    """Return the value of JSON text, or the value itself if it is not text."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return None
