"""Ending what lost runners have left running before anything is repeated, and saying so."""

from core.domain.fold import Snapshot
from core.domain.state_word import counted
from core.domain.states import AttemptState
from core.machine.owned_folder import (
    SCRIPT_PREFIX,
    VALUES_PREFIX,
    memory_folders,
    remove_abandoned_folders,
    temporary_folder,
)
from core.machine.runner_identity import is_alive
from core.ports.control import Lease
from core.ports.executor import NOTHING_ABANDONED, Abandoned

_MOST_NAMED = 5


async def end_processes(snapshot: Snapshot, before: Lease | None) -> Abandoned:
    """End the processes that runners have left of an execution; return what was found.

    For who holds the lease, or has fenced the former owner, whose lease was `before`. Does nothing
    unless that owner is known to be dead: from another machine nothing can be ended here.
    """
    if before is not None and is_alive(before.identity) is not False:
        return NOTHING_ABANDONED
    from core.executors.abandoned import end_abandoned  # commands load it only if a runner is lost

    remove_abandoned_folders(SCRIPT_PREFIX, (temporary_folder(),))
    remove_abandoned_folders(VALUES_PREFIX, {*memory_folders(), temporary_folder()})
    execution_id = snapshot.current.execution_id
    newest = {task_id: tries[-1] for task_id, tries in snapshot.attempts.items() if tries}
    return await end_abandoned(
        execution_id,
        newest={task_id: attempt.attempt for task_id, attempt in newest.items()},
        running=frozenset(
            task_id
            for task_id, attempt in newest.items()
            if attempt.state in {AttemptState.RUNNING, AttemptState.LOST}
        ),
        left=_left(snapshot),
        runner=None if before is None else before.identity,
    )


def _left(snapshot: Snapshot) -> frozenset[tuple[int, int]]:
    """Return pid and start of what steps left running that was to end with the execution."""
    return frozenset(
        (one["pid"], one["start"])
        for tries in snapshot.attempts.values()
        for attempt in tries
        if attempt.census is not None
        for one in attempt.census.get("left", ())
        if "start" in one
    )


def ended_text(abandoned: Abandoned) -> str | None:
    """Say what was ended, None if there was nothing.

    Programs are named without their arguments: these may hold a secret that only the runner knew.
    """
    found = abandoned.found
    if not found:
        return None
    count = counted(len(found), "process", "processes")
    named = ", ".join(
        f"{one.command.split(' ', 1)[0]} (pid {one.pid})" for one in found[:_MOST_NAMED]
    )
    if len(found) > _MOST_NAMED:
        named += f" and {len(found) - _MOST_NAMED} more"
    text = f"{count} that it had left running: {named}"
    if abandoned.survivors:
        text += f"; {abandoned.survivors} could not be ended"
    return text
