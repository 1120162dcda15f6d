"""Which steps their dependencies let run: counters, the queue of steps to evaluate, and verdicts.

Reads the snapshot, never writes. A plain `all_success` step is evaluated when its last dependency
has ended, or at once when one did not succeed; a step with another rule keeps running counts, so
that a fan-in of thousands stays linear.
"""

from collections import deque

from core.domain.fold import Snapshot
from core.domain.mission import Mission, TriggerRule
from core.domain.reasons import Reason
from core.domain.state_word import state_word
from core.domain.states import TaskState, is_terminal
from core.graph.dag import Graph
from core.planning.services.needed_services import is_serving
from core.planning.trigger_rule import Outcomes, Verdict, judge

_SATISFYING = frozenset({"ok", "tolerated"})
_NOT_RUN_BUT_WELL = frozenset({Reason.NOT_SELECTED, Reason.UP_TO_DATE})
"""Skipped for reasons that let what depends on it run."""
_ENDED_WITHOUT_SUCCESS = frozenset({TaskState.FAILED, TaskState.CANCELLED, TaskState.SKIPPED})


class Dependencies:
    """The dependencies of one mission and how far they are met. Steps are named by their index."""

    def __init__(self, mission: Mission, graph: Graph, snapshot: Snapshot) -> None:
        self._steps = mission.steps
        self._graph = graph
        self._snapshot = snapshot
        self._blockers = [len(upstream) for upstream in graph.upstream]
        self._seen = {
            index: Outcomes(pending=self._blockers[index])
            for index, step in enumerate(mission.steps)
            if step.trigger_rule is not TriggerRule.ALL_SUCCESS
        }
        self._unsatisfied: set[int] = set()
        """Steps with at least one upstream step that has ended without success."""
        self._due = deque(range(len(mission.steps)))
        self._serving: set[int] = set()
        """Services that are ready."""
        self.unsettled = len(mission.steps)
        """Steps that have not ended."""
        for index in range(len(mission.steps)):
            if is_terminal(self._state(index)):
                self.settle(index)
        self._due = deque(index for index in self._due if self._may_be_due(index))

    def serve(self, index: int) -> None:
        """Count a service that is ready as met, though it has not ended."""
        self._serving.add(index)
        self._count(index)

    def settle(self, index: int) -> None:
        """Count a step as ended and queue the steps that its end may decide."""
        self.unsettled -= 1
        if index in self._serving:
            self._settle_service(index)
        else:
            self._count(index)

    def _settle_service(self, index: int) -> None:
        """Take back that a service is met if it ends badly, for steps not yet decided."""
        self._serving.discard(index)
        if self._kind(index) in _SATISFYING:
            return
        for child in self._graph.downstream[index]:
            self._unsatisfied.add(child)
            if child in self._seen:
                self._seen[child] = self._outcomes(child)
            self._due.append(child)

    def _count(self, index: int) -> None:
        kind = self._kind(index)
        is_bad = kind not in _SATISFYING
        blockers, all_seen = self._blockers, self._seen
        for child in self._graph.downstream[index]:
            blockers[child] -= 1
            if is_bad:
                self._unsatisfied.add(child)
            seen = all_seen.get(child) if all_seen else None
            if seen is not None:
                seen.pending -= 1
                setattr(seen, kind, getattr(seen, kind) + 1)
            if not blockers[child] or seen is not None or is_bad:
                self._due.append(child)

    def reopen(self, index: int) -> None:
        """Undo the end of a step that a user retries."""
        self.unsettled += 1
        for child in self._graph.downstream[index]:
            self._blockers[child] += 1
            if child in self._seen:  # the snapshot no longer has its previous end, so recount
                self._seen[child] = self._outcomes(child)
        if self._state(index) is TaskState.PENDING:
            self._due.append(index)

    def next_due(self) -> int | None:
        """Return the next PENDING step whose verdict may have changed, or None."""
        due, tasks, steps = self._due, self._snapshot.tasks, self._steps
        while due:
            index = due.popleft()
            if tasks[steps[index].id].state is TaskState.PENDING:
                return index
        return None

    def verdict(self, index: int) -> Verdict:
        """Return what the step's trigger rule says now."""
        seen = self._seen.get(index)
        if seen is None and index not in self._unsatisfied:  # the usual rule, and all well so far
            return Verdict.WAIT if self._blockers[index] else Verdict.RUN
        rule = self._steps[index].trigger_rule
        return judge(rule, self._outcomes(index) if seen is None else seen)

    def skip_reason(self, index: int, verdict: Verdict) -> tuple[Reason, str]:
        """Return why a verdict skips a step, naming the upstream steps that caused it."""
        causes: list[str] = []
        for up in self._graph.upstream[index]:
            task = self._snapshot.tasks[self._steps[up].id]
            if task.state in _ENDED_WITHOUT_SUCCESS:
                causes.append(f"`{task.task_id}` {state_word(task.state)}")
        named = ", ".join(causes[:3]) + (f" and {len(causes) - 3} more" if causes[3:] else "")
        if verdict is Verdict.SKIP_FAILED:
            return Reason.UPSTREAM_FAILED, named
        if verdict is Verdict.SKIP_SKIPPED:
            return Reason.UPSTREAM_SKIPPED, named
        rule = f"{self._steps[index].trigger_rule} cannot be met"
        return Reason.TRIGGER_RULE, f"{rule}: {named}" if named else rule

    def _may_be_due(self, index: int) -> bool:
        if self._state(index) is not TaskState.PENDING:
            return False
        return index in self._seen or self.verdict(index) is not Verdict.WAIT

    def _state(self, index: int) -> TaskState:
        return self._snapshot.tasks[self._steps[index].id].state

    def _outcomes(self, index: int) -> Outcomes:
        seen = Outcomes()
        for up in self._graph.upstream[index]:
            kind = self._kind(up)
            setattr(seen, kind, getattr(seen, kind) + 1)
        return seen

    def _kind(self, index: int) -> str:
        """Return the field of `Outcomes` that a step counts in for its dependents."""
        task = self._snapshot.tasks[self._steps[index].id]
        state = task.state
        if state is TaskState.SUCCESS or task.reason_code in _NOT_RUN_BUT_WELL:
            return "ok"
        if is_serving(task):
            return "ok"
        if state is TaskState.FAILED or state is TaskState.CANCELLED:
            return "tolerated" if self._steps[index].continue_on_error else "failed"
        if state is TaskState.SKIPPED:
            return "failed" if task.reason_code is Reason.UPSTREAM_FAILED else "skipped"
        return "pending"
