"""Rebuilds every execution from the chain and compares it with the projected tables."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from core.audit.format.known_type import KNOWN_TYPES
from core.audit.format.prune_record import PrunedOutput
from core.audit.verify.compare import OutputCounts, Rebuilt, compare
from core.audit.verify.log_events.prune_check import Pruned
from core.audit.verify.mission_check import MISSION_TYPES, MissionCheck
from core.audit.verify.rebuild import RebuildError, event_of
from core.audit.verify.source import SUB_CHAIN, ChainSource
from core.audit.verify.verdict import Findings, Verdict, show
from core.audit.verify.walk_state import SubChainState
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
        self._output = OutputCounts() if logs else None
        self._open: dict[str, Rebuilt] = {}
        self._seen: dict[str, int] = {}
        """Every execution of the chain, and its place in the order of their first events."""
        self._missions = MissionCheck(findings)
        self._is_damaged = False
        self._run_numbers: dict[str, int] = {}
        """The last run number of each workflow, in the order of the chain."""
        self.pruned_logs: Mapping[str, Pruned] = {}
        """The executions whose output was pruned, by id."""
        self.unjudged = 0
        """Executions whose records differ and that hold events of unknown types."""

    def mark_unreliable(self) -> None:
        """Stop comparing the open executions: the chain is damaged among their events."""
        self._is_damaged = True
        for rebuilt in self._open.values():
            rebuilt.is_unreliable = True

    def pruned(self, found: Pruned) -> None:
        """Take note of an execution that was pruned, where its first event stands."""
        entry = found.entry
        last = self._run_numbers.get(entry.workflow_id, 0)
        self._run_numbers[entry.workflow_id] = max(last, entry.run_number)
        self._missions.pruned(
            entry.mission_sha256, int(entry.created_at), entry.mission_name, entry.mission_format
        )

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
            self._seen.setdefault(execution_id, len(self._seen))
            # After damage, the first events of an execution may be among the lost ones.
            rebuilt.is_unreliable = self._is_damaged and kind != ExecutionCreated.type
        if rebuilt.is_unreliable:
            return
        if kind not in KNOWN_TYPES:
            rebuilt.is_partial = True
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
            snapshot = rebuilt.snapshot
            apply(snapshot, event)
            execution = snapshot.execution or snapshot.current
            if execution.updated_at > rebuilt.latest:
                rebuilt.latest = execution.updated_at
            if kind in MISSION_TYPES:
                self._missions.event(seq, event)
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

    def finalized(self, execution_id: str, sub: SubChainState) -> None:
        """Compare an execution whose sub-chain is closed, and drop it."""
        rebuilt = self._open.pop(execution_id, None)
        if rebuilt is not None:
            self._compare(execution_id, rebuilt, sub, is_final=True)

    def finish(self, subs: Mapping[str, SubChainState]) -> None:
        """Check what is open, with its sub-chains, then what belongs to no single execution."""
        for execution_id, rebuilt in self._open.items():
            self._compare(execution_id, rebuilt, subs.get(execution_id), is_final=False)
        self._check_executions()
        self._missions.finish(self._source.missions(), is_complete=not self._is_damaged)
        if not self._is_damaged:
            self._check_run_numbers()

    @property
    def output(self) -> OutputCounts:
        """What of the stored output no digest covers."""
        return self._output or OutputCounts()

    def _check_executions(self) -> None:
        """Find executions that are not in the chain, or that stand in another order than there."""
        last = -1
        is_sorted = True
        for stored in self._source.execution_ids():
            place = self._seen.get(stored) if isinstance(stored, str) else None
            if place is None:
                self._findings.add(
                    Verdict.MODIFIED,
                    "execution",
                    found=stored,
                    message=f"execution {show(stored)} is in the table and not in the chain",
                )
            elif is_sorted and place < last and not self._is_damaged:
                is_sorted = False
                self._findings.add(
                    Verdict.MODIFIED,
                    "execution.id",
                    found=stored,
                    message=f"execution {show(stored)} stands in the table behind a later one",
                )
            else:
                last = place

    def _check_run_numbers(self) -> None:
        left = dict(self._run_numbers)
        for workflow_id, last in self._source.last_run_numbers():
            expected = left.pop(workflow_id, None) if isinstance(workflow_id, str) else None
            if type(last) is not int or last != expected:
                self._number_differs(workflow_id, expected, last)
        for workflow_id, expected in left.items():
            self._number_differs(workflow_id, expected, None)

    def _number_differs(self, workflow_id: object, expected: object, found: object) -> None:
        self._findings.add(
            Verdict.MODIFIED,
            "run_number.last",
            expected=expected,
            found=found,
            message=f"the last run number of workflow {show(workflow_id)} is {show(found)} in the"
            f" table, {show(expected)} by the chain",
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

    def _compare(
        self, execution_id: str, rebuilt: Rebuilt, sub: SubChainState | None, *, is_final: bool
    ) -> None:
        if rebuilt.is_unreliable or rebuilt.snapshot.execution is None:
            return
        findings = Findings() if rebuilt.is_partial else self._findings
        compare(
            self._source, findings, execution_id, rebuilt, is_final=is_final, output=self._output,
            pruned_output=self._pruned_output(execution_id),
        )  # fmt: skip
        if rebuilt.is_partial and findings.count:
            self.unjudged += 1
        elif sub is not None:
            count = len(rebuilt.snapshot.tasks)
            self._compare_sub_chain(execution_id, sub, task_count=count, is_final=is_final)

    def _pruned_output(self, execution_id: str) -> PrunedOutput | None:
        found = self.pruned_logs.get(execution_id)
        return None if found is None else found.entry.output

    def _compare_sub_chain(
        self, execution_id: str, sub: SubChainState, *, task_count: int, is_final: bool
    ) -> None:
        """Compare the columns that bound an execution's events for readers and the writer."""
        record = self._source.execution(execution_id)
        if record is None:
            return
        expected = (
            task_count,
            sub.events,
            sub.first_seq,
            sub.last_seq,
            bytes.fromhex(sub.last_hash),
            int(is_final),
        )
        for name, value in zip(SUB_CHAIN, expected, strict=True):
            found = record.get(name)
            if type(found) is not type(value) or found != value:
                self._findings.add(
                    Verdict.MODIFIED,
                    name,
                    seq=sub.last_seq,
                    expected=value,
                    found=found,
                    message=f"execution {execution_id} says {name} {show(found)}, the chain says"
                    f" {show(value)}",
                )

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
                f"execution {show(execution_id)} has other steps than the chain: there {count}"
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
