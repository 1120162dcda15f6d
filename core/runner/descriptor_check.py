"""Refuses a run that could never start a step for want of file descriptors."""

import resource

from core.domain.breaker_policy import BreakerPolicy
from core.errors import UnavailableError
from core.machine.machine_pressure import MachinePressure


def require_descriptors(policy: BreakerPolicy) -> None:
    """Raise `UnavailableError` when the limit is too low for the circuit breaker ever to close.

    For a runner before its first step: what it has open by then it never closes.
    """
    free = MachinePressure(()).free_open_files()
    if free is None or free >= policy.free_open_files:
        return
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    raise UnavailableError(
        f"this process may have {limit} files open, {limit - free} are open before the first step,"
        f" and {policy.free_open_files} must be free for any to start: none ever could",
        hint="allow it more, `ulimit -n 1024`, or lower `config.breaker.free_open_files`",
    )
