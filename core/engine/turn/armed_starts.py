"""Attempts whose start is recorded ahead of a free slot, so that no slot waits for a commit.

The next ready steps are armed in a commit that is made anyway; when an attempt succeeds, the next
armed one starts at once and its start is told with the next commit. An armed attempt is durable
before its process exists. Whether it has started is known here alone in the meantime: after a crash
each is taken as one that may have run, so only what is safe to repeat is armed. As soon as anything
is in sight that may hold attempts back, nothing armed is started until the engine has taken it in.
"""

from collections import deque
from collections.abc import Callable

from core.domain.events import AttemptArmed, AttemptDisarmed
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.engine.engine_recorder import EngineRecorder
from core.engine.gated_attempt import gated
from core.engine.preparation import Prepared, RunContext, prepare
from core.planning.planner import Planner
from core.security.attempt_gate import ALLOWED
from core.step_type.registry import SUB_MISSION_TYPES, step_type
from core.step_type.step_type import Mode

ARMED_FOR_EACH_SLOT = 3
"""How many attempts are armed at most, by the attempts that may run at once: enough that some are
left when the commit that arms the next ones is durable."""

LEFT_FOR_EACH_SLOT = 1
"""With so many left the next commit is no longer delayed."""

RECENT_ENDS = 8
"""Of so many attempts that ended last most must be short, else arming gains nothing."""

SHORT_SECONDS = 0.05
""""Short" is an attempt that takes less: some ten times as long as a commit."""


