"""Go on with a paused execution, or with one whose runner is gone."""

from enum import Enum

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.errors import ConflictError, UnavailableError
from core.launch.run_label import full_argument, full_label
from core.machine.ownership import is_owned
from core.operations.ancestry import resumed_with
from core.operations.request import request
from core.operations.site import Site
from core.ports.control import RequestKind
from core.ports.reader import Reader


class Resumed(Enum):
    """Who goes on with a resumed execution."""

    ITS_RUNNER = "its runner"
    A_NEW_RUNNER = "a new runner"


async def resume(
    site: Site, reader: Reader, execution: Execution, *, run_again: bool = False
) -> Resumed:
    """Resume by request where a runner lives, by a new runner where none does; return which.

    `run_again` consents to repeating lost attempts of steps that are not idempotent.

    Raises `ConflictError` when the execution has ended, is not paused, or is a part of another one
    that is to be resumed itself; `UnavailableError` when its runner does not answer.
    """
    if is_terminal(execution.state):
        raise ConflictError(f"{full_label(execution)} has ended: {execution.state}")
    if is_owned(reader.lease(execution.execution_id), site.clock.now()):
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
    await site.start_runner(execution.execution_id, run_again=run_again)
    return Resumed.A_NEW_RUNNER
