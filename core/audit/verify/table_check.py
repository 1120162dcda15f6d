"""Rebuilds every execution from the chain and compares it with the projected tables."""

from collections.abc import Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

from msgspec.structs import replace

from core.audit.format.known_type import is_known_type
from core.audit.verify.compare import Rebuilt, compare
from core.audit.verify.rebuild import RebuildError, event_of
from core.audit.verify.source import ChainSource
from core.audit.verify.verdict import Findings, Verdict, show
from core.domain.events import ExecutionCreated, StepExpanded, steps_digest
from core.domain.fold import apply
from core.errors import BugError


class StepsDifferError(RebuildError):
    """Raised when the steps in the table differ from those with which the execution was created."""


class TableCheck:
    """Folds events and compares the results; keeps only executions that are not finalised yet."""

    def __init__(self, source: ChainSource, findings: Findings, *, logs: bool) -> None:
        self._source = source
        self._findings = findings
        self._logs = logs
        self._open: dict[str, Rebuilt] = {}
        self._seen: set[str] = set()
        self._is_damaged = False
        self._run_numbers: dict[str, int] = {}
        """The last run number of each workflow, in the order of the chain."""
        self.unjudged = 0
        """Executions whose records differ and that hold events of unknown types."""

    def mark_unreliable(self) -> None:
        """Stop comparing the open executions: the chain is damaged among their events."""
        self._is_damaged = True
        for rebuilt in self._open.values():
            rebuilt.is_unreliable = True

    def event(
        self,
        seq: int,
        kind: str,
        details: Mapping[str, Any],
        *,
        ts: int,
        actor: str,
        execution_id: str,
        task_id: str | None,
        attempt: int | None,
    ) -> None:
        """Fold one event of an execution."""
        rebuilt = self._open.get(execution_id)
        if rebuilt is None:
            rebuilt = self._open[execution_id] = Rebuilt()
            self._seen.add(execution_id)
            # After damage, the first events of an execution may be among the lost ones.
            rebuilt.is_unreliable = self._is_damaged and kind != ExecutionCreated.type
        if rebuilt.is_unreliable:
            return
        rebuilt.is_partial = rebuilt.is_partial or not is_known_type(kind)
        try:
            event = event_of(
                kind,
                details,
                ts=ts,
                actor=actor,
                execution_id=execution_id,
                task_id=task_id,
                step_ids=lambda: self._step_ids(execution_id, details),
            )
            if isinstance(event, ExecutionCreated):
                event = self._numbered(event)
            apply(rebuilt.snapshot, event)
        except StepsDifferError as error:
            rebuilt.is_unreliable = True
            self._findings.add(Verdict.MODIFIED, "steps", seq=seq, message=error.message)
            return
        except (RebuildError, BugError, KeyError) as error:
            # A BugError here means that the fold rejects the events, not that there is a bug.
            rebuilt.is_unreliable = True
            if rebuilt.is_partial:
                self.unjudged += 1
                return
            reason = f"no step {error}" if isinstance(error, KeyError) else str(error)
            self._findings.add(
                Verdict.MODIFIED,
                "details",
                seq=seq,
                message=f"{show(kind)} of execution {show(execution_id)}: {show(reason)}",
            )
            return
        if task_id is None:
            rebuilt.seqs[None] = seq
        else:
            rebuilt.seqs[task_id] = seq
            if attempt is not None:
                rebuilt.seqs[task_id, attempt] = seq
            if kind == StepExpanded.type:
                rebuilt.items[task_id] = details["items_sha256"]

    def finalized(self, execution_id: str) -> None:
        """Compare an execution whose sub-chain is closed, and drop it."""
        rebuilt = self._open.pop(execution_id, None)
        if rebuilt is not None:
            self._compare(execution_id, rebuilt, is_final=True)

    def finish(self) -> None:
        """Check open executions, executions without events, and the mission files."""
        for execution_id, rebuilt in self._open.items():
            self._compare(execution_id, rebuilt, is_final=False)
        for stored in self._source.execution_ids():
            if not isinstance(stored, str) or stored not in self._seen:
                self._findings.add(
                    Verdict.MODIFIED,
                    "execution",
                    found=stored,
                    message=f"execution {show(stored)} is in the table and not in the chain",
                )
        for digest, content in self._source.missions():
            found = sha256(content).hexdigest() if isinstance(content, bytes) else None
            if found != digest:
                self._findings.add(
                    Verdict.MODIFIED,
                    "mission",
                    expected=digest,
                    found=found,
                    message=f"the stored mission file {show(digest, 12)} is not the one it was",
                )

    def _numbered(self, event: ExecutionCreated) -> ExecutionCreated:
        """Return `execution.created` with its run number, counted if its version had none.

        Raises `RebuildError` for a signed number that its workflow has already used. After damage,
        earlier creations may be missing; then only signed numbers are compared with the table.
        """
        last = self._run_numbers.get(event.workflow_id, 0)
        number = event.run_number
        if number is None:
            number = last + 1
            if self._is_damaged:
                stored = (self._source.execution(event.execution_id) or {}).get("run_number")
                number = stored if type(stored) is int else number
        elif number <= last and not self._is_damaged:
            raise RebuildError(f"run number {number} follows {last}")
        self._run_numbers[event.workflow_id] = max(last, number)
        return replace(event, run_number=number)

    def _compare(self, execution_id: str, rebuilt: Rebuilt, *, is_final: bool) -> None:
        if rebuilt.is_unreliable or rebuilt.snapshot.execution is None:
            return
        findings = Findings() if rebuilt.is_partial else self._findings
        compare(self._source, findings, execution_id, rebuilt, is_final=is_final, logs=self._logs)
        if rebuilt.is_partial and findings.count:
            self.unjudged += 1

    def _step_ids(self, execution_id: str, details: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the steps of an execution from the table, checked against the chain's digest."""
        count = details.get("step_count")
        if type(count) is not int or count < 0:
            raise RebuildError("details without the number step_count")
        records = (
            record
            for record in self._source.task_runs(execution_id)
            if record.get("parent_task_id") is None
        )
        found = [record.get("task_id") for record in islice(records, count + 1)]
        steps = tuple(step for step in found if isinstance(step, str))
        if len(found) != count or len(steps) != count:
            raise StepsDifferError(
                f"execution {show(execution_id)} does not have the {count} steps of the chain"
            )
        try:
            digest = steps_digest(steps)
        except UnicodeEncodeError:
            digest = ""
        if digest != details.get("steps_sha256"):
            raise StepsDifferError(
                f"the steps of execution {show(execution_id)} are not those of the chain"
            )
        return steps