class ArmedStarts:
    """Arms attempts and starts them in order: `begin` makes a task of each."""

    def __init__(
        self,
        run_context: RunContext,
        planner: Planner,
        recorder: EngineRecorder,
        begin: Callable[[Prepared, int], None],
        *,
        is_allowed: bool,
    ) -> None:
        self._run_context = run_context
        self._planner = planner
        self._recorder = recorder
        self._begin = begin
        self._is_allowed = is_allowed and not run_context.mission.secrets
        self._durable: deque[tuple[Prepared, int]] = deque()
        self._recorded: list[tuple[Prepared, int]] = []
        self._begun: set[str] = set()
        """Started, and not yet told to the planner."""
        self._free = 0
        """Slots of ends that the planner has not been told of, less those taken since."""
        self._is_held = True
        self._recent: deque[bool] = deque(maxlen=RECENT_ENDS)
        self._never: set[str] = set()
        """Task runs that the gate does not simply let through."""

    # --- between turns --------------------------------------------------------------------------

    def hold(self) -> None:
        """Start nothing until the engine has taken in what happened."""
        self._is_held = True

    def close(self) -> None:
        """Start nothing any more."""
        self._is_held = True
        self._durable.clear()
        self._recorded.clear()

    def slot_freed(self, task_id: str) -> None:
        """Use the slot of an attempt that succeeded."""
        if task_id in self._begun:
            self._begun.discard(task_id)
        elif not self._planner.holds_slot(task_id):
            return
        self._free += 1
        self._use_free_slots()

    def committed(self) -> None:
        """Take note that what was recorded is durable; use the slots that fell free meanwhile."""
        self._durable.extend(self._recorded)
        self._recorded.clear()
        self._use_free_slots()

    def _use_free_slots(self) -> None:
        while self._free and not self._is_held:
            found = self._next()
            if found is None:
                return
            self._free -= 1
            self._begun.add(found[0].task.task_id)
            self._begin(*found)

    def _next(self) -> tuple[Prepared, int] | None:
        """Return the next armed attempt; those whose step was ended in the meantime are dropped."""
        while self._durable:
            found = self._durable.popleft()
            if self._recorder.snapshot.tasks[found[0].task.task_id].is_armed:
                return found
        return None

    # --- in a turn ------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Tell whether no attempt is armed."""
        return not self._durable and not self._recorded

    @property
    def has_enough(self) -> bool:
        """Tell whether starts go on without a commit for some time."""
        left = LEFT_FOR_EACH_SLOT * self._planner.parallel_limit
        return not self._is_held and len(self._durable) > left

    def attempt_ended(self, seconds: float | None) -> None:
        """Take note of how long an attempt took; None if that is not known."""
        self._recent.append(seconds is not None and seconds < SHORT_SECONDS)

    def all_taken_in(self) -> None:
        """Take note that the planner knows of every end and every start."""
        self._begun.clear()
        self._free = 0

    def start_next(self) -> tuple[Prepared, int] | None:
        """Return the armed attempt that there is a free slot for; the caller starts it at once."""
        if not self._durable or not self._planner.may_arm or not self._planner.has_free_slot:
            return None
        return self._next()

    def arm(self, *, is_calm: bool, is_decided: bool) -> None:
        """Record the next starts as far as that is safe, and gains something.

        `is_calm`: the circuit breaker holds nothing back. Else, and when paused, nothing stays
        armed; what a stop ends is no longer armed by that. Unless `is_decided`, more follows from
        the states than this turn could fold, and nothing is started before that.
        """
        tasks = self._recorder.snapshot.tasks
        self._durable = deque(one for one in self._durable if tasks[one[0].task.task_id].is_armed)
        self._is_held = not is_calm or not is_decided or not self._planner.may_arm
        if not is_calm or not self._planner.may_arm:
            self._disarm()
        if self._is_held:
            return
        if not self._is_allowed or 2 * sum(self._recent) <= RECENT_ENDS:
            return
        if self._planner.has_free_slot:
            return  # nothing waits for one
        wanted = ARMED_FOR_EACH_SLOT * self._planner.parallel_limit
        while len(self._durable) + len(self._recorded) < wanted:
            task_id = self._planner.next_to_arm()
            if task_id is None or not self._arm(task_id):
                return

    def _arm(self, task_id: str) -> bool:
        """Record the start of an attempt; False, and nothing is done, where that may not be."""
        task = self._recorder.snapshot.tasks[task_id]
        step = self._planner.step_of(task_id)
        if task_id in self._never or not _may_be_armed(task, step):
            return False
        if self._planner.has_breakpoint(task_id):
            return False
        attempt = task.attempt + 1
        prepared, answer = gated(self._run_context, prepare(self._run_context, task, step), attempt)
        if prepared.refusal is not None or answer is not ALLOWED:
            self._never.add(task_id)  # it starts in the ordinary way, which records all of that
            return False
        self._planner.armed()
        self._recorder.emit(
            AttemptArmed(
                at=self._run_context.clock.now(),
                execution_id=task.execution_id,
                task_id=task_id,
                attempt=attempt,
                inputs=prepared.inputs,
            )
        )
        self._recorded.append((prepared, attempt))
        return True

    def _disarm(self) -> None:
        """Let every armed attempt wait for a slot again, in the batch that holds it back."""
        waiting = [*self._durable, *self._recorded]
        self._durable.clear()
        self._recorded.clear()
        if self._planner.ends_what_runs:
            return  # their steps end with the stop
        for prepared, attempt in waiting:
            task = self._recorder.snapshot.tasks[prepared.task.task_id]
            if task.is_armed:
                self._recorder.emit(
                    AttemptDisarmed(
                        at=self._run_context.clock.now(),
                        execution_id=task.execution_id,
                        task_id=task.task_id,
                        attempt=attempt,
                        message="it was not started",
                    )
                )


def _may_be_armed(task: TaskRun, step: MissionStep) -> bool:
    """Tell whether an attempt is an ordinary first one, of a step that is safe to repeat."""
    kind = step_type(step.step_type)
    return (
        kind is not None
        and kind.mode is Mode.ASYNC
        and not kind.only_waits
        and step.step_type not in SUB_MISSION_TYPES
        and step.idempotent
        and not step.env_files  # they are read just before an attempt, and recorded
        and not step.preconditions  # they decide when an attempt starts
        and step.repeat is None
        and not step.service
        and step.mutex is None
        and not step.declares_files  # what starts it also invalidates its record
        and not task.attempt
        and task.reason_code is Reason.DEPS_MET
        and task.message is None
    )
