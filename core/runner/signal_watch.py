"""Turns the signals of the process into requests to engines: the first cancels, the next kills."""

import signal
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from msgspec import Struct

from core.engine.loop import Engine
from core.planning.cancel_scope import cancel_scope
from core.ports.control import Request, RequestKind
from core.ports.executor import Executor
from core.runner.drive_plan import DrivePlan, SignalReceived


class StoppedBy(Struct):
    """The first signal that stopped an execution, None while there was none."""

    number: int | None = None


@asynccontextmanager
async def signals_watched(
    engine: Engine, plan: DrivePlan, executor: Executor
) -> AsyncIterator[StoppedBy]:
    """Let the first SIGINT or SIGTERM cancel gracefully and a second one kill; ignore SIGHUP."""
    stopped = StoppedBy()

    def on_signal(number: int) -> None:
        name = signal.Signals(number).name
        if stopped.number is None:
            stopped.number = number
            execution = plan.snapshot.current
            scope = cancel_scope(
                plan.snapshot.tasks.values(),
                plan.mission,
                is_repeated=execution.cancel_requested_at is not None,
            )
            _report(plan, SignalReceived(name=name, scope=scope))
            engine.request(cancel_request(plan, name))
        else:
            _report(plan, SignalReceived(name=name, scope=None))
            executor.hurry()
            plan.signals.insist()

    with plan.signals, plan.signals.heard_by(on_signal), killed_by_second_signal(engine, plan):
        yield stopped


def killed_by_second_signal(engine: Engine, plan: DrivePlan) -> AbstractContextManager[None]:
    """Cancel an engine's handlers, too, when a second signal comes."""
    return plan.signals.insisting(
        lambda: engine.request(cancel_request(plan, "a second signal", force=True))
    )


def cancel_request(plan: DrivePlan, message: str, *, force: bool = False) -> Request:
    """Return a request of the runner itself to cancel its execution; `force` ends handlers too."""
    execution = plan.snapshot.current
    return Request(
        request_id=0,
        execution_id=execution.execution_id,
        kind=RequestKind.CANCEL,
        actor=plan.actor,
        created_at=execution.updated_at,
        arguments={"message": message, "force": force},
    )


def _report(plan: DrivePlan, received: SignalReceived) -> None:
    if plan.on_signal is not None:
        plan.on_signal(received)
