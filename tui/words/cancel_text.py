"""The effect of a cancellation in one or two sentences, for the dialog and the command line."""

from collections.abc import Mapping, Sequence

from core.domain.mission import Mission, MissionStep
from core.domain.process_policy import DEFAULT_GRACE_SECONDS, StopSignal, stop_over
from core.domain.records import TaskRun
from core.domain.state_word import counted
from core.planning.cancel_scope import CancelScope
from core.step_type.registry import PROCESS_TYPES
from tui.words.numbers import rough

KILL_TEXT = "what runs gets SIGKILL, the rest is skipped. No handler runs."
KILL_STEP_TEXT = "what runs of it gets SIGKILL."

MAX_NAMED_HANDLERS = 6
"""How many handlers are named; the others are counted."""


def cancel_text(scope: CancelScope, tasks: Mapping[str, TaskRun], mission: Mission | None) -> str:
    """Return what is stopped, withdrawn, cancelled and skipped, and which handlers then run."""
    if scope.is_empty:
        return "nothing is left to cancel."
    return f"{stop_text(scope, tasks, mission)}. {_handlers(scope)}"


def signal_text(
    name: str, scope: CancelScope | None, tasks: Mapping[str, TaskRun], mission: Mission
) -> str:
    """Return what a signal to a runner does, and what the next one would do.

    `scope` is what the signal stops; None for a signal that kills what is still running.
    """
    if scope is None:
        return f"{name}: killing what still runs"
    effect = cancel_text(scope, tasks, mission)
    handlers = " and leaves the handlers out" if mission.handlers.all else ""
    return f"{name}: stopping; {effect} Once more kills what is left{handlers}."


def stop_text(scope: CancelScope, tasks: Mapping[str, TaskRun], mission: Mission | None) -> str:
    """Return what is stopped, withdrawn, cancelled and skipped, as part of a sentence."""
    steps = {step.id: step for step in mission.all_steps} if mission else {}
    effects: list[str] = []
    if scope.ended:
        is_one = len(scope.ended) == 1
        signals = {
            _stop_signal(steps.get(tasks[one].parent_task_id or one), mission)
            for one in scope.ended
        }
        how = "is stopped" if is_one else "are stopped"
        if len(signals) == 1 and None not in signals:
            how = f"{'gets' if is_one else 'get'} SIG{signals.pop()}"
        effects.append(f"{_number(scope.ended, tasks, 'running ')} {how}")
    if scope.withdrawn:
        is_one = len(scope.withdrawn) == 1
        noun = "approval is" if is_one else "approvals are"
        effects.append(f"{len(scope.withdrawn):,} {noun} withdrawn")
    if scope.cancelled:
        is_one = len(scope.cancelled) == 1
        which = "that waits is" if is_one else "that wait are"
        effects.append(f"{_number(scope.cancelled, tasks)} {which} cancelled")
    if scope.skipped:
        is_one = len(scope.skipped) == 1
        which = "that has not started is" if is_one else "that have not started are"
        effects.append(f"{_number(scope.skipped, tasks)} {which} skipped")
    return ", ".join(effects)


def stopping_text(
    step: MissionStep | None,
    mission: Mission | None,
    processes: int | None,
    *,
    since_seconds: float,
) -> str | None:
    """Return how far the end of a running step is, `since_seconds` after the cancel of its run.

    "SIGTERM 2s ago, 3 processes remain, SIGKILL in 3s"; None for a step that runs no process, or
    whose definition is not known. `processes` is how many it has now, None if that is not known.
    """
    signal = _stop_signal(step, mission)
    if signal is None or step is None or mission is None:
        return None
    grace = stop_over(step.stop, mission.config.stop).grace
    left = (DEFAULT_GRACE_SECONDS if grace is None else grace) - since_seconds
    parts = [f"SIG{signal} {rough(since_seconds)} ago"]
    if processes is not None:
        verb = "remains" if processes == 1 else "remain"
        parts.append(f"{counted(processes, 'process', 'processes')} {verb}")
    parts.append(f"SIGKILL in {rough(left)}" if left >= 0.5 else "SIGKILL is due")
    return ", ".join(parts)


def _stop_signal(step: MissionStep | None, mission: Mission | None) -> StopSignal | None:
    """Return the first signal sent to a step that runs a process, None for any other step."""
    if mission is None or step is None or step.step_type not in PROCESS_TYPES:
        return None
    return stop_over(step.stop, mission.config.stop).signal or StopSignal.TERM


def _number(ids: Sequence[str], tasks: Mapping[str, TaskRun], kind: str = "") -> str:
    items = sum(tasks[one].parent_task_id is not None for one in ids)
    noun = "steps and items" if 0 < items < len(ids) else "item" if items else "step"
    plural = "" if len(ids) == 1 or noun.endswith("s") else "s"
    return f"{len(ids):,} {kind}{noun}{plural}"


def _handlers(scope: CancelScope) -> str:
    if not scope.handlers_known:
        return "Its handlers for a cancel run then, if it has any."
    names = [f"`{name}`" for name in scope.handlers]
    if not names:
        return "No handler runs."
    if len(names) == 1:
        return f"Then the handler {names[0]} runs."
    if len(names) > MAX_NAMED_HANDLERS:
        names = [*names[:MAX_NAMED_HANDLERS], f"{len(names) - MAX_NAMED_HANDLERS} more"]
    return f"Then the handlers {', '.join(names[:-1])} and {names[-1]} run."
