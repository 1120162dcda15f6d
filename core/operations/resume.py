"""Continue a paused execution, or one whose runner died."""

from enum import Enum

from core.domain.records import Execution
from core.domain.states import ExecutionState, is_terminal
from core.errors import ConflictError, UnavailableError
from core.launch.run_label import full_argument, full_label
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.operations.request import request
from core.operations.site import Site
from core.planning.recovery import AssumeLost
from core.ports.control import RequestKind
from core.ports.reader import Reader


class Resumed(Enum):
    """Who continues a resumed execution."""

    ITS_RUNNER = "its runner"
    A_NEW_RUNNER = "a new runner"


async def resume(
    site: Site, reader: Reader, execution: Execution, *, assume_lost: AssumeLost | None = None
) -> Resumed:
    """Resume by request where a runner lives, by a new runner where none does; return which.

    `assume_lost` says what to do with the attempts that a runner lost; without it those of steps
    that are not idempotent are not repeated, and nothing is resumed.

    Raises `ConflictError` when the execution has ended, is not paused, or is a part of another one
    that is to be resumed itself, and for `assume_lost` while its runner lives; `UnavailableError`
    when its runner does not answer.
    """
    if is_terminal(execution.state):
        raise ConflictError(f"{full_label(execution)} has ended: {execution.state}")
    if is_owned(reader.lease(execution.execution_id), site.clock.now()):
        if assume_lost is not None:
            raise ConflictError(
                f"the runner of {full_label(execution)} lives: it has lost no attempt about which"
                f" --assume-lost={assume_lost} could decide",
                hint=f"mission resume {full_argument(execution)}",
            )
        asked = await request(site, reader, execution, RequestKind.RESUME)
        if not asked.settled:
            raise UnavailableError(
                f"the runner of {full_label(execution)} has not answered yet",
                hint="the request waits for it; `mission show` tells whether it goes on",
            )
        return Resumed.ITS_RUNNER
    whole = resumed_with(reader, execution)
    if whole is not execution:
        raise ConflictError(
            f"{full_label(execution)} is a part of {full_label(whole)},"
            " which goes on with it when it is resumed itself",
            hint=f"mission resume {full_argument(whole)}",
        )
    await site.start_runner(execution.execution_id, assume_lost=assume_lost)
    return Resumed.A_NEW_RUNNER


async def resume_if_abandoned(site: Site, reader: Reader, execution_id: str) -> None:
    """Start a new runner for an execution that has not ended and has none; else do nothing.

    One that is PENDING is left alone: its runner is still starting, for without it the execution
    would have been recorded as lost, and be PAUSED. Raises `ConflictError` as `resume` does.
    """
    lease = reader.lease(execution_id)
    execution = reader.find_execution(execution_id)
    is_left = not is_terminal(execution.state) and execution.state is not ExecutionState.PENDING
    if is_left and not is_owned(lease, site.clock.now()):
        await resume(site, reader, execution)
